"""Milliseconds per 600x400 picture of the default stylizer with every smoother: wall clock and CPU, best of five.

python tests/benchmarks/bench_stylize.py
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from synth.stylization import monge_kantorovich, pipeline
from synth.stylization.pipeline import StyleConfig
from synth.stylization.smoothers import SMOOTHERS


def best_ms(call: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Returns the shortest wall-clock and CPU time of some runs."""
    times = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return 1e3 * min(wall for wall, _ in times), 1e3 * min(cpu for _, cpu in times)


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photograph-like picture [400, 600, 3] uint8, two synthetic people (a quarter of it), one real one."""
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.random((400, 600, 3)).astype(np.float32), (0, 0), 8)
    image = np.clip((noise - 0.4) * 1200 + rng.normal(0, 5, noise.shape), 0, 255).astype(np.uint8)
    synthetic, real = np.zeros((400, 600), bool), np.zeros((400, 600), bool)
    synthetic[40:360, 60:160] = synthetic[60:380, 250:340] = real[50:380, 400:500] = True
    return image, synthetic, real


def main() -> None:
    """Prints the table."""
    image, synthetic, real = scene()
    print("mk with smoother   wall ms   CPU ms")
    for name in ("none", "gif_masked", "matting_cg"):
        repeats = 1 if name.startswith("matting") else 5

        def run(name: str = name) -> object:
            return pipeline.stylize_people(
                image, synthetic, image, real, monge_kantorovich.transfer, SMOOTHERS[name], StyleConfig()
            )

        wall, cpu = best_ms(run, repeats)
        print(f"{name:16s} {wall:9.0f} {cpu:8.0f}")


if __name__ == "__main__":
    main()
