"""The commands that print and draw: eval.visibility, eval.tables, eval.compare."""

import json

import pytest

from eval import tables, visibility
from eval.metrics import paper_tables
from openpose_tf.common.errors import UserError
from tests.support.commands import run_command


@pytest.fixture
def case(tmp_path):
    """Two groups: everything visible and found; 4 of 16 joints visible and half of the joints wrong."""
    box = {"x1": 0, "y1": 0, "x2": 30, "y2": 40}
    groups = []
    for seen, wrong in ((16, 0), (4, 8)):
        points = [{"id": j, "x": 50 * j, "y": 5, "is_visible": int(j < seen)} for j in range(16)]
        found = [{"id": j, "x": 50 * j, "y": 5 + 100 * (j < wrong), "score": 0.5} for j in range(16)]
        groups.append({"gt": [{**box, "points": points}], "pred": [{"points": found}]})
    path = tmp_path / "case.json"
    path.write_text(json.dumps({"images": groups}))
    return path


def test_visibility_numbers_and_plot(case, tmp_path):
    done = run_command(
        "eval.visibility",
        f"--groundtruth={case}",
        f"--predictions=one={case},two={case}",
        f"--output_file={tmp_path}/bins.json",
        f"--plot={tmp_path}/bins.png",
    )
    result = json.loads((tmp_path / "bins.json").read_text())
    assert result["people"] == [0, 1, 0, 0, 1] and result["paper_people"] == [14, 111, 289, 286, 180]
    # Of the second person 8 joints are hit: 7..15 without the thorax; 8 of the 14 evaluated ones.
    assert result["models"]["one"]["A"]["mAP"] == [None, pytest.approx(100 * 8 / 14), None, None, 100]
    assert (tmp_path / "bins.png").read_bytes().startswith(b"\x89PNG")
    assert "two (B)" in done.stdout and "289" in done.stdout


def test_models_need_different_names():
    assert visibility.parse_models(["a/x.mat", "b=c=d.mat"]) == {"x": "a/x.mat", "b=c": "d.mat"}
    with pytest.raises(UserError, match="two models"):
        visibility.parse_models(["a/x.mat", "b/x.mat"])
    for wrong in ([], ["a="]):
        with pytest.raises(UserError, match="expected PATH"):
            visibility.parse_models(wrong)


def test_wrong_plot_name_is_refused_before_any_work(case, tmp_path):
    flags = (f"--groundtruth={case}", f"--predictions={case}", "--output_file=x.json", "--plot=x.txt")
    assert ".png" in run_command("eval.visibility", *flags, code=2).stderr


def result_file(path, value=70.0):
    table = dict.fromkeys(("Head", "Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle"), value)
    path.write_text(json.dumps({"table": table, "mAP": value, "groups": 5, "people": 9}))
    return path


def test_tables_print_the_paper_beside_ours(tmp_path):
    result_file(tmp_path / "M_DR+DM.json", 79.4)
    done = run_command("eval.tables", f"--results={tmp_path}", f"--output_file={tmp_path}/tables.json")
    lines = done.stdout.splitlines()
    ours = [line for line in lines if "ours" in line and "79.4" in line]
    assert len(ours) == 2 and "(+1.0)" in ours[0]  # in Tables 1 and 2
    assert sum("not run; needs" in line for line in lines) == 10
    assert any("5 groups, 9 people" in line for line in lines)
    written = json.loads((tmp_path / "tables.json").read_text())
    first = written[next(iter(written))]
    assert first["M_DR+DM"]["ours"]["mAP"] == 79.4 and first["M_DS"]["ours"] is None


def test_paper_numbers_agree_with_their_mean():
    # The printed total is the mean of the seven columns, to the rounding of one digit.
    for row in paper_tables.MODELS.values():
        assert len(row.paper) == len(paper_tables.COLUMNS) == 8
        assert sum(row.paper[:7]) / 7 == pytest.approx(row.paper[7], abs=0.11)
    assert {model for models in paper_tables.TABLES.values() for model in models} == set(paper_tables.MODELS)


def test_wrong_results(tmp_path):
    with pytest.raises(UserError, match="must read NAME=FILE"):
        tables.read_results(["M_X=a.json"])
    with pytest.raises(UserError, match="does not exist"):
        tables.read_results([f"M_DR={tmp_path}/none.json"])
    with pytest.raises(UserError, match="no file called after a model"):
        tables.read_results([str(tmp_path)])
    (tmp_path / "M_DR.json").write_text('{"AP": 1}')
    with pytest.raises(UserError, match="has no table"):
        tables.read_results([str(tmp_path)])
    assert tables.read_results([]) == {}


def test_compare_command(case, tmp_path):
    flags = [f"--groundtruth={case}", f"--first={case}", f"--output_file={tmp_path}/c.json", "--draws=20"]
    assert "difference" in run_command("eval.compare", *flags, f"--second={case}").stdout
    assert json.loads((tmp_path / "c.json").read_text())["difference"]["mAP"]["value"] == 0
    assert "none.mat" in run_command("eval.compare", *flags, f"--second={tmp_path}/none.mat", code=2).stderr
