"""Path-traced images with Mitsuba 3, close to TRANCE's own: the same scenes and cameras as the ray caster.

Variant ``scalar_rgb``, 16 samples a pixel, box filter, then denoised by OIDN where ``pyoidn`` is installed.
Equal scenes give equal bytes on one type of CPU, provided that the scene's parts are loaded one by one, in
order: within one dictionary Mitsuba's order depends on addresses in memory.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rewards.errors import ConfigError
from trainers.scenes.cameras import HALF_WIDTH, LAMP_COLORS, LAMP_SIDES, LAMP_WATTS
from trainers.scenes.solids import CUBE, GLASS, LINE, LINEAR_COLORS, METAL, SPHERE, SQUARE, id_map

if TYPE_CHECKING:
    import numpy.typing as npt

    from trainers.scenes.cameras import Stage
    from trainers.scenes.solids import Bodies, Floats

SAMPLES: Final = 16
GAIN: Final = 1.1  # of the lamps, to match upstream's brightness
AMBIENT: Final = 0.14  # radiance from all sides, in place of upstream's weak sun
Mesh = tuple["Floats", "Floats", "npt.NDArray[np.int64]"]  # vertices (n, 3), normals (n, 3), triangles (m, 3)


def mitsuba_picture(
    bodies: Bodies, stage: Stage, view: int, size: tuple[int, int], seed: int, *, all_round: bool = False
) -> npt.NDArray[np.uint8]:
    """Render one image.

    Args:
        bodies: one scene.
        stage: its cameras and lamps.
        view: index of the camera.
        size: width and height.
        seed: of the samples.
        all_round: whether the floor curves up on all sides, for cameras that look in any direction.

    Returns:
        ``(height, width, 3)`` uint8, sRGB.

    Raises:
        ConfigError: Mitsuba is not installed.
    """
    mi = _mitsuba()
    parts = {"integrator": {"type": "volpath", "max_depth": 8, "hide_emitters": True}}
    air: dict[str, Any] = {"type": "constant", "radiance": {"type": "rgb", "value": AMBIENT}}
    parts |= {"camera": _camera(stage.cameras[view], size), "air": air}
    parts |= {f"lamp{k}": _lamp(k, place) for k, place in enumerate(stage.lamps)}
    loaded = {name: mi.load_dict(part, parallel=False) for name, part in parts.items()}
    loaded["ground"] = _bowl() if all_round else _ground()
    loaded |= {f"line{k}": line for k, line in enumerate(_lines())}
    loaded |= {f"object{k}": _solid(bodies, k) for k in np.flatnonzero(bodies.shown).tolist()}
    scene = mi.load_dict({"type": "scene", **loaded}, parallel=False)
    image = np.array(mi.render(scene, spp=SAMPLES, seed=seed), dtype=np.float32)
    on_object = id_map(bodies, stage.cameras[view], size) >= 0
    bitmap = mi.Bitmap(_denoised(_without_dots(image[..., :3], on_object)))
    return np.array(bitmap.convert(mi.Bitmap.PixelFormat.RGB, mi.Struct.Type.UInt8, srgb_gamma=True))


@lru_cache
def _mitsuba() -> Any:
    try:
        import mitsuba
    except ImportError:
        raise ConfigError("the backend 'mitsuba' needs Mitsuba 3: pip install 'star-r1[render]'") from None
    mitsuba.set_variant("scalar_rgb")
    return mitsuba


def use_threads(count: int) -> None:
    """Set how many threads this process renders with; the bytes of the images do not depend on it."""
    _mitsuba()
    import_module("drjit").set_thread_count(count)


def _without_dots(image: npt.NDArray[np.float32], on_object: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Dim what outshines its surroundings: lamps that metal and glass mirror onto the ground, a sample or two.

    On an object only a single pixel is dimmed, since glints there are real; on the ground up to three together.

    >>> spot = np.ones((5, 5, 3), dtype=np.float32)
    >>> spot[2, 2:4] = 50
    >>> [float(_without_dots(spot, np.full((5, 5), where)).max()) for where in (False, True)]
    [1.25, 50.0]
    """
    light = np.pad(image.sum(axis=-1), 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(light, (3, 3)).reshape(*image.shape[:2], 9)
    around = np.sort(np.delete(windows, 4, axis=-1), axis=-1)
    limit = 1.25 * np.where(on_object, around[..., -1], around[..., -3])
    scale = np.minimum(1, limit / np.maximum(windows[..., 4], 1e-6))
    return np.ascontiguousarray(image * scale[..., None], dtype=np.float32)


def denoises() -> bool:
    """Whether images are denoised here: ``pyoidn`` has no wheels for some platforms."""
    return find_spec("pyoidn") is not None


def _denoised(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if not denoises():
        return image
    return np.asarray(import_module("pyoidn").denoise(image, hdr=True, quality="high"))


def _facing(place: Floats) -> Any:
    return _mitsuba().ScalarTransform4f().look_at(origin=place.tolist(), target=[0, 0, 0], up=[0, 0, 1])


def _camera(place: Floats, size: tuple[int, int]) -> dict[str, Any]:
    film = {
        "type": "hdrfilm",
        "width": size[0],
        "height": size[1],
        "pixel_format": "rgb",
        "rfilter": {"type": "box"},
    }
    return {
        "type": "perspective",
        "fov": math.degrees(2 * math.atan(HALF_WIDTH)),
        "fov_axis": "larger",
        "to_world": _facing(place),
        "film": film,
        "sampler": {"type": "multijitter", "sample_count": SAMPLES},
    }


def _lamp(number: int, place: Floats) -> dict[str, Any]:
    side = LAMP_SIDES[number]
    strength = GAIN * LAMP_WATTS[number] / (math.pi * side**2)
    radiance = {"type": "rgb", "value": [strength * part for part in LAMP_COLORS[number]]}
    shape = _facing(place).scale([side / 2, side / 2, 1])
    return {"type": "rectangle", "to_world": shape, "emitter": {"type": "area", "radiance": radiance}}


def _surface(color: int, material: int) -> dict[str, Any]:
    """What an object is made of. Glass lets light straight through: tinted shadows, no bright dots."""
    paint = {"type": "rgb", "value": LINEAR_COLORS[color].tolist()}
    if material == METAL:
        return {"type": "roughconductor", "alpha": 0.12, "material": "none", "specular_reflectance": paint}
    if material == GLASS:
        clear = (0.1 + 0.9 * np.sqrt(LINEAR_COLORS[color])).tolist()  # light passes two walls
        return {
            "type": "thindielectric",
            "int_ior": 1.7,
            "specular_transmittance": {"type": "rgb", "value": clear},
        }
    return {"type": "roughplastic", "diffuse_reflectance": paint, "alpha": 0.35, "int_ior": 1.25}


def _solid(bodies: Bodies, index: int) -> Any:
    mi = _mitsuba()
    bsdf = mi.load_dict(_surface(int(bodies.color[index]), int(bodies.material[index])), parallel=False)
    half = float(bodies.half[index])
    center = np.array([bodies.x[index], bodies.y[index], half])
    if bodies.shape[index] == SPHERE:
        sphere = {"type": "sphere", "center": center.tolist(), "radius": half, "bsdf": bsdf}
        return mi.load_dict(sphere, parallel=False)
    vertices, normals, faces = _cube() if bodies.shape[index] == CUBE else _cylinder()
    cos, sin = np.cos(bodies.rotation[index]), np.sin(bodies.rotation[index])
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return _mesh(f"object{index}", (vertices @ turn * half + center, normals @ turn, faces), bsdf)


def _mesh(name: str, mesh: Mesh, bsdf: Any) -> Any:
    mi = _mitsuba()
    vertices, normals, faces = mesh
    properties = mi.Properties()
    properties["bsdf"] = bsdf
    made = mi.Mesh(name, len(vertices), len(faces), has_vertex_normals=True, props=properties)
    parameters = mi.traverse(made)
    parameters["vertex_positions"] = np.ascontiguousarray(vertices, np.float32).ravel()
    parameters["vertex_normals"] = np.ascontiguousarray(normals, np.float32).ravel()
    parameters["faces"] = np.ascontiguousarray(faces, np.uint32).ravel()
    parameters.update()
    return made


@lru_cache
def _ground() -> Any:
    """Load the floor, which curves up far behind the objects as CLEVR's does."""
    bend = np.linspace(0, np.pi / 2, 24)
    x = np.concatenate([[30.0], -16 - 6 * np.sin(bend), [-22.0]])
    z = np.concatenate([[0.0], 6 - 6 * np.cos(bend), [40.0]])
    normal_x = np.concatenate([[0.0], np.sin(bend), [1.0]])
    outline = np.stack([x, np.zeros_like(x), z], axis=-1)
    normals = np.stack([normal_x, np.zeros_like(x), np.sqrt(1 - normal_x**2)], axis=-1)
    sides = np.concatenate([outline + np.array([0, side, 0]) for side in (-60.0, 60.0)])
    faces = _strip(len(x), 2)
    return _mesh("ground", (sides, np.concatenate([normals, normals]), faces), _grey())


@lru_cache
def _bowl() -> Any:
    """Load a floor that curves up on all sides, as `_ground` does on one."""
    bend = np.linspace(0, np.pi / 2, 24)
    away = np.concatenate([[0.0], 16 + 6 * np.sin(bend), [22.0]])
    z = np.concatenate([[0.0], 6 - 6 * np.cos(bend), [40.0]])
    inwards = np.concatenate([[0.0], np.sin(bend), [1.0]])
    angles = np.linspace(0, 2 * np.pi, 97)
    across = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[:, None]  # (angles, 1, 2)
    level = np.broadcast_to(z[None, :, None], (len(angles), len(z), 1))
    points = np.concatenate([across * away[None, :, None], level], axis=-1)
    upwards = np.broadcast_to(np.sqrt(1 - inwards**2)[None, :, None], level.shape)
    normals = np.concatenate([-across * inwards[None, :, None], upwards], axis=-1)
    faces = _strip(len(z), len(angles))[:, ::-1]  # so that their insides are their fronts
    return _mesh("ground", (points.reshape(-1, 3), normals.reshape(-1, 3), faces), _grey())


def _grey() -> Any:
    return _mitsuba().load_dict({"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.8}}, parallel=False)


@lru_cache
def _lines() -> list[Any]:
    """Load the four thin light lines around the square in which objects are visible."""
    mi = _mitsuba()
    light = mi.load_dict({"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.95}}, parallel=False)
    long = SQUARE + LINE
    places = [
        (SQUARE, 0, LINE, long),
        (-SQUARE, 0, LINE, long),
        (0, SQUARE, long, LINE),
        (0, -SQUARE, long, LINE),
    ]
    return [
        mi.load_dict(
            {
                "type": "rectangle",
                "to_world": mi.ScalarTransform4f().translate([x, y, 0.002]).scale([wide, deep, 1]),
                "bsdf": light,
            },
            parallel=False,
        )
        for x, y, wide, deep in places
    ]


def _strip(across: int, along: int) -> npt.NDArray[np.int64]:
    """Return the triangles of a grid of ``along`` rows of ``across`` vertices."""
    number = np.arange(across * along).reshape(along, across)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])


@lru_cache
def _cube(bevel: float = 0.12, steps: int = 5) -> Mesh:
    """A cube of half edge 1 with rounded edges: six grids pushed onto the rounded box."""
    corner = np.linspace(1 - bevel, 1, steps)
    ticks = np.concatenate([-corner[::-1], corner])
    u, v = np.meshgrid(ticks, ticks, indexing="ij")
    sides = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            side = np.empty((*u.shape, 3))
            side[..., axis], side[..., (axis + 1) % 3], side[..., (axis + 2) % 3] = sign, sign * u, v
            sides.append(side.reshape(-1, 3))
    flat = np.concatenate(sides)
    core = np.clip(flat, bevel - 1, 1 - bevel)
    normals = (flat - core) / np.linalg.norm(flat - core, axis=-1, keepdims=True)
    grid = _strip(len(ticks), len(ticks))
    faces = np.concatenate([grid + k * len(ticks) ** 2 for k in range(6)])
    return core + bevel * normals, normals, faces


@lru_cache
def _cylinder(bevel: float = 0.06, steps: int = 5, around: int = 64) -> Mesh:
    """An upright cylinder of radius and half height 1 with rounded edges: an outline turned about z."""
    bend = np.linspace(0, np.pi / 2, steps)
    radius = np.concatenate([[0.0], 1 - bevel + bevel * np.sin(bend), 1 - bevel + bevel * np.cos(bend), [0.0]])
    height = np.concatenate([[-1.0], bevel - 1 - bevel * np.cos(bend), 1 - bevel + bevel * np.sin(bend), [1.0]])
    out = np.concatenate([[0.0], np.sin(bend), np.cos(bend), [0.0]])
    up = np.concatenate([[-1.0], -np.cos(bend), np.sin(bend), [1.0]])
    angle = np.linspace(0, 2 * np.pi, around + 1)[:, None]

    def turned(distance: Floats, rise: Floats) -> Floats:
        parts = (
            np.cos(angle) * distance,
            np.sin(angle) * distance,
            np.broadcast_to(rise, (around + 1, len(rise))),
        )
        return np.stack(parts, axis=-1).reshape(-1, 3)

    return turned(radius, height), turned(out, up), _strip(len(radius), around + 1)
