r"""Samples per second from a disk that takes 20 ms per open and per read, by blocks and by single records.

python tests/benchmarks/bench_slow_disk.py [--strace]

A library that gcc compiles here and the loader puts before the C library makes each open of a shard, and each read of
one, wait 20 ms: the latency of a busy network disk. It counts them as well; --strace counts them on the undelayed
disk by strace. Records hold about 130 kB. The aim: blocks are at least 8 times as fast with the same number of threads.
"""

import argparse
import ctypes
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tensorflow as tf

from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.input.open_streams import pipeline_options
from openpose_tf.data.input.sampler import StreamConfig, read_record
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records import writer as records
from openpose_tf.data.records.record_set import load_records
from tests.benchmarks.bench_input import make_sample

DELAY_MS, AIM = 20, 8.0
NUM_RECORDS, NUM_SHARDS, NUM_BATCHES, BATCH, NUM_THREADS = 960, 4, {"blocks": 60, "records": 8}, 8, 2
READINGS = ("records", "blocks")

LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
enum { MOST = 65536 };
static char slow[MOST];
static long opens, reads, bytes;
static void wait_for_disk(void) {
  struct timespec left = {0, DELAY_MS * 1000000L};
  while (nanosleep(&left, &left)) {}
}
static int opened(const char *path, int fd) {
  if (fd < 0 || fd >= MOST) return fd;
  slow[fd] = strstr(path, ".tfrecord-") != NULL;
  if (slow[fd]) { __sync_fetch_and_add(&opens, 1); wait_for_disk(); }
  return fd;
}
#define OPEN(name)                                                        \
  int name(const char *path, int flags, ...) {                            \
    va_list list; va_start(list, flags); int mode = va_arg(list, int); va_end(list); \
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);        \
    return opened(path, next(path, flags, mode));                         \
  }
OPEN(open)
OPEN(open64)
#define PREAD(name)                                                       \
  ssize_t name(int fd, void *to, size_t count, off_t offset) {            \
    static ssize_t (*next)(int, void *, size_t, off_t);                   \
    if (!next) next = dlsym(RTLD_NEXT, #name);                            \
    if (fd >= 0 && fd < MOST && slow[fd]) { __sync_fetch_and_add(&reads, 1); wait_for_disk(); } \
    ssize_t got = next(fd, to, count, offset);                            \
    if (fd >= 0 && fd < MOST && slow[fd] && got > 0) __sync_fetch_and_add(&bytes, got); \
    return got;                                                           \
  }
PREAD(pread)
PREAD(pread64)
void disk_counts(long *to) { to[0] = opens; to[1] = reads; to[2] = bytes; }
"""


def compile_library(folder: Path) -> Path:
    """Returns the delaying library."""
    source, library = folder / "slow_disk.c", folder / "slow_disk.so"
    source.write_text(LIBRARY)
    command = ["gcc", "-O2", "-shared", "-fPIC", f"-DDELAY_MS={DELAY_MS}", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


def write(folder: Path) -> None:
    """Writes the records."""
    samples = [make_sample(number) for number in range(24)]
    with records.RecordWriter(folder, "slow", "train", NUM_SHARDS) as writer:
        for number in range(NUM_RECORDS):
            writer.add(samples[number % len(samples)])


def payloads(stream: SampleStream) -> tf.data.Dataset:
    """Returns batches of the bytes of a stream's records, as it reads them, without decoding."""
    if stream.config.reading == "blocks":
        dataset = stream._reader.dataset(0, NUM_THREADS).map(lambda number, row, payload: payload)
    else:
        paths, shard, offset = (getattr(stream.records, name) for name in ("shard_paths", "shard", "offset"))
        order = np.random.default_rng(0).permutation(len(offset))
        places = tf.data.Dataset.from_tensor_slices((np.array(paths)[shard[order]], offset[order]))
        dataset = places.map(read_record, num_parallel_calls=NUM_THREADS)
    return dataset.batch(BATCH).prefetch(2).with_options(pipeline_options(NUM_THREADS))


def measure(folder: Path, reading: str, input_size: int) -> None:
    """Prints samples per second; run in a process of its own, with the delaying library or without."""
    threads = {"num_threads": NUM_THREADS, "reading": reading}
    config = StreamConfig(Augmentation(input_size), **threads) if input_size else StreamConfig(**threads)
    stream = SampleStream(load_records(folder), None, BATCH, seed=1, config=config)
    batches = iter(lambda: stream.next(), None) if input_size else iter(payloads(stream))
    next(batches)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(NUM_BATCHES[reading]):
        next(batches)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    samples = NUM_BATCHES[reading] * BATCH
    counts = np.zeros(3, np.int64)
    if os.environ.get("LD_PRELOAD"):
        ctypes.CDLL(None).disk_counts(counts.ctypes.data_as(ctypes.c_void_p))
    stream.close()
    del batches
    print("measured", samples, seconds, cpu, *counts)


def run(folder: Path, reading: str, size: int, prefix: list[str], environment: dict[str, str]) -> list[float]:
    """Returns what `measure` prints in a new process."""
    command = [*prefix, sys.executable, __file__, f"--folder={folder}", f"--reading={reading}", f"--input_size={size}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | environment).stdout
    return [float(word) for word in output.split("measured")[1].split()]


def count_by_strace(folder: Path, reading: str, log: Path) -> float:
    """Returns opens and reads of shards per sample that was handed out; the read-ahead of the end counts as well."""
    calls = "trace=open,openat,read,pread64,close"
    samples = run(folder, reading, 368, ["strace", "-f", "-y", "-e", calls, "-o", str(log)], {})[0]
    shard_call = re.compile(r"(openat\(.*\.tfrecord-|open\(.*\.tfrecord-|(pread64|read)\(\d+<[^>]*\.tfrecord-)")
    return sum(1 for line in log.open(errors="replace") if shard_call.search(line)) / (samples + BATCH)


def name_of(size: int) -> str:
    """Returns what is done with the records."""
    return f"to {size} px" if size else "reading only"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strace", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--reading", choices=READINGS)
    parser.add_argument("--input_size", type=int, default=368)
    options = parser.parse_args()
    if options.folder:
        return measure(options.folder, options.reading, options.input_size)
    with tempfile.TemporaryDirectory() as name:
        library = compile_library(Path(name))
        folder = Path(name) / "records"
        write(folder)
        speeds = {}
        print(f"{DELAY_MS} ms per open and per read, {NUM_THREADS} threads, batches of {BATCH}")
        for size in (0, 128, 368):
            for reading in READINGS:
                samples, seconds, cpu, *counts = run(folder, reading, size, [], {"LD_PRELOAD": str(library)})
                speeds[reading] = samples / seconds
                calls = (counts[0] + counts[1]) / samples
                print(
                    f"{name_of(size):12s} {reading:8s} {samples / seconds:8.1f} samples/s, "
                    f"{1e3 * cpu / samples:5.2f} ms CPU, {calls:.2f} opens and reads, "
                    f"{counts[2] / samples / 1e3:.0f} kB per sample"
                )
            ratio = speeds["blocks"] / speeds["records"]
            verdict = "reached" if ratio >= AIM else "MISSED"
            print(f"{name_of(size)}: blocks / records {ratio:.1f} (aim {AIM:.0f}: {verdict})")
        if options.strace:
            for reading in READINGS:
                print(f"strace, {reading}: {count_by_strace(folder, reading, Path(name) / 'log'):.2f} per sample")


if __name__ == "__main__":
    main()
