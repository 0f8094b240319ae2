"""Where the checkout lies, so that tests run from any folder."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = ROOT.parent / "shared" / "data"  # real photographs and small weights; not part of the project
