"""What rays meet: the objects of scenes as torch tensors, and exact intersections with them.

Vectors are tensors ``(3, scenes, objects or 1, rays or 1)``, so that all work is arithmetic on whole tensors,
on CPU and GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from trainers.data.bodies import CUBE, GLASS, LINE, LINEAR_COLORS, METAL, SPHERE, SQUARE, Bodies
from trainers.data.cameras import frame_at, pixel_pitch

if TYPE_CHECKING:
    from torch import Tensor

    from trainers.data.bodies import Floats

MISS: Final = 1e6  # the distance of what a ray does not meet
BEVEL: Final = 0.10  # width of the rounded edges of cubes and cylinders, as a fraction of half their size
GROUND: Final = 0.62  # reflectance
_REACH: Final = np.sqrt([3.0, 1.0, 2.0])  # of SHAPES, from the centre, in units of the half height


class Solids(NamedTuple):
    """What the rays can meet, and from where they start. Tensors of ``scenes`` rows, float32.

    Attributes:
        place: ``(3, scenes, objects, 1)`` centres.
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
    """Move scenes to a device, one row a picture; objects outside the picture are left out where all can be.

    Args:
        bodies: of ``scenes`` scenes, fields ``(scenes, 10)``.
        cameras: ``(scenes, 3)``, the camera of each picture.
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
    """How far rays, told in an object's own axes and from its centre, go until they enter it, or `MISS`.

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
    """Unit rays through every pixel, ``(3, scenes, 1, height * width)``, ``shift`` pixels off the centres."""
    import torch

    pitch = pixel_pitch(width, height)
    columns = (torch.arange(width, device=solids.half.device) + 0.5 + shift[0] - width / 2) * pitch
    rows = (height / 2 - 0.5 - shift[1] - torch.arange(height, device=solids.half.device)) * pitch
    x, y = columns.repeat(height), rows.repeat_interleave(width)
    _, right, up, forward = solids.axes
    return unit(forward + x * right + y * up)


def object_ids(solids: Solids, width: int, height: int) -> Tensor:
    """Return which object is seen at each pixel's centre, ``(scenes, height, width)``; -1 for the ground.

    Objects are numbered as they stand in ``solids``: those in the picture first, in their order.
    """
    import torch

    hit = trace(solids.axes[0], rays(solids, width, height, (0.0, 0.0)), solids)
    which = hit.owner.to(torch.int64).argmax(dim=-2)
    return torch.where(hit.on_object[:, 0], which, -1).reshape(-1, height, width)
