"""A batched ray caster in torch: spheres, cubes, cylinders on a soft-lit ground, in rubber, metal and glass.

One ray a sample from the camera, one shadow ray to each lamp, one ray onwards from metal (mirrored) and from glass
(through it). Everything is arithmetic on tensors ``(3, scenes, objects or 1, rays)``: it runs on CPU and GPU, can
be compiled, draws nothing at random, and the same scene gives the same bytes alone and in a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from trainers.data.bodies import CUBE, GLASS, LINE, LINEAR_COLORS, METAL, SPHERE, SQUARE
from trainers.data.cameras import LAMP_COLORS, LAMP_SIDES, LAMP_WATTS, frame_at, pixel_pitch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor

    from trainers.data.bodies import Bodies
    from trainers.data.cameras import Stage

MISS: Final = 1e6  # the distance of what a ray does not meet
BEVEL: Final = 0.10  # width of the rounded edges of cubes and cylinders, as a fraction of half their size
GROUND: Final = 0.62  # reflectance
EXPOSURE: Final = 1.5
AMBIENT: Final = 0.15
SOFTNESS: Final = 1.6  # lamps are larger than upstream's by this factor: few shadow rays, yet soft shadows


class Solids(NamedTuple):
    """What the rays can meet, and from where they start. Tensors of ``scenes`` rows, float32.

    Attributes:
        place: ``(3, scenes, objects, 1)`` centres.
        half: ``(scenes, objects, 1)`` half heights.
        turn: ``(2, scenes, objects, 1)`` cosine and sine of the rotation.
        kind: ``(4, scenes, objects, 1)`` 0 or 1: is a cube, a sphere, of metal, of glass.
        color: ``(3, scenes, objects, 1)`` linear RGB.
        shown: ``(scenes, objects, 1)`` bool.
        axes: ``(4, 3, scenes, 1, 1)`` the camera's place, right, up, forward.
        lamps: ``(lamps, 3, scenes, 1, 1)`` places.
    """

    place: Tensor
    half: Tensor
    turn: Tensor
    kind: Tensor
    color: Tensor
    shown: Tensor
    axes: Tensor
    lamps: Tensor


def solids_of(
    bodies: Sequence[Bodies], stages: Sequence[Stage], views: Sequence[int], device: Any = "cpu"
) -> Solids:
    """Move scenes to the device, one row a picture.

    Args:
        bodies: of one scene each (fields ``(10,)``).
        stages: the stage of each.
        views: index of the camera of each.
        device: a torch device.
    """
    import torch

    most = max([1, *(int(one.shown.sum()) for one in bodies)])
    packed = [np.argsort(~one.shown, kind="stable")[:most] for one in bodies]

    def rows(field: str) -> Any:
        return np.stack([getattr(one, field)[order] for one, order in zip(bodies, packed, strict=True)])[
            ..., None
        ]

    shape, material, half = rows("shape"), rows("material"), rows("half")
    rotation = rows("rotation")
    frames = [frame_at(stage.cameras[view]) for stage, view in zip(stages, views, strict=True)]

    def tensor(values: Any) -> Tensor:
        return torch.tensor(np.asarray(values, dtype=np.float32), device=device)

    return Solids(
        place=tensor(np.stack([rows("x"), rows("y"), half])),
        half=tensor(half),
        turn=tensor(np.stack([np.cos(rotation), np.sin(rotation)])),
        kind=tensor(np.stack([shape == CUBE, shape == SPHERE, material == METAL, material == GLASS])),
        color=tensor(np.moveaxis(LINEAR_COLORS[rows("color")], -1, 0)),
        shown=torch.tensor(rows("shown"), device=device),
        axes=tensor(np.moveaxis(np.array(frames), 0, -1))[..., None, None],
        lamps=tensor(np.moveaxis(np.array([stage.lamps for stage in stages]), 0, -1))[..., None, None],
    )


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _unit(vector: Tensor) -> Tensor:
    import torch

    return vector * torch.rsqrt(_dot(vector, vector))


def _into(vector: Tensor, turn: Tensor, sign: float = 1.0) -> Tensor:
    """Rotate vectors about z into an object's own axes, or with sign -1 out of them."""
    import torch

    cos, sin = turn[0], turn[1] * sign
    return torch.stack(
        [
            vector[0] * cos + vector[1] * sin,
            vector[1] * cos - vector[0] * sin,
            vector[2].expand_as(vector[0] * cos),
        ]
    )


def _meet(origin: Tensor, ray: Tensor, solids: Solids, without: Tensor | None = None) -> Tensor:
    """Distance along each ray to each object, ``(scenes, objects, rays)``; `MISS` where it goes past.

    Every solid is an upright prism cut out of one convex side (two slabs for a cube, a cylinder, or a sphere) and
    the slab between its bottom and its top. Rays start outside all solids but ``without``, which they ignore.
    """
    import torch

    cube, sphere = solids.kind[0], solids.kind[1]
    start, along = _into(origin - solids.place, solids.turn), _into(ray, solids.turn)
    along = torch.where(along.abs() < 1e-7, 1e-7, along)
    near, far = (-solids.half - start) / along, (solids.half - start) / along
    near, far = torch.minimum(near, far), torch.maximum(near, far)
    a = along[0] ** 2 + along[1] ** 2 + sphere * along[2] ** 2
    b = start[0] * along[0] + start[1] * along[1] + sphere * (start[2] * along[2])
    c = start[0] ** 2 + start[1] ** 2 + sphere * start[2] ** 2 - solids.half**2
    inside = b * b - a * c
    root = torch.sqrt(inside.clamp(min=0))
    is_cube, round_hit = cube > 0, inside > 0
    side_near = torch.where(
        is_cube, torch.maximum(near[0], near[1]), torch.where(round_hit, (-b - root) / a, MISS)
    )
    side_far = torch.where(
        is_cube, torch.minimum(far[0], far[1]), torch.where(round_hit, (root - b) / a, -MISS)
    )
    enter, leave = torch.maximum(side_near, near[2]), torch.minimum(side_far, far[2])
    hit = (leave > enter) & (enter > 0) & solids.shown
    if without is not None:
        hit = hit & ~without
    return torch.where(hit, enter, MISS)


class _Surface(NamedTuple):
    """What rays meet first: ``(3, scenes, 1, rays)`` vectors and ``(scenes, 1, rays)`` numbers."""

    point: Tensor
    normal: Tensor
    color: Tensor
    metal: Tensor
    glass: Tensor
    on_object: Tensor
    owner: Tensor  # (scenes, objects, rays) bool: the object that the point lies on


def _surface(origin: Tensor, ray: Tensor, solids: Solids, without: Tensor | None = None) -> _Surface:
    """Follow rays to the nearest object or to the ground (rays that climb end far away on it)."""
    import torch

    distances = _meet(origin, ray, solids, without)
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
    return _Surface(
        point, normal, paint, kind[2] * here, kind[3] * here, on_object, (which == numbers) & on_object
    )


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
    return _unit(torch.where(kind[0] > 0, edge, torch.where(kind[1] > 0, local, tube)))


def _ground_color(point: Tensor) -> Tensor:
    """Grey, with four thin light lines around the square where objects are visible."""
    import torch

    x, y = (point[0].abs() - SQUARE).abs(), (point[1].abs() - SQUARE).abs()
    within = torch.maximum(point[0].abs(), point[1].abs()) < SQUARE + LINE
    line = ((torch.minimum(x, y) < LINE) & within).to(point.dtype)
    shade = GROUND + 0.16 * line
    return torch.stack([shade, shade, shade * 0.985])


def _open_sky(surface: _Surface, solids: Solids) -> Tensor:
    """How much of the sky a point sees, ``(scenes, 1, rays)``: each other object hides its share, as if a ball."""
    import torch

    towards = solids.place - surface.point
    distance2 = _dot(towards, towards)
    cosine = (_dot(towards, surface.normal) * torch.rsqrt(distance2)).clamp(min=0)
    hidden = cosine * (solids.half**2 / distance2).clamp(max=1.0)
    hidden = torch.where(solids.shown & ~surface.owner, hidden, 0.0)
    return (1 - 0.9 * hidden.sum(dim=-2, keepdim=True)).clamp(min=0.15)


def _lamp_spots(solids: Solids, spot: tuple[float, float]) -> Tensor:
    """Places on the lamps, one a lamp, for one of the samples of a pixel; ``spot`` in [-0.5, 0.5]^2."""
    import torch

    sides = solids.lamps.new_tensor(LAMP_SIDES)[:, None, None, None, None] * SOFTNESS
    u, v = spot
    offset = solids.lamps.new_tensor([u, v, 0.5 * (u - v)])[:, None, None, None]
    return torch.addcmul(solids.lamps, sides, offset)


def _lit(
    surface: _Surface, ray: Tensor, solids: Solids, spots: Tensor, *, shadows: bool
) -> tuple[Tensor, Tensor]:
    """Light that a surface gets and what its gloss mirrors of the lamps, both ``(3, scenes, 1, rays)``."""
    import torch

    mirrored = ray - 2 * _dot(ray, surface.normal) * surface.normal
    sharpness = 22.0 + 60.0 * surface.metal + 260.0 * surface.glass
    sky = AMBIENT * (0.72 + 0.28 * surface.normal[2]) * (_open_sky(surface, solids) if shadows else 0.8)
    light, gloss = [sky, sky, sky * 1.04], [torch.zeros_like(sky)] * 3
    for spot, watts, tint in zip(spots, LAMP_WATTS, LAMP_COLORS, strict=True):
        to_lamp = spot - surface.point
        distance2 = _dot(to_lamp, to_lamp)
        to_lamp = to_lamp * torch.rsqrt(distance2)
        power = watts / (9.87 * distance2)
        cosine = _dot(to_lamp, surface.normal).clamp(min=0)
        if shadows:
            power = power * _unshadowed(surface, to_lamp, solids)
        diffuse = power * cosine
        spike = power * torch.exp(sharpness * (_dot(mirrored, to_lamp) - 1)) * (cosine > 0)
        light = [old + diffuse * share for old, share in zip(light, tint, strict=True)]
        gloss = [old + spike * share for old, share in zip(gloss, tint, strict=True)]
    return torch.stack(light), torch.stack(gloss)


def _unshadowed(surface: _Surface, to_lamp: Tensor, solids: Solids) -> Tensor:
    """Share of a lamp's light that arrives: glass lets half through, a body does not shadow itself."""
    import torch

    blocked = _meet(surface.point, to_lamp, solids, surface.owner) < MISS
    passes = torch.where(blocked, 0.55 * solids.kind[3], 1.0)
    return passes.prod(dim=-2, keepdim=True)


def _sky(direction: Tensor) -> Tensor:
    """The studio: dark at eye level, bright above, so that metal shows light tops and dark flanks."""
    rise = ((direction[2] - 0.25) / 0.35).clamp(0, 1)
    return 0.03 + 1.25 * rise * rise * (3 - 2 * rise) * (1.25 - 0.6 * direction[2])


def _beyond(surface: _Surface, ray: Tensor, solids: Solids, spots: Tensor) -> Tensor:
    """What is mirrored in metal and seen through glass, ``(3, scenes, 1, rays)``."""
    import torch

    cosine = -_dot(ray, surface.normal)
    mirrored = ray + 2 * cosine * surface.normal
    eta = 1 / 1.25  # bends less than glass would: the ray's way out is not followed
    bend = eta * cosine - torch.sqrt((1 - eta**2 * (1 - cosine**2)).clamp(min=0))
    onwards = _unit(torch.where(surface.glass > 0, eta * ray + bend * surface.normal, mirrored))
    seen = _surface(surface.point, onwards, solids, surface.owner)
    light, _ = _lit(seen, onwards, solids, spots, shadows=False)
    climbs = (onwards[2] > -1e-5) & ~seen.on_object
    return torch.where(climbs, _sky(onwards), light * seen.color * (1 - 0.4 * surface.metal))


def _radiance(ray: Tensor, solids: Solids, spot: tuple[float, float]) -> Tensor:
    """Linear RGB along rays from the camera, ``(3, scenes, 1, rays)``."""
    spots = _lamp_spots(solids, spot)
    surface = _surface(solids.axes[0], ray, solids)
    light, gloss = _lit(surface, ray, solids, spots, shadows=True)
    beyond = _beyond(surface, ray, solids, spots)
    metal, glass = surface.metal, surface.glass
    rim = (1 + _dot(ray, surface.normal)).clamp(0, 1) ** 3
    tint = surface.color
    body = light * tint
    dull = body + 0.10 * gloss * surface.on_object
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


def _rays(solids: Solids, width: int, height: int, shift: tuple[float, float]) -> Tensor:
    """Unit rays through every pixel, ``(3, scenes, 1, height * width)``, ``shift`` pixels off the centres."""
    import torch

    pitch = pixel_pitch(width, height)
    columns = (torch.arange(width, device=solids.half.device) + 0.5 + shift[0] - width / 2) * pitch
    rows = (height / 2 - 0.5 - shift[1] - torch.arange(height, device=solids.half.device)) * pitch
    x, y = columns.repeat(height), rows.repeat_interleave(width)
    _, right, up, forward = solids.axes
    return _unit(forward + x * right + y * up)


def raycast(solids: Solids, width: int, height: int, *, samples: int = 2) -> Tensor:
    """Render pictures.

    Args:
        solids: of ``scenes`` pictures.
        width: in pixels.
        height: in pixels.
        samples: rays along each side of a pixel: 2 is 4 rays a pixel, 1 is a fast draft.

    Returns:
        ``(scenes, height, width, 3)`` uint8, sRGB.
    """
    import torch

    steps = [(k + 0.5) / samples - 0.5 for k in range(samples)]
    total = torch.zeros((), device=solids.half.device)
    for row, down in enumerate(steps):
        for column, across in enumerate(steps):
            # The spot on the lamps moves with the sample, skewed so that no two samples share a coordinate.
            spot = (across + steps[row] / samples, down - steps[column] / samples)
            total = total + _radiance(_rays(solids, width, height, (across, down)), solids, spot)
    pixels = _encode(total / samples**2)[:, :, 0]
    return pixels.permute(1, 2, 0).reshape(-1, height, width, 3)


def object_ids(solids: Solids, width: int, height: int) -> Tensor:
    """Return which packed object is seen at each pixel's centre, ``(scenes, height, width)`` int64, -1 for the ground."""
    import torch

    surface = _surface(solids.axes[0], _rays(solids, width, height, (0.0, 0.0)), solids)
    which = surface.owner.to(torch.int64).argmax(dim=-2)
    return torch.where(surface.on_object[:, 0], which, -1).reshape(-1, height, width)
