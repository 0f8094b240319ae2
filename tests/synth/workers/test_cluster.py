"""Ray clusters as docs/how-to/render_on_a_cluster.md says: a token on all machines, one of two cut off half way."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from openpose_tf.common.imaging import images
from openpose_tf.data.annotations.image_dataset_schema import image_name, sample_paths
from tests.support.commands import run_command, start_command, wait_until
from tests.support.net_namespaces import two_machines

NUM_IMAGES = 24
PORT = 6379
TOKEN = "made-up-for-this-test-and-of-no-use-elsewhere"
SMALL = ("--image_size=96", "--samples=2", "--people_mean=1", "--seed=4", f"--num_images={NUM_IMAGES}")
# A machine that does not answer for 3 s is lost; Ray's own patience is about a minute.
IMPATIENT = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
pytestmark = pytest.mark.slow


@contextlib.contextmanager
def cluster():
    """Yields two machines with a Ray node each, and the environment of a command that may use them."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Ray's sockets need a short path
    base = {"HOME": str(folder), "RAY_USAGE_STATS_ENABLED": "0", **IMPATIENT}
    given = {**base, "RAY_AUTH_MODE": "token"}  # and the token in ~/.ray, as that page says
    (folder / ".ray").mkdir()
    (folder / ".ray" / "auth_token").write_text(TOKEN)
    with two_machines() as machines, contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        head = ("--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder / 's'}")
        for machine, flags in zip(machines, (head, (f"--address={machines[0].address}:{PORT}",))):
            own = (f"--node-ip-address={machine.address}", "--num-cpus=1", "--block")
            path = folder / f"{machine.name}.log"
            log = stack.enter_context(path.open("w"))
            process = start_command(
                "ray.scripts.scripts", "start", *flags, *own, env=given, prefix=machine.prefix, stdout=log, stderr=log
            )
            stack.callback(process.communicate, timeout=60)
            stack.callback(process.terminate)  # with --block it ends its node
            wait_until(lambda path=path: "block forever" in path.read_text(), process)
        yield machines, base, given


def render(machines, folder):
    address = f"--ray_address={machines[0].address}:{PORT}"
    return ("synth.render", f"--output_dir={folder}", *SMALL, "--num_workers=2", address)


def pixels(folder, number):
    paths = sample_paths(folder, image_name(number))
    return images.read_rgb(paths["image"], orientation="stored")


@pytest.mark.blender
def test_two_machines_of_which_one_is_cut_off_make_the_pictures_of_one(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    run_command("synth.render", f"--output_dir={one}", *SMALL)
    with cluster() as (machines, without_token, given):
        refused = run_command(*render(machines, two), code=2, env=without_token, prefix=machines[0].prefix)
        assert "the cluster demands its token: copy" in refused.stderr and "RAY_AUTH_MODE=token" in refused.stderr
        process = start_command(*render(machines, two), env=given, prefix=machines[0].prefix)
        wait_until(lambda: len(list((two / "annotations").glob("*/0*.json"))) >= 2, process)
        wait_until(lambda: any("ray::_in_worker" in title for title in machines[1].titles()), process)
        machines[1].cable("down")  # in the middle of a picture
        _, error = process.communicate(timeout=280)
        assert process.returncode == 0, error[-3000:]
        assert "failed (attempt 1): " in error  # of the machine that was cut off
    for number in range(NUM_IMAGES):
        np.testing.assert_array_equal(pixels(two, number), pixels(one, number))
