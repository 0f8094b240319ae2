"""The flagfiles of the paper's rows: each parses, and its run can be built."""

import itertools
import json
import re

import pytest

from eval.metrics import paper_tables
from eval.study import plan as study_plan
from openpose_tf.config import ModelConfig
from openpose_tf.inference import student_file
from openpose_tf.inference.saved_model import ServingConfig
from openpose_tf.network.openpose import build_openpose
from tests.support.checkout import ROOT
from tests.support.commands import run_command
from tests.support.small_records import write_records

CONFIGS = sorted((ROOT / "openpose_tf" / "configs").glob("*.flags"))
MASKED = {"real_mixed_masks", "real_style_masks"}
ROWS = {row.name: row.model for row in study_plan.ROWS}  # flagfile -> the paper's model


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What the run of each flagfile is, at a tiny size, on records of stick people."""
    folder = tmp_path_factory.mktemp("configs")
    write_records(folder / "real", 6, is_synthetic=False)
    write_records(folder / "synthetic", 40, is_synthetic=True)  # distances of 0 to 780 px
    config = ModelConfig(0.0625, 1, 64)
    student_file.write_student(folder / "start.npz", build_openpose(config), config, ServingConfig.for_model(config))
    result = run_command("tests.support.programs.config_runs", folder, *CONFIGS)
    return json.loads(result.stdout.splitlines()[-1])


def test_there_is_one_per_row_and_the_baseline():
    assert {path.stem for path in CONFIGS} == {*ROWS, "baseline"}


def test_full_size_settings(built):
    for name, run in built.items():
        assert run["num_steps"] == (70_002 if name == "baseline" else 149_400), name
        assert (run["mode"], run["num_stages"], run["model_dir"]) == ("paper", 6, f"runs/{name}"), name


def test_each_row_trains_on_its_data(built):
    for name, run in built.items():
        share = {"real": 0, "baseline": 0, "synthetic": 1}.get(name, 0.5)
        assert run["synthetic_per_batch"] == share * run["batch"], name
        assert run["frozen"] == (share > 0), name  # paper Sec. 4
        assert run["masked"] == (name in MASKED), name


def test_the_teachers_group_by_pitch_and_by_distance(built):
    groupings = {name: run["grouping"] for name, run in built.items() if run["command"] == "teacher.train"}
    assert groupings == {"teacher_c": ["camera_pitch"], "teacher_md": ["min_distance"]}
    assert all((run["curriculum"] == "GroupCurriculum") == (name in groupings) for name, run in built.items())


def head_of(name):
    """Returns the comment of a flagfile, with lines that end in a backslash joined."""
    lines = (ROOT / "openpose_tf" / "configs" / f"{name}.flags").read_text().splitlines()
    return re.sub(r"\\\n# +", "", "\n".join(line for line in lines if line.startswith("#")))


@pytest.mark.parametrize("name", ROWS)
def test_heads_promise_the_score_that_the_paper_prints(name):
    tables = [title[6] for title, models in paper_tables.TABLES.items() if ROWS[name] in models]
    assert head_of(name).startswith(f"# Paper (arXiv 1908.00967): Table {' and '.join(tables)}, ")
    assert f"\n# Expected: {paper_tables.MODELS[ROWS[name]].paper[-1]} mAP on " in head_of(name)


@pytest.mark.parametrize("name", [*ROWS, "baseline"])
def test_heads_tell_where_everything_comes_from_that_the_run_reads(name):
    text = (ROOT / "openpose_tf" / "configs" / f"{name}.flags").read_text()
    read = re.findall(r"^--(?:real_records|synthetic_records|init_checkpoint)=(.+)$", text, re.MULTILINE)
    needs = re.findall(r"^#   (\S+): ", head_of(name).partition("# Needs:\n")[2], re.MULTILINE)
    assert needs == read


@pytest.mark.parametrize("name", [name for name in ROWS if name != "real"])
def test_heads_name_the_assets_without_which_the_printed_score_is_unknown(name):
    head = head_of(name)
    assert "Unknown with the built-in assets" in head
    if "style" in name:
        assert "runs/d_m as in real_mixed.flags (--photo_match=none)" in head
        return
    render = head.partition("python -m synth.render ")[2].partition(", then")[0]
    assets = "--photo_match=none" if "mixed" in name else "--backgrounds="
    assert all(flag in render for flag in ("--body=", "--poses=", "--textures=", assets))


def test_commands_in_heads_have_the_flags_that_they_are_given():
    heads = [head_of(path.stem).replace(" \\\n#     ", " ") for path in CONFIGS]
    commands = [re.findall(r"python -m ([\w.]+)((?: --\S+)*)", head) for head in heads]
    flags_of = {}
    for module, words in itertools.chain(*commands):
        flags_of.setdefault(module, set()).update(re.findall(r"--(\w+)", words))
    assert len(flags_of) == 6 and len(set.union(*flags_of.values())) > 10
    for module, used in flags_of.items():
        known = set(re.findall(r"^ +--(?:\[no\])?(\w+):", run_command(module, "--help").stdout, re.MULTILINE))
        assert used - {"flagfile"} <= known, module
