"""Work in stages: each runs once, what stopped is called again, other settings are refused."""

import signal
import time

import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.common.stages import Stage, StageLog, run_stages

FIX = "remove it"


def test_times_of_a_stage_add_up_and_other_settings_are_refused(tmp_path):
    stage = Stage("a", "title", ("module", "--x=1"))
    log = StageLog.open(tmp_path / "stages.json", FIX)
    log.add(stage, 2.0, done=False)
    log.add(stage, 3.0, done=True)
    again = StageLog.open(tmp_path / "stages.json", FIX)
    assert again.is_done(stage)
    assert again.rows["a"]["seconds"] == 5.0
    with pytest.raises(UserError, match=r"other settings \(stage 'a': module --x=1, now module --x=2\): remove it"):
        again.is_done(Stage("a", "title", ("module", "--x=2")))


def test_a_stage_of_an_older_folder_is_done_under_the_old_names_of_its_flags(tmp_path):
    log = StageLog.open(tmp_path / "stages.json", FIX)
    log.add(Stage("a", "title", ("module", "--input=a", "--output=b")), 1.0, done=True)
    assert log.is_done(Stage("a", "title", ("module", "--input_dir=a", "--output_file=b")))
    with pytest.raises(UserError, match="other settings"):
        log.is_done(Stage("a", "title", ("module", "--input_dir=a", "--output_file=c")))


def test_a_failing_stage_stops_the_rest_and_only_it_runs_again(tmp_path):
    """`timeit` stands for long work: a module that every Python runs by `-m`."""
    good = Stage("good", "works", ("timeit", "-n1", "-r1", "pass"))
    bad = Stage("bad", "fails", ("timeit", "-n1", "-r1", "raise ValueError"))
    never = Stage("never", "is not reached", ("timeit", "-n1", "-r1", "pass"))
    path, started = tmp_path / "stages.json", []
    assert run_stages([good, bad, never], StageLog.open(path, FIX), lambda stage: started.append(stage.name)) == 1
    assert started == ["good", "bad"]
    log = StageLog.open(path, FIX)
    assert [log.rows[name]["done"] for name in ("good", "bad")] == [True, False]
    assert run_stages([good, bad], log, lambda stage: started.append(stage.name)) == 1
    assert started == ["good", "bad", "bad"]


def test_ctrl_c_while_a_stage_imports_is_a_stop_without_a_traceback(tmp_path, monkeypatch, capfd):
    (tmp_path / "interrupted.py").write_text(
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it\n"
        "os.kill(os.getpid(), signal.SIGINT)\nprint('went on')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = StageLog.open(tmp_path / "stages.json", FIX)
    with pytest.raises(KeyboardInterrupt):
        run_stages([Stage("a", "title", ("interrupted",))], log)
    told = capfd.readouterr()
    assert "Traceback" not in told.err and "went on" not in told.out and not log.rows["a"]["done"]


def test_sigterm_reaches_the_stage_which_is_not_done(tmp_path, monkeypatch):
    """It ends with exit code 0, as training does, which has then written a checkpoint."""
    (tmp_path / "terminated.py").write_text(
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "os.kill(os.getppid(), signal.SIGTERM)\ntime.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log, before = StageLog.open(tmp_path / "stages.json", FIX), signal.getsignal(signal.SIGTERM)
    start = time.monotonic()
    with pytest.raises(SystemExit) as stop:
        run_stages([Stage("a", "title", ("terminated",)), Stage("b", "never", ("terminated",))], log)
    assert stop.value.code == 143 and time.monotonic() - start < 30
    assert not log.rows["a"]["done"] and "b" not in log.rows
    assert signal.getsignal(signal.SIGTERM) == before
