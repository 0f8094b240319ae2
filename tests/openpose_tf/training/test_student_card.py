"""The card of a bundled student tells every run that led to it, from the runs' own files."""

import json

import pytest

from openpose_tf import export
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.config import ModelConfig
from openpose_tf.network.openpose import build_openpose
from openpose_tf.weights import checkpoints

TINY = ModelConfig(width=0.02, num_stages=2, input_size=64)


def write_run(folder, losses, *lines, seed=3):
    folder.mkdir()
    checkpoints.claim_model_dir(folder, TINY.to_json())
    checkpoints.CheckpointStore(folder, {"model": build_openpose(TINY, seed=seed)}, keep=1).save(20 * len(losses))
    (folder / "flags.txt").write_text("\n".join(["--seed=0", "--learning_rate=0.0003", "--nohelp", *lines]) + "\n")
    (folder / "versions.json").write_text(json.dumps({"commit": "abcdef0123", "data": {"real_records_hash": "beef"}}))
    rows = [json.dumps({"step": 20 * (i + 1), "loss": loss}) for i, loss in enumerate(losses)]
    (folder / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def runs(tmp_path):
    first = write_run(tmp_path / "first", [90.0, 80.0], "--init_checkpoint=builtin", "--batch_size=8")
    last = write_run(
        tmp_path / "last", [70.0, 60.0, 50.0], f"--init_checkpoint={first}/ckpt-40", "--grouping=x", seed=4
    )
    return first, last


def options(tmp_path, last, **others):
    paths = {"weights": str(tmp_path / "student.npz"), "card": str(tmp_path / "README.md")} | others
    return export.ExportOptions(str(tmp_path / "saved"), model_dir=str(last), **paths)


def test_the_card_tells_the_runs_from_the_first_on(runs, tmp_path):
    export.export(options(tmp_path, runs[1]), ["help"])
    text = (tmp_path / "README.md").read_text()
    assert "| 1. first | builtin | 40 | 8 | 0 | 0.0003 | 90.0, 80.0 | abcdef0 |" in text
    assert "| 2. last | first/ckpt-40 | 60 | 32 | 0 | 0.0003 | 70.0, 50.0 | abcdef0 |" in text
    assert "--grouping=x" in text and "--nohelp" not in text
    assert str(tmp_path) not in text, "folders of this machine"
    parameters = build_openpose(TINY).count_params()
    assert f"{parameters:,} parameters" in text
    assert "![Loss over the steps of all runs](README_loss.png)" in text
    assert images.read_rgb(tmp_path / "README_loss.png", orientation="stored").shape[2] == 3


def test_a_card_needs_the_file_it_is_about_and_the_runs_files(runs, tmp_path):
    with pytest.raises(UserError, match="--weights name the file"):
        export.export(options(tmp_path, runs[1], weights=None))
    (runs[0] / "metrics.jsonl").write_text("")
    with pytest.raises(UserError, match="no step was logged"):
        export.export(options(tmp_path, runs[1]))
    assert not (tmp_path / "README.md").exists()
