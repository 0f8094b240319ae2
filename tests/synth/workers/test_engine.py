import os
from pathlib import Path

import pytest

from openpose_tf.common.errors import MachineError, UserError
from synth.workers import cpu_affinity, engine
from synth.workers.engine import EngineConfig


def square(payload, key):
    return payload * key * key


def fail_on_odd(payload, key):
    if key % 2:
        raise ValueError(f"odd {key}")
    return key


def fail_once(payload, key):
    marker = Path(payload) / str(key)
    if not marker.exists():
        marker.touch()
        raise RuntimeError("first time")
    return key


def user_mistake(payload, key):
    raise UserError("the body file is wrong")


def collect(task, payload, keys, **config):
    done = {}
    failures = engine.run(task, payload, keys, EngineConfig(**config), done.__setitem__)
    return done, failures


def test_all_tasks_run_here():
    done, failures = collect(square, 10, range(4))
    assert done == {0: 0, 1: 10, 2: 40, 3: 90} and failures == []


def test_nothing_to_do_starts_nothing():
    assert collect(square, 1, [], num_workers=2) == ({}, [])


def test_failures_are_told_with_their_attempts():
    done, failures = collect(fail_on_odd, None, range(4))
    assert done == {0: 0, 2: 2}
    assert [(one.key, one.attempts) for one in failures] == [(1, 3), (3, 3)]
    assert "odd 1" in failures[0].error


def test_a_task_that_fails_once_succeeds(tmp_path):
    assert collect(fail_once, str(tmp_path), range(3)) == ({0: 0, 1: 1, 2: 2}, [])


def test_a_users_mistake_ends_the_run_at_once():
    with pytest.raises(UserError, match=r"^the body file is wrong$"):  # without Ray's traceback
        collect(user_mistake, None, range(4))


def test_shards_are_disjoint_and_complete():
    parts = [list(EngineConfig(shard_index=i, num_shards=3).shard(10)) for i in range(3)]
    assert parts[1] == [1, 4, 7]
    assert sorted(item for part in parts for item in part) == list(range(10))


def test_a_core_belongs_to_one_process(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second = cpu_affinity._try_lock(0), cpu_affinity._try_lock(0)
    assert first is not None and second is None
    first.close()
    assert cpu_affinity._try_lock(0) is not None


def crash_once(payload, key):
    marker = Path(payload) / str(key)
    if key == 1 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), 9)
    return os.getpid()


def always_crash(payload, key):
    if key == 2:
        os.kill(os.getpid(), 9)
    return len(os.sched_getaffinity(0))


@pytest.mark.slow
def test_ray_retries_a_crashed_worker_and_recycles_workers(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    done, failures = collect(crash_once, str(tmp_path), range(6), num_workers=1, tasks_per_worker=2, pin=False)
    assert failures == [] and sorted(done) == list(range(6))
    pids = list(done.values())
    assert max(pids.count(pid) for pid in pids) <= 2 and os.getpid() not in pids


@pytest.mark.slow
def test_ray_reports_a_task_that_always_crashes_and_pins_workers(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    done, failures = collect(always_crash, None, range(4), num_workers=1)
    assert [(one.key, one.attempts) for one in failures] == [(2, 3)]
    assert sorted(done) == [0, 1, 3]
    assert set(done.values()) == {1}


@pytest.mark.slow
def test_ray_passes_on_a_users_mistake(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    with pytest.raises(UserError, match=r"^the body file is wrong$"):  # without Ray's traceback
        collect(user_mistake, None, range(2), num_workers=1)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_no_cluster_at_the_address_is_a_clear_error(address):
    with pytest.raises(UserError, match="no Ray cluster answers"):
        collect(square, 1, [1], num_workers=1, ray_address=address)


@pytest.mark.slow
def test_a_long_folder_for_temporary_files_is_named(tmp_path, monkeypatch):
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    with pytest.raises(UserError, match="too long for Ray's sockets: set TMPDIR"):
        collect(square, 1, [1], num_workers=1)


@pytest.mark.slow
def test_a_cluster_in_the_environment_is_not_used_unasked(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert collect(square, 10, [2], num_workers=1, pin=False) == ({2: 40}, [])


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ConnectionError("Failed to connect"), UserError, "no Ray cluster there"),
        (RuntimeError("Version mismatch: The cluster was started with Python: 3.10"), UserError, "same Python and Ray"),
        (RuntimeError("gcs_server died"), MachineError, "Ray did not start (gcs_server died)"),
    ],
)
def test_why_ray_did_not_start(error, kind, words):
    explained = engine._explained(error, "host:6379")
    assert type(explained) is kind and words in str(explained)


def test_a_refused_token_is_known_by_the_cause():
    error = ConnectionError("Failed to connect")
    error.__cause__ = RuntimeError("AuthenticationError: RPC error: InvalidAuthToken")
    assert "RAY_AUTH_MODE=token" in str(engine._explained(error, "host:6379"))
