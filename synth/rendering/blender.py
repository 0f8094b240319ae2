"""Blender, in the only module that imports bpy and mathutils: rendering, exact collisions.

Facts this relies on (bpy 4.5.15, measured): Cycles uses all cores the process may use when bpy is imported, whatever
its thread setting; object ids and depth of the first surface at the pixel centre are the same for any number of
samples; `bpy.data` leaks unless objects, meshes and materials are removed after each scene.
"""

import contextlib
import functools
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common.errors import MachineError, UserError
from openpose_tf.common.fingerprints import fingerprint
from synth.clothing import items
from synth.rendering import materials
from synth.rendering.renderer import Frame
from synth.scene import builtin_places, mesh
from synth.scene.camera import Camera
from synth.scene.config import RenderConfig
from synth.scene.light import Light
from synth.scene.mesh import Mesh, Topology
from synth.scene.person import Figure

try:
    import bpy
    import mathutils
    from mathutils.bvhtree import BVHTree
except ImportError as missing:
    raise UserError(
        f"rendering needs Blender's Python package ({missing}): pip install bpy==4.5.15 into Python 3.11, and on slim "
        "systems: apt-get install libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libice6 libgl1 libegl1 "
        "libxxf86vm1 libgomp1"
    ) from None

SENSOR_MM = 36.0
IMPORTANCE_MAP_PX = 64  # a small manual importance map: clean light at no cost (measured)
BACKGROUND_DEPTH_M = 1e4
TEXTURE_PREFIX = "texture:"


def _resources() -> Path:
    """Blender's data folder; after import, bpy.__file__ is a script and does not lead there."""
    return Path(bpy.utils.resource_path("LOCAL"))


@functools.cache
def _openimageio() -> Any:
    """OpenImageIO comes inside bpy."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    folder = str(_resources() / "python" / "lib" / version / "site-packages")
    if folder not in sys.path:
        sys.path.append(folder)
    import OpenImageIO

    return OpenImageIO


def environment_path(name: str) -> Path:
    """Returns the file of an environment image: the package's, or one that comes with Blender."""
    own = builtin_places.environment_path(name)
    if own.exists():
        return own
    return _resources() / "datafiles" / "studiolights" / "world" / f"{name}.exr"


ID_CHANNELS = ("IndexOB.X", "Object Index.X")  # of Blender 4 and 5


def _read_channels(path: Path) -> dict[str, np.ndarray]:
    """Channels of an OpenEXR file, [height, width] float32 each, without the name of the layer."""
    handle = _openimageio().ImageInput.open(str(path))
    if handle is None:
        raise MachineError(f"Blender wrote no image to {path} (memory or disk full?)")
    spec = handle.spec()
    pixels = np.asarray(handle.read_image("float"), np.float32).reshape(spec.height, spec.width, -1)
    handle.close()
    return {name.removeprefix("ViewLayer."): pixels[:, :, i] for i, name in enumerate(spec.channelnames)}


@functools.lru_cache(maxsize=8)
def read_environment(name: str) -> np.ndarray:
    """Returns an environment image, [512, 1024, 3] or [256, 512, 3] float32 linear radiance."""
    channels = _read_channels(environment_path(name))
    return np.stack([channels[key] for key in "RGB"], -1)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Cycles prints from C++, so the file descriptor itself is redirected."""
    sys.stdout.flush()
    old, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        yield
    finally:
        os.dup2(old, 1)
        os.close(old)
        os.close(null)


class CyclesRenderer:
    """Renders people over nothing, with ids and depth; one per process (see `renderer.Renderer`).

    Args:
        config: samples, device, denoising.
    """

    def __init__(self, config: RenderConfig) -> None:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="synth_frame_", dir=memory))
        self._clean_up = weakref.finalize(self, shutil.rmtree, self._folder, True)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = bpy.context.scene
        self._configure(config)
        self._camera = self._add("camera", bpy.data.cameras.new("camera"))
        self._scene.camera = self._camera
        self._sun = self._add("sun", bpy.data.lights.new("sun", "SUN"))
        self._world = _World(self._scene)

    def _add(self, name: str, data: Any) -> Any:
        thing = bpy.data.objects.new(name, data)
        self._scene.collection.objects.link(thing)
        return thing

    def _configure(self, config: RenderConfig) -> None:
        render, cycles, layer = self._scene.render, self._scene.cycles, self._scene.view_layers[0]
        render.engine, render.film_transparent, render.resolution_percentage = "CYCLES", True, 100
        cycles.device = _choose_device(config.device)
        cycles.samples, cycles.use_denoising = config.samples, config.denoise
        cycles.denoising_quality, cycles.denoising_prefilter = "FAST", "FAST"
        cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
        cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.03, 0
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 2, 1
        cycles.transmission_bounces, cycles.transparent_max_bounces = 0, 4
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.sample_clamp_indirect, cycles.sample_clamp_direct = 2, 6
        cycles.pixel_filter_type, cycles.use_light_tree = "BLACKMAN_HARRIS", False
        layer.use_pass_object_index = layer.use_pass_z = True
        output = render.image_settings
        if hasattr(output, "media_type"):  # Blender 5 wants to know the kind before the format
            output.media_type = "MULTI_LAYER_IMAGE"
        if hasattr(output, "use_exr_interleave"):  # all passes in one part of the file, as Blender 4 writes them
            output.use_exr_interleave = True
        output.file_format, output.color_depth, output.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
        render.filepath = str(self._folder / "frame.exr")
        self._scene.view_settings.view_transform = "Standard"

    def render(
        self,
        figures: Sequence[Figure],
        camera: Camera,
        light: Light,
        seed: int,
        lap: Callable[[str], None] = lambda stage: None,
    ) -> Frame:
        """Returns the images of a scene; person i gets id i + 1.

        Args:
            figures: the people.
            camera: the camera.
            light: the light.
            seed: of the path tracer's noise.
            lap: called with the name of each finished stage: `build`, `cycles`, `read`.
        """
        self._aim(camera)
        self._world.set(light)
        self._set_sun(light)
        self._scene.cycles.seed = seed
        made: list[Any] = []
        try:
            for number, figure in enumerate(figures, 1):
                made += self._build(figure, number, light)
            lap("build")
            with _silence():
                bpy.ops.render.render(write_still=True)
            lap("cycles")
        finally:
            textures = [image for image in bpy.data.images if image.name.startswith(TEXTURE_PREFIX)]
            bpy.data.batch_remove(made + textures)
        frame = self._read()
        lap("read")
        return frame

    def intersects(self, a: Mesh, b: Mesh) -> bool:
        """True if the surfaces of two meshes go through each other."""
        return intersects(a, b)

    def read_environment(self, name: str) -> np.ndarray:
        """Returns an environment image, [512, 1024, 3] or [256, 512, 3] float32 linear radiance."""
        return read_environment(name)

    def _aim(self, camera: Camera) -> None:
        render, lens = self._scene.render, self._camera.data
        render.resolution_x, render.resolution_y = camera.width, camera.height
        self._camera.location = camera.centre_m
        self._camera.rotation_euler = (np.deg2rad(90 - camera.pitch_deg), 0, 0)
        lens.sensor_fit, lens.sensor_width = "HORIZONTAL", SENSOR_MM
        lens.lens = camera.focal_px * SENSOR_MM / camera.width
        lens.clip_start, lens.clip_end = 0.05, BACKGROUND_DEPTH_M

    def _set_sun(self, light: Light) -> None:
        self._sun.hide_render = light.kind != "hdri" or light.sun_energy == 0
        self._sun.data.energy, self._sun.data.color = light.sun_energy, light.sun_colour
        self._sun.data.angle = np.deg2rad(light.sun_angle_deg)
        self._sun.rotation_mode = "QUATERNION"
        self._sun.rotation_quaternion = mathutils.Vector(light.sun_direction).to_track_quat("-Z", "Y")

    def _build(self, figure: Figure, number: int, light: Light) -> list[Any]:
        """Adds one person and returns everything that has to be removed again."""
        surface = _to_blender(figure.mesh, f"person{number}")
        thing = self._add(f"person{number}", surface)
        thing.pass_index = number
        made = [thing, surface]
        for description in figure.material_list:
            material = bpy.data.materials.new(description["kind"])
            material.use_nodes = True
            materials.build(material.node_tree, description, _load_texture)
            if light.kind == "sh":
                materials.shade_by_harmonics(material.node_tree, light.sh)
            surface.materials.append(material)
            made.append(material)
        return made

    def _read(self) -> Frame:
        channels = _read_channels(self._folder / "frame.exr")
        return Frame(
            rgb=np.stack([channels[f"Combined.{key}"] for key in "RGB"], -1),
            alpha=np.clip(channels["Combined.A"], 0, 1)[..., None],
            ids=np.rint(channels[next(name for name in ID_CHANNELS if name in channels)]).astype(np.int32),
            depth=np.minimum(channels["Depth.Z"], BACKGROUND_DEPTH_M),
        )


class _World:
    """The environment image around the scene."""

    def __init__(self, scene: Any) -> None:
        world = bpy.data.worlds.new("world")
        scene.world = world
        world.use_nodes = True
        world.cycles.sampling_method = "MANUAL"
        world.cycles.sample_map_resolution = IMPORTANCE_MAP_PX
        nodes, links = world.node_tree.nodes, world.node_tree.links
        self._shine, self._texture = nodes["Background"], nodes.new("ShaderNodeTexEnvironment")
        self._turn, coordinates = nodes.new("ShaderNodeMapping"), nodes.new("ShaderNodeTexCoord")
        links.new(coordinates.outputs["Generated"], self._turn.inputs["Vector"])
        links.new(self._turn.outputs["Vector"], self._texture.inputs["Vector"])
        links.new(self._texture.outputs["Color"], self._shine.inputs["Color"])

    def set(self, light: Light) -> None:
        """Shows the light's environment; darkness for spherical harmonics, whose materials shine by themselves."""
        self._shine.inputs["Strength"].default_value = light.strength if light.kind == "hdri" else 0.0
        if light.kind == "hdri":
            path = str(environment_path(light.environment))
            self._texture.image = bpy.data.images.load(path, check_existing=True)
            self._texture.image.use_fake_user = True  # stays loaded while another one is used
            self._turn.inputs["Rotation"].default_value[2] = light.turn_rad


def _load_texture(path: str) -> Any:
    """Blender's image of a file: the wardrobe's stay for the whole process; the user's, of which there may be
    thousands in a run, are removed with the scene.
    """
    if Path(path).is_relative_to(items.FOLDER):
        image = bpy.data.images.load(path, check_existing=True)
        image.use_fake_user = True
        return image
    name = TEXTURE_PREFIX + fingerprint(path, digits=32)  # Blender cuts names after 63 characters
    found = bpy.data.images.get(name)
    if found is None:
        found = bpy.data.images.load(path)
        found.name = name
    return found


def _choose_device(device: str) -> str:
    """Turns on the GPUs of a kind and returns Cycles' name of the device."""
    if device == "CPU":
        return "CPU"
    preferences = bpy.context.preferences.addons["cycles"].preferences
    try:
        preferences.compute_device_type = device
    except TypeError:
        raise UserError(f"--device={device}: this build of Blender does not know it; use --device=CPU") from None
    preferences.get_devices()
    found = [one for one in preferences.devices if one.type == device]
    if not found:
        raise UserError(f"--device={device}: no such GPU on this machine; use --device=CPU")
    for one in preferences.devices:
        one.use = one.type == device
    return "GPU"


def _to_blender(source: Mesh, name: str) -> Any:
    """Builds a Blender mesh with smooth faces, texture coordinates and the attributes `tint` and `rest`."""
    topology = source.topology
    corner, sizes = _corners(topology)
    made = bpy.data.meshes.new(name)
    made.vertices.add(len(source.vertices))
    made.loops.add(int(corner.sum()))
    made.polygons.add(len(sizes))
    made.polygons.foreach_set("loop_start", np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32))
    # Attributes take a whole array at once; `vertices`, `loops` and `polygons` take five times as long (measured).
    tint = np.concatenate([topology.tint, np.ones((len(topology.tint), 1), np.float32)], 1)
    for attribute, kind, domain, field, values in (
        ("position", "FLOAT_VECTOR", "POINT", "vector", source.vertices),
        (".corner_vert", "INT", "CORNER", "value", topology.faces.ravel()[corner]),
        ("material_index", "INT", "FACE", "value", topology.slots),
        ("UV", "FLOAT2", "CORNER", "vector", topology.uvs.reshape(-1, 2)[corner]),
        ("tint", "FLOAT_COLOR", "POINT", "color", tint),
        ("rest", "FLOAT_VECTOR", "POINT", "vector", topology.rest),
    ):
        made_attribute = made.attributes.get(attribute) or made.attributes.new(attribute, kind, domain)
        made_attribute.data.foreach_set(field, values.ravel())
    made.shade_smooth()
    made.update(calc_edges=True)
    return made


def _corners(topology: Topology) -> tuple[np.ndarray, np.ndarray]:
    """Which of the 4 corners per face are real, [4 f] bool, and the number of corners per face."""
    triangle = topology.is_triangle
    corner = ~(triangle[:, None] & (np.arange(4) == 3))
    return corner.ravel(), np.where(triangle, 3, 4)


def intersects(a: Mesh, b: Mesh) -> bool:
    """True if the surfaces of two meshes go through each other (exact triangle test)."""
    rows = mesh.near_triangles(a, b)
    if rows is None:
        return False
    first, second = (_tree(one, chosen) for one, chosen in zip((a, b), rows))
    return bool(first.overlap(second))


def _tree(one: Mesh, rows: np.ndarray) -> Any:
    """A search tree of some triangles of a mesh."""
    used, corners = np.unique(one.topology.triangles[rows], return_inverse=True)
    return BVHTree.FromPolygons(one.vertices[used].tolist(), corners.reshape(-1, 3).tolist(), all_triangles=True)
