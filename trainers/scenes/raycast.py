"""A batched ray caster in torch: light and materials of TRANCE scenes, fast enough to draw while training.

First the geometry, exact intersections of rays with solids; then the light. One ray a sample from the camera, one
shadow ray to each lamp, one ray onwards from metal (mirrored) and from glass (through it). Nothing is drawn at random:
the same scene gives the same bytes, alone and in a batch.

Vectors are tensors ``(3, scenes, objects or 1, rays or 1)``, so that all work is arithmetic on whole tensors, on CPU
and GPU.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from trainers.scenes.cameras import LAMP_COLORS, LAMP_SIDES, LAMP_WATTS, frame_at, pixel_pitch
from trainers.scenes.solids import CUBE, GLASS, LINE, LINEAR_COLORS, METAL, SPHERE, SQUARE, Bodies

if TYPE_CHECKING:
    from torch import Tensor

    from trainers.scenes.solids import Floats

MISS: Final = 1e6  # the distance of what a ray does not meet
BEVEL: Final = 0.10  # width of the rounded edges of cubes and cylinders, as a fraction of half their size
GROUND: Final = 0.62  # reflectance
_REACH: Final = np.sqrt([3.0, 1.0, 2.0])  # of SHAPES, from the center, in units of the half height
EXPOSURE: Final = 1.6
AMBIENT: Final = 0.15
SOFTNESS: Final = 1.6  # lamps are larger than upstream's by this factor: few shadow rays, yet soft shadows


class Solids(NamedTuple):
    """What the rays can meet, and from where they start. Tensors of ``scenes`` rows, float32.

    Attributes:
        place: ``(3, scenes, objects, 1)`` centers.
        half: ``(scenes, objects, 1)`` half heights.
        reach: ``(scenes, objects, 1)`` radius of the ball around an object.
        turn: ``(2, scenes, objects, 1)`` cosine and sine of the rotation.
        kind: ``(4, scenes, objects, 1)`` 0 or 1: is a cube, a sphere, of metal, of glass.
        color: ``(3, scenes, objects, 1)`` linear RGB.
        shown: ``(scenes, objects, 1)`` bool.
        axes: ``(4, 3, scenes, 1, 1)`` the camera's place, right, up, forward.
        lamps: ``(lamps, 3, scenes, 1, 1)`` places.
    """

    place: Tensor
    half: Tensor
    reach: Tensor
    turn: Tensor
    kind: Tensor
    color: Tensor
    shown: Tensor
    axes: Tensor
    lamps: Tensor


def solids_of(
    bodies: Bodies, cameras: Floats, lamps: Floats, device: Any = "cpu", *, slots: int | None = None
) -> Solids:
    """Move scenes to a device, one row an image; objects outside the image are left out where all can be.

    Args:
        bodies: of ``scenes`` scenes, fields ``(scenes, 10)``.
        cameras: ``(scenes, 3)``, the camera of each image.
        lamps: ``(scenes, lamps, 3)``.
        device: a torch device.
        slots: objects a scene in the tensors, if it must not depend on the scenes.
    """
    import torch

    most = slots or max(1, int(bodies.shown.sum(axis=-1).max()))
    order = np.argsort(~bodies.shown, axis=-1, kind="stable")[:, :most]
    chosen: list[Any] = [np.take_along_axis(field, order, axis=-1)[..., None] for field in bodies]
    packed = Bodies(*chosen)
    frames = np.array([frame_at(camera) for camera in cameras])

    def tensor(values: Any) -> Tensor:
        return torch.tensor(np.asarray(values, dtype=np.float32), device=device)

    kinds = [packed.shape == CUBE, packed.shape == SPHERE, packed.material == METAL, packed.material == GLASS]
    return Solids(
        place=tensor(np.stack([packed.x, packed.y, packed.half])),
        half=tensor(packed.half),
        reach=tensor(packed.half * _REACH[packed.shape] + 1e-3),
        turn=tensor(np.stack([np.cos(packed.rotation), np.sin(packed.rotation)])),
        kind=tensor(np.stack(kinds)),
        color=tensor(np.moveaxis(LINEAR_COLORS[packed.color], -1, 0)),
        shown=torch.tensor(packed.shown, device=device),
        axes=tensor(np.moveaxis(frames, 0, -1))[..., None, None],
        lamps=tensor(np.moveaxis(lamps, 0, -1))[..., None, None],
    )


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product over the first axis; summed in a fixed order."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def unit(vector: Tensor) -> Tensor:
    """Vectors of length 1 along the given ones."""
    import torch

    return vector * torch.rsqrt(dot(vector, vector))


def _into(vector: Tensor, turn: Tensor, sign: float = 1.0) -> Tensor:
    """Rotate vectors about z into an object's own axes, or with sign -1 out of them."""
    import torch

    cos, sin = turn[0], turn[1] * sign
    return torch.stack(
        [
            vector[0] * cos + vector[1] * sin,
            vector[1] * cos - vector[0] * sin,
            vector[2],
        ]
    )


def meet(origin: Tensor, ray: Tensor, solids: Solids, without: Tensor | None = None) -> Tensor:
    """Distance along each unit ray to each object, ``(scenes, objects, rays)``; `MISS` where it goes past.

    Rays start outside all solids but ``without``, which they ignore.
    """
    start = origin - solids.place
    able = solids.shown if without is None else solids.shown & ~without
    find = meet_near if solids.half.device.type == "cpu" else meet_all
    return find(start, ray, solids, able)


def meet_all(start: Tensor, ray: Tensor, solids: Solids, able: Tensor) -> Tensor:
    """Intersect all rays with all objects: a GPU has better things to do than to choose."""
    import torch

    along = ray.expand(3, *start.shape[1:3], ray.shape[-1])
    enter = _enter(_into(start, solids.turn), _into(along, solids.turn), solids.half, solids.kind)
    return torch.where(able, enter, MISS)


def meet_near(start: Tensor, ray: Tensor, solids: Solids, able: Tensor) -> Tensor:
    """Intersect each object with those rays only that meet the ball around it: the same result."""
    import torch

    towards = dot(start, ray)
    near = able & (towards < 0) & (towards * towards > dot(start, start) - solids.reach * solids.reach)
    scene, item, number = torch.nonzero(near, as_tuple=True)
    turn, half, kind = (part[..., scene, item, 0] for part in (solids.turn, solids.half, solids.kind))
    first = number if start.shape[-1] > 1 else torch.zeros_like(number)
    start, along = start[:, scene, item, first], ray[:, scene, 0, number]
    distances = torch.full(near.shape, MISS)
    distances[scene, item, number] = _enter(_into(start, turn), _into(along, turn), half, kind)
    return distances


def _enter(start: Tensor, along: Tensor, half: Tensor, kind: Tensor) -> Tensor:
    """How far rays, told in an object's own axes and from its center, go until they enter it, or `MISS`.

    Every solid is an upright prism cut out of one convex side (two slabs for a cube, a cylinder, or a sphere)
    and the slab between its bottom and its top.
    """
    import torch

    sphere = kind[1]
    along = torch.where(along.abs() < 1e-7, 1e-7, along)
    near, far = (-half - start) / along, (half - start) / along
    near, far = torch.minimum(near, far), torch.maximum(near, far)
    a = along[0] ** 2 + along[1] ** 2 + sphere * along[2] ** 2
    b = start[0] * along[0] + start[1] * along[1] + sphere * (start[2] * along[2])
    c = start[0] ** 2 + start[1] ** 2 + sphere * start[2] ** 2 - half**2
    inside = b * b - a * c
    root = torch.sqrt(inside.clamp(min=0))
    is_cube, hits = kind[0] > 0, inside > 0
    wall_in, wall_out = torch.where(hits, (-b - root) / a, MISS), torch.where(hits, (root - b) / a, -MISS)
    enter = torch.where(is_cube, torch.maximum(near[0], near[1]), wall_in)
    leave = torch.where(is_cube, torch.minimum(far[0], far[1]), wall_out)
    enter, leave = torch.maximum(enter, near[2]), torch.minimum(leave, far[2])
    return torch.where((leave > enter) & (enter > 0), enter, MISS)


class Hit(NamedTuple):
    """What rays meet first: ``(3, scenes, 1, rays)`` vectors and ``(scenes, 1, rays)`` numbers."""

    point: Tensor
    normal: Tensor
    color: Tensor
    metal: Tensor
    glass: Tensor
    on_object: Tensor
    owner: Tensor  # (scenes, objects, rays) bool: the object that the point lies on


def trace(origin: Tensor, ray: Tensor, solids: Solids, without: Tensor | None = None) -> Hit:
    """Follow rays to the nearest object or to the ground (rays that climb end far away on it)."""
    import torch

    distances = meet(origin, ray, solids, without)
    nearest, which = distances.min(dim=-2, keepdim=True)
    falls = ray[2] < -1e-5
    to_ground = torch.where(falls, -origin[2] / torch.where(falls, ray[2], -1.0), MISS)
    on_object = nearest < to_ground
    point = origin + ray * torch.minimum(nearest, to_ground).clamp(max=200.0)

    def chosen(values: Tensor) -> Tensor:
        index = which.expand(*values.shape[:-3], *which.shape) if values.dim() > 3 else which
        return torch.gather(values.expand(*values.shape[:-1], which.shape[-1]), -2, index)

    numbers = torch.arange(distances.shape[-2], device=distances.device)[:, None]
    kind, turn = chosen(solids.kind), chosen(solids.turn)
    local = _into(point - chosen(solids.place), turn) / chosen(solids.half)
    normal = torch.where(on_object, _into(_normal(local, kind), turn, -1.0), _up(point))
    paint = torch.where(on_object, chosen(solids.color), _ground_color(point))
    here = on_object.to(point.dtype)
    return Hit(point, normal, paint, kind[2] * here, kind[3] * here, on_object, (which == numbers) & on_object)


def _up(like: Tensor) -> Tensor:
    import torch

    return torch.stack([torch.zeros_like(like[0]), torch.zeros_like(like[0]), torch.ones_like(like[0])])


def _normal(local: Tensor, kind: Tensor) -> Tensor:
    """Outward normals at points given in units of the half size, with rounded edges."""
    import torch

    edge = (local.abs() - (1 - BEVEL)).clamp(min=1e-6) * local.sign()
    radius = torch.sqrt((local[0] ** 2 + local[1] ** 2).clamp(min=1e-12))
    wall = (radius - (1 - BEVEL)).clamp(min=1e-6) / radius
    tube = torch.stack([local[0] * wall, local[1] * wall, edge[2]])
    return unit(torch.where(kind[0] > 0, edge, torch.where(kind[1] > 0, local, tube)))


def _ground_color(point: Tensor) -> Tensor:
    """Grey, with four thin light lines around the square where objects are visible."""
    import torch

    x, y = (point[0].abs() - SQUARE).abs(), (point[1].abs() - SQUARE).abs()
    within = torch.maximum(point[0].abs(), point[1].abs()) < SQUARE + LINE
    line = ((torch.minimum(x, y) < LINE) & within).to(point.dtype)
    shade = GROUND + 0.16 * line
    return torch.stack([shade, shade, shade * 0.985])


def rays(solids: Solids, width: int, height: int, shift: tuple[float, float]) -> Tensor:
    """Unit rays through every pixel, ``(3, scenes, 1, height * width)``, ``shift`` pixels off the centers."""
    import torch

    pitch = pixel_pitch(width, height)
    columns = (torch.arange(width, device=solids.half.device) + 0.5 + shift[0] - width / 2) * pitch
    rows = (height / 2 - 0.5 - shift[1] - torch.arange(height, device=solids.half.device)) * pitch
    x, y = columns.repeat(height), rows.repeat_interleave(width)
    _, right, up, forward = solids.axes
    return unit(forward + x * right + y * up)


# Light


def _open_sky(hit: Hit, solids: Solids) -> Tensor:
    """How much of the sky a point sees: each other object hides its share, as if it were a ball."""
    import torch

    towards = solids.place - hit.point
    distance2 = dot(towards, towards)
    cosine = (dot(towards, hit.normal) * torch.rsqrt(distance2)).clamp(min=0)
    hidden = cosine * (solids.half**2 / distance2).clamp(max=1.0)
    hidden = torch.where(solids.shown & ~hit.owner, hidden, 0.0)
    return (1 - 0.9 * hidden.sum(dim=-2, keepdim=True)).clamp(min=0.15)


def _lamp_spots(solids: Solids, spot: tuple[float, float]) -> Tensor:
    """Places on the lamps, one a lamp, for one of the samples of a pixel; ``spot`` in [-0.5, 0.5]^2."""
    import torch

    sides = solids.lamps.new_tensor(LAMP_SIDES)[:, None, None, None, None] * SOFTNESS
    u, v = spot
    offset = solids.lamps.new_tensor([u, v, 0.5 * (u - v)])[:, None, None, None]
    return torch.addcmul(solids.lamps, sides, offset)


def _lit(hit: Hit, ray: Tensor, solids: Solids, spots: Tensor, *, shadows: bool) -> tuple[Tensor, Tensor]:
    """Light that a surface gets and what its gloss mirrors of the lamps, both ``(3, scenes, 1, rays)``."""
    import torch

    mirrored = ray - 2 * dot(ray, hit.normal) * hit.normal
    sharpness = 22.0 + 30.0 * hit.metal + 260.0 * hit.glass
    sky = AMBIENT * (0.72 + 0.28 * hit.normal[2]) * (_open_sky(hit, solids) if shadows else 0.8)
    light, gloss = [sky, sky, sky * 1.04], [torch.zeros_like(sky)] * 3
    for spot, watts, tint in zip(spots, LAMP_WATTS, LAMP_COLORS, strict=True):
        to_lamp = spot - hit.point
        distance2 = dot(to_lamp, to_lamp)
        to_lamp = to_lamp * torch.rsqrt(distance2)
        power = watts / (9.87 * (distance2 + 4.0))  # 4: no glare close to a lamp
        cosine = dot(to_lamp, hit.normal).clamp(min=0)
        if shadows:
            power = power * _unshadowed(hit, to_lamp, solids)
        diffuse = power * cosine
        spike = power * torch.exp(sharpness * (dot(mirrored, to_lamp) - 1)) * (cosine > 0)
        light = [old + diffuse * share for old, share in zip(light, tint, strict=True)]
        gloss = [old + spike * share for old, share in zip(gloss, tint, strict=True)]
    return torch.stack(light), torch.stack(gloss)


def _unshadowed(hit: Hit, to_lamp: Tensor, solids: Solids) -> Tensor:
    """Share of a lamp's light that arrives: glass lets half through, a body does not shadow itself."""
    import torch

    blocked = meet(hit.point, to_lamp, solids, hit.owner) < MISS
    passes = torch.where(blocked, 0.55 * solids.kind[3], 1.0)
    return passes.prod(dim=-2, keepdim=True)


def _sky(direction: Tensor) -> Tensor:
    """The studio: dark at eye level, bright above, so that metal shows light tops and dark flanks."""
    rise = ((direction[2] - 0.12) / 0.3).clamp(0, 1)
    return 0.03 + 1.25 * rise * rise * (3 - 2 * rise) * (1.25 - 0.6 * direction[2])


def _beyond(hit: Hit, ray: Tensor, solids: Solids, spots: Tensor) -> Tensor:
    """What is mirrored in metal and seen through glass, ``(3, scenes, 1, rays)``."""
    import torch

    cosine = -dot(ray, hit.normal)
    mirrored = ray + 2 * cosine * hit.normal
    eta = 1 / 1.25  # bends less than glass would: the ray's way out is not followed
    bend = eta * cosine - torch.sqrt((1 - eta**2 * (1 - cosine**2)).clamp(min=0))
    onwards = unit(torch.where(hit.glass > 0, eta * ray + bend * hit.normal, mirrored))
    seen = trace(hit.point, onwards, solids, hit.owner)
    light, _ = _lit(seen, onwards, solids, spots, shadows=False)
    climbs = (onwards[2] > -1e-5) & ~seen.on_object
    return torch.where(climbs, _sky(onwards), light * seen.color * (1 - 0.6 * hit.metal))


def _radiance(ray: Tensor, solids: Solids, spot: tuple[float, float]) -> Tensor:
    """Linear RGB along rays from the camera, ``(3, scenes, 1, rays)``."""
    spots = _lamp_spots(solids, spot)
    hit = trace(solids.axes[0], ray, solids)
    light, gloss = _lit(hit, ray, solids, spots, shadows=True)
    beyond = _beyond(hit, ray, solids, spots)
    metal, glass = hit.metal, hit.glass
    rim = (1 + dot(ray, hit.normal)).clamp(0, 1) ** 3
    tint = hit.color
    body = light * tint
    dull = body + 0.10 * gloss * hit.on_object
    shiny = tint * (0.06 * light + beyond) + (0.35 + 0.65 * tint) * 3.0 * gloss + 0.25 * rim * beyond
    clear = 0.15 * body + (0.3 + 0.7 * tint) * 0.9 * beyond + 4.0 * gloss + 0.5 * rim
    return dull * (1 - metal - glass) + shiny * metal + clear * glass


def _encode(linear: Tensor) -> Tensor:
    """Linear RGB to sRGB bytes, after the exposure."""
    import torch

    value = (linear * EXPOSURE).clamp(0, 1)
    low = value < 0.0031308
    encoded = torch.where(low, 12.92 * value, 1.055 * value.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)
    return torch.floor(encoded * 255 + 0.5).to(torch.uint8)


@lru_cache
def compiled_raycast() -> Any:
    """Return `raycast` compiled; it compiles anew for each number of images, size and number of samples."""
    import torch

    return torch.compile(raycast, dynamic=False)


def raycast(solids: Solids, width: int, height: int, *, samples: int = 2) -> Tensor:
    """Render images.

    Args:
        solids: of ``scenes`` images.
        width: in pixels.
        height: in pixels.
        samples: rays along each side of a pixel: 2 is 4 rays a pixel, 1 is a fast draft.

    Returns:
        ``(scenes, height, width, 3)`` uint8, sRGB.
    """
    import torch

    steps = [(k + 0.5) / samples - 0.5 for k in range(samples)]
    total = torch.zeros((), device=solids.half.device)
    for down in steps:
        for across in steps:
            # The spot on the lamps moves with the sample, skewed so that no two samples share a coordinate.
            spot = (across + down / samples, down - across / samples)
            total = total + _radiance(rays(solids, width, height, (across, down)), solids, spot)
    pixels = _encode(total / samples**2)[:, :, 0]
    return pixels.permute(1, 2, 0).reshape(-1, height, width, 3)
