"""A batched ray caster in torch: light and materials of TRANCE scenes, fast enough to draw while training.

One ray a sample from the camera, one shadow ray to each lamp, one ray onwards from metal (mirrored) and from
glass (through it). Nothing is drawn at random: the same scene gives the same bytes, alone and in a batch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from trainers.data.cameras import LAMP_COLORS, LAMP_SIDES, LAMP_WATTS
from trainers.data.solids import MISS, Hit, dot, meet, rays, trace, unit

if TYPE_CHECKING:
    from torch import Tensor

    from trainers.data.solids import Solids

EXPOSURE: Final = 1.6
AMBIENT: Final = 0.15
SOFTNESS: Final = 1.6  # lamps are larger than upstream's by this factor: few shadow rays, yet soft shadows


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
    """Return `raycast` compiled; it compiles anew for each number of pictures, size and number of samples."""
    import torch

    return torch.compile(raycast, dynamic=False)


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
    for down in steps:
        for across in steps:
            # The spot on the lamps moves with the sample, skewed so that no two samples share a coordinate.
            spot = (across + down / samples, down - across / samples)
            total = total + _radiance(rays(solids, width, height, (across, down)), solids, spot)
    pixels = _encode(total / samples**2)[:, :, 0]
    return pixels.permute(1, 2, 0).reshape(-1, height, width, 3)
