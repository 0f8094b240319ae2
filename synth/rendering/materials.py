"""Turns the material descriptions of `synth.clothing.appearance` into shader node trees; no bpy here.

All patterns are procedural and use the mesh attribute `rest` (position in the T pose, metres), so they stay fixed to
cloth, hair and skin in every pose.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from openpose_tf.common.imaging.color import to_linear
from synth.clothing import items
from synth.scene.light import sh_matrix

Description = Mapping[str, Any]
LoadImage = Callable[[str], Any]
ALPHA_EDGE = (0.3, 0.6)  # hair is clear below the first alpha and solid above the second
BRIGHTEST_FOLD = 1.6  # times the cloth's mean
RELIEF_M = 0.004  # height of a garment's relief from black to white
BUMP_DISTANCE_M = 0.008  # a distance above 1 cm gives black speckles (measured)
FINE_BUMP_M = 0.002
STRANDS = (1.0, 0.13, 1.0)  # hair noise is stretched along the strands, which hang down (y of the T pose)
CLOTH_SPECULAR, SKIN_SPECULAR = 0.2, 0.35


def linear_rgba(colour: Sequence[float]) -> tuple[float, float, float, float]:
    """Returns linear RGBA of an sRGB triple 0..1."""
    value = np.clip(np.asarray(colour, np.float64), 0, 1)
    r, g, b = to_linear(value)
    return float(r), float(g), float(b), 1.0


class Shader:
    """A node tree with one Principled BSDF, and short names for what materials are made of."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree
        self.surface = tree.nodes["Principled BSDF"]

    def node(self, kind: str, **inputs: Any) -> Any:
        """Returns a new node with inputs set to values, or linked to other nodes' outputs."""
        made = self._tree.nodes.new(f"ShaderNode{kind}")
        for name, value in inputs.items():
            self.set(made.inputs[name.replace("_", " ")], value)
        return made

    def set(self, socket: Any, value: Any) -> None:
        """Sets a socket to a value, or links it to another node's output."""
        if hasattr(value, "is_output"):
            self._tree.links.new(value, socket)
        else:
            socket.default_value = value

    def attribute(self, name: str, output: str) -> Any:
        """Returns an attribute of the mesh."""
        made = self.node("Attribute")
        made.attribute_name = name
        return made.outputs[output]

    def rest(self) -> Any:
        """Returns the position in the T pose, metres."""
        return self.attribute("rest", "Vector")

    def noise(self, scale: float, detail: float, where: Any, distortion: float = 0.0) -> Any:
        """Returns fractal noise 0..1, `scale` repeats per metre."""
        return self.node("TexNoise", Scale=scale, Detail=detail, Distortion=distortion, Vector=where).outputs["Fac"]

    def ramp(self, value: Any, low: float, first: Sequence[float], high: float, second: Sequence[float]) -> Any:
        """Returns a colour: `first` (sRGB) below `low`, `second` above `high`, mixed in between."""
        made = self.node("ValToRGB", Fac=value)
        for element, position, colour in zip(made.color_ramp.elements, (low, high), (first, second)):
            element.position, element.color = position, linear_rgba(colour)
        return made.outputs["Color"]

    def multiplied(self, a: Any, b: Any) -> Any:
        """Returns the product of two colours."""
        made = self._tree.nodes.new("ShaderNodeMix")
        made.data_type, made.blend_type = "RGBA", "MULTIPLY"
        made.inputs["Factor"].default_value = 1.0
        self.set(made.inputs[6], a)
        self.set(made.inputs[7], b)
        return made.outputs[2]

    def image(self, load_image: LoadImage, name: str) -> Any:
        """Returns the node of a texture of the wardrobe."""
        made = self.node("TexImage")
        made.image = load_image(str(items.texture_path(name)))
        return made

    def math(self, operation: str, a: Any, b: Any) -> Any:
        """Returns the result of an operation on two numbers."""
        made = self.node("Math")
        made.operation = operation
        self.set(made.inputs[0], a)
        self.set(made.inputs[1], b)
        return made.outputs["Value"]

    def emboss(self, look: Description, load_image: LoadImage) -> None:
        """Bends the normals by the relief of a garment of the wardrobe, if it has one."""
        if look["relief"] is not None:
            height = self.node("RGBToBW", Color=self.image(load_image, look["relief"]).outputs["Color"])
            self.relief(height.outputs["Val"], 1.0, RELIEF_M)

    def relief(self, height: Any, strength: float, distance_m: float) -> None:
        """Bends the normals by a height."""
        made = self.node("Bump", Strength=strength, Distance=distance_m, Height=height)
        self.set(self.surface.inputs["Normal"], made.outputs["Normal"])

    def finish(self, colour: Any, roughness: float, specular: float = 0.5) -> None:
        """Sets what the surface is like."""
        self.set(self.surface.inputs["Base Color"], colour)
        self.set(self.surface.inputs["Roughness"], roughness)
        self.set(self.surface.inputs["Specular IOR Level"], specular)


def _skin(shader: Shader, look: Description) -> None:
    rest = shader.rest()
    patches = shader.noise(45.0, 4.0, rest)
    lighter = [min(1.0, 1.05 * value) for value in look["colour"]]
    base = shader.ramp(patches, 0.3, look["second"], 0.7, lighter)
    shader.relief(shader.noise(look["bump_scale"], 2.0, rest), look["bump"], FINE_BUMP_M)
    shader.finish(shader.multiplied(base, shader.attribute("tint", "Color")), look["roughness"], SKIN_SPECULAR)


def _stripes(shader: Shader, look: Description) -> Any:
    # `axis` is the direction across the stripes in the T pose, where y is up; Blender counts 20 bands per 2 pi units.
    wave = shader.node("TexWave", Scale=look["scale"] / 3.2, Distortion=0.0, Vector=shader.rest())
    wave.bands_direction = {"x": "X", "y": "Y"}[look["axis"]]
    return shader.ramp(wave.outputs["Fac"], 0.47, look["colour"], 0.53, look["second"])


def _check(shader: Shader, look: Description) -> Any:
    colours = {"Color1": linear_rgba(look["colour"]), "Color2": linear_rgba(look["second"])}
    return shader.node("TexChecker", Scale=look["scale"], Vector=shader.rest(), **colours).outputs["Color"]


def _woven_check(shader: Shader, look: Description) -> Any:
    # Seen from the front, as a cut of cloth is printed: in depth the checks would wind around the body.
    flat = shader.node("Mapping", Scale=(1.0, 1.0, 0.0), Location=(0.0, 0.0, 0.01), Vector=shader.rest())
    colours = {"Color1": linear_rgba(look["colour"]), "Color2": linear_rgba(look["second"])}
    return shader.node("TexChecker", Scale=look["scale"], Vector=flat.outputs["Vector"], **colours).outputs["Color"]


def _dots(shader: Shader, look: Description) -> Any:
    cells = shader.node("TexVoronoi", Scale=look["scale"], Vector=shader.rest())
    return shader.ramp(cells.outputs["Distance"], 0.28, look["second"], 0.33, look["colour"])


def _camouflage(shader: Shader, look: Description) -> Any:
    return shader.ramp(shader.noise(look["scale"], 4.0, shader.rest()), 0.46, look["colour"], 0.54, look["second"])


def _plain(shader: Shader, look: Description) -> Any:
    return shader.ramp(shader.noise(look["scale"], 6.0, shader.rest()), 0.2, look["colour"], 0.8, look["second"])


PATTERNS: dict[str, Callable[[Shader, Description], Any]] = {
    "plain": _plain,
    "jeans": _plain,
    "stripes": _stripes,
    "check": _check,
    "dots": _dots,
    "camouflage": _camouflage,
}
PRINTS = PATTERNS | {"check": _woven_check}  # on the wardrobe's photographs


def _cloth(shader: Shader, look: Description) -> None:
    wrinkles = shader.noise(look["bump_scale"], 3.0, shader.rest(), distortion=1.5)
    shader.relief(wrinkles, look["bump"], BUMP_DISTANCE_M)
    shader.finish(PATTERNS[look["pattern"]](shader, look), look["roughness"], CLOTH_SPECULAR)


def _hair(shader: Shader, look: Description) -> None:
    scale = tuple(look["bump_scale"] * factor for factor in STRANDS)
    strands = shader.noise(4.0, 4.0, shader.node("Mapping", Scale=scale, Vector=shader.rest()).outputs["Vector"])
    shader.relief(strands, look["bump"], BUMP_DISTANCE_M)
    shader.finish(shader.ramp(strands, 0.35, look["second"], 0.65, look["colour"]), look["roughness"])


def _shoe(shader: Shader, look: Description) -> None:
    shader.finish(linear_rgba(look["colour"]), look["roughness"])


def _tinted(shader: Shader, look: Description) -> None:
    tint = shader.attribute("tint", "Color")
    shader.finish(shader.multiplied(linear_rgba(look.get("colour", (1, 1, 1))), tint), look.get("roughness", 0.6))


def _photograph(shader: Shader, look: Description, load_image: LoadImage) -> None:
    colour = shader.image(load_image, look["texture"]).outputs["Color"]
    if look["hue"] or look["saturation"] != 1.0:
        turned = {"Hue": 0.5 + look["hue"], "Saturation": look["saturation"]}
        colour = shader.node("HueSaturation", Color=colour, **turned).outputs["Color"]
    shader.emboss(look, load_image)
    shader.finish(shader.multiplied(colour, (*look["gain"], 1.0)), look["roughness"], look["specular"])


def _dyed(shader: Shader, look: Description, load_image: LoadImage) -> None:
    grey = shader.node("RGBToBW", Color=shader.image(load_image, look["texture"]).outputs["Color"]).outputs["Val"]
    folds = shader.math("MINIMUM", shader.math("MULTIPLY", grey, 1 / look["luminance"]), BRIGHTEST_FOLD)
    shader.emboss(look, load_image)
    colour = PRINTS[look["pattern"]](shader, look)
    shader.finish(shader.multiplied(colour, folds), look["roughness"], look["specular"])


def _strands(shader: Shader, look: Description, load_image: LoadImage) -> None:
    image = shader.image(load_image, look["texture"])
    value = shader.math("MULTIPLY", image.outputs["Color"], 1 / look["luminance"])
    shader.finish(shader.multiplied(linear_rgba(look["colour"]), value), look["roughness"], look["specular"])
    # Steeper than the photograph's alpha: few half-transparent layers, so that four transparent bounces are enough.
    edge = shader.node("MapRange", Value=image.outputs["Alpha"], From_Min=ALPHA_EDGE[0], From_Max=ALPHA_EDGE[1])
    shader.set(shader.surface.inputs["Alpha"], edge.outputs["Result"])


def _texture(shader: Shader, look: Description, load_image: LoadImage) -> None:
    picture = shader.node("TexImage")
    picture.image = load_image(look["path"])
    shader.finish(picture.outputs["Color"], look.get("roughness", 0.7), SKIN_SPECULAR)


BUILDERS: dict[str, Callable[[Shader, Description], None]] = {
    "skin": _skin,
    "cloth": _cloth,
    "hair": _hair,
    "shoe": _shoe,
    "eye": _tinted,
    "painted": _tinted,
}
PHOTOGRAPHED: dict[str, Callable[[Shader, Description, LoadImage], None]] = {
    "texture": _texture,
    "photograph": _photograph,
    "dyed": _dyed,
    "strands": _strands,
}


def build(tree: Any, look: Description, load_image: LoadImage) -> None:
    """Fills a new material's node tree.

    Args:
        tree: node tree with a Principled BSDF.
        look: description of the material, see `synth.clothing.appearance`.
        load_image: returns Blender's image of a file.
    """
    shader = Shader(tree)
    if look["kind"] in PHOTOGRAPHED:
        PHOTOGRAPHED[look["kind"]](shader, look, load_image)
    else:
        BUILDERS[look["kind"]](shader, look)


def shade_by_harmonics(tree: Any, coefficients: tuple[float, ...]) -> None:
    """Replaces the surface by a lamp of its own colour times the harmonics of its normal (release: no cast shadows).

    The release's world has y down; its normal (x, y, z) is (x, -z, y) here, where z is up.
    """
    shader = Shader(tree)
    colour = _colour_of(shader)
    matrix = sh_matrix(coefficients)
    ours = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    quadratic = ours.T @ matrix @ ours  # [n, 1] quadratic [n, 1] in our axes
    normal = shader.node("NewGeometry").outputs["Normal"]
    products = [_dot(shader, normal, quadratic[row, :3]) for row in range(3)]
    bent = shader.node("CombineXYZ", **dict(zip("XYZ", products))).outputs["Vector"]
    square = shader.node("VectorMath")
    square.operation = "DOT_PRODUCT"
    shader.set(square.inputs[0], normal)
    shader.set(square.inputs[1], bent)
    slope = shader.math("ADD", _dot(shader, normal, 2 * quadratic[3, :3]), float(quadratic[3, 3]))
    strength = shader.math("ADD", square.outputs["Value"], slope)
    lamp = shader.node("Emission", Color=colour, Strength=strength).outputs["Emission"]
    alpha = shader.surface.inputs["Alpha"]
    if alpha.is_linked:
        mixed = shader.node("MixShader", Fac=alpha.links[0].from_socket)
        shader.set(mixed.inputs[1], shader.node("BsdfTransparent").outputs["BSDF"])
        shader.set(mixed.inputs[2], lamp)
        lamp = mixed.outputs["Shader"]
    shader.set(tree.nodes["Material Output"].inputs["Surface"], lamp)


def _colour_of(shader: Shader) -> Any:
    """What the surface's colour is linked to, or its value."""
    socket = shader.surface.inputs["Base Color"]
    return socket.links[0].from_socket if socket.is_linked else tuple(socket.default_value)


def _dot(shader: Shader, vector: Any, constant: np.ndarray) -> Any:
    made = shader.node("VectorMath")
    made.operation = "DOT_PRODUCT"
    shader.set(made.inputs[0], vector)
    made.inputs[1].default_value = tuple(map(float, constant))
    return made.outputs["Value"]
