"""Which way up an image is read: as its pixels are stored, or turned as its EXIF orientation says."""

from typing import Literal

# "stored": rows and columns as in the file, as COCO's tools read them. "upright": turned by the camera's EXIF tag, as
# viewers show it. (TIFF files are turned while they are decoded, in both cases.)
Orientation = Literal["stored", "upright"]
ORIENTATIONS: tuple[Orientation, ...] = ("stored", "upright")
ORIENTATION_HELP = (
    "Orientation that annotations were made for, of photographs with an EXIF orientation where the annotated size does "
    "not decide it (180 degrees, squares); COCO's tools read photographs as stored."
)
