"""Keeps a render worker small: glibc's allocator returns what a scene no longer needs."""

import ctypes
import functools

# Parameters of mallopt(3) in <malloc.h>.
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
_MAX_ARENAS = 2  # by default eight per core: every thread of Blender keeps its own free memory
_TRIM_BYTES = 1 << 20  # free memory beyond this at the end of the heap goes back to the system


@functools.cache
def keep_small() -> bool:
    """Limits the allocator of this process; to be called before bpy is imported.

    Half the memory of a worker at the same speed (docs/decisions/026-scenes.md).

    Returns:
        whether the allocator took the settings; False on systems without glibc, where nothing is done.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_ARENA_MAX, _MAX_ARENAS)) and bool(mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))
