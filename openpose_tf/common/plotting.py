"""The only module that imports matplotlib: without pyplot, so that plots need no display and keep no global state.

Jupyter and Colab name their own backend in MPLBACKEND, for every command that is started from a notebook; matplotlib
refuses to be imported where that backend is not installed, or is of another version. Files are drawn by Agg anyway.
"""

import os

os.environ["MPLBACKEND"] = "Agg"  # before the import that reads it

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["Axes", "Figure", "colormaps", "rc_context"]
