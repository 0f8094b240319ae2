"""Commands draw when they are started from a notebook, or on a machine without a display."""

import pytest

from tests.support.commands import run_command

NOTEBOOKS = ["module://matplotlib_inline.backend_inline", "module://ipykernel.pylab.backend_inline", "TkAgg", "no such"]


@pytest.mark.parametrize("backend", NOTEBOOKS)
def test_a_plot_of_a_command_started_from_a_notebook(tmp_path, backend):
    code = (
        "import sys; from openpose_tf.common.plotting import Figure; figure = Figure(layout='constrained')\n"
        "figure.subplots().plot([1, 2]); figure.savefig(sys.argv[1]); print('matplotlib.pyplot' in sys.modules)"
    )
    no_display = {"MPLBACKEND": backend, "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    assert run_command("-c", code, tmp_path / "plot.png", env=no_display).stdout.strip() == "False"
    assert (tmp_path / "plot.png").read_bytes()[1:4] == b"PNG"
