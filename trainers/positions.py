"""Where tokens and patches are, found for a whole batch where transformers loops over rows and images.

Qwen2.5-VL finds the rotary positions of its tokens in a Python loop over rows, and the places and windows of patches in
one over images; on a GPU each turn waits for the device. Both take longer than a small model's own work.
"""

from __future__ import annotations

from functools import lru_cache
from types import MethodType
from typing import Any


def place_at_once(model: Any) -> int:
    """Let the Qwen2.5-VL models inside a model find positions without loops; the same numbers.

    What is saved is not changed. Other families are left as they are.

    Returns:
        The number of models and vision towers that were changed.
    """
    from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

    changed = 0
    for module in model.modules():
        if isinstance(module, qwen.Qwen2_5_VLModel):
            module.get_rope_index = MethodType(_rope_index, module)
        elif isinstance(module, qwen.Qwen2_5_VisionTransformerPretrainedModel):
            if not hasattr(module, "_places"):
                module._places = module.register_forward_pre_hook(_with_places, with_kwargs=True)  # noqa: SLF001
        else:
            continue
        changed += 1
    return changed


def _rope_index(  # noqa: PLR0917  as it is called by transformers
    self: Any,
    input_ids: Any,
    mm_token_type_ids: Any,
    image_grid_thw: Any = None,
    video_grid_thw: Any = None,
    second_per_grid_ts: Any = None,
    attention_mask: Any = None,
    **kwargs: Any,
) -> tuple[Any, Any]:
    """Return what ``Qwen2_5_VLModel.get_rope_index`` returns; videos are left to it."""
    if image_grid_thw is not None and video_grid_thw is None:
        found = rope_positions(
            mm_token_type_ids, image_grid_thw, attention_mask, merge=self.config.vision_config.spatial_merge_size
        )
        if found is not None:
            return found
    return type(self).get_rope_index(  # type: ignore[no-any-return]
        self,
        input_ids,
        mm_token_type_ids=mm_token_type_ids,
        image_grid_thw=image_grid_thw,
        video_grid_thw=video_grid_thw,
        second_per_grid_ts=second_per_grid_ts,
        attention_mask=attention_mask,
        **kwargs,
    )


def rope_positions(kinds: Any, grids: Any, mask: Any, *, merge: int) -> tuple[Any, Any] | None:
    """Return the multimodal rotary positions of rows of text and images.

    Text moves all three positions on by one a token. The tokens of an image stand at (time, row, column) from where
    the text is, and the text goes on behind the larger side: Qwen2-VL, section 2.1
    (https://arxiv.org/abs/2409.12191).

    Args:
        kinds: ``(rows, tokens)`` 0 for text, 1 for tokens of images.
        grids: ``(images, 3)`` patches in time, down and across, in the order of the rows.
        mask: ``(rows, tokens)`` 0 at padding, which stands before and behind a row, not within; or None.
        merge: patches along each side of a token.

    Returns:
        ``(3, rows, tokens)`` positions, 0 at padding; ``(rows, 1)`` by how much the next position differs from the
        number of tokens. None where the images are no single frames or the tokens are not theirs.
    """
    import torch
    from torch.nn.functional import pad

    real = torch.ones_like(kinds, dtype=torch.bool) if mask is None else mask.bool()
    seen = (kinds == 1) & real
    begins, ends = seen & ~pad(seen, (1, -1)), seen & ~pad(seen, (-1, 1))
    down, across = grids[:, 1] // merge, grids[:, 2] // merge
    # the image that a token is of, or that was last before it
    picture = (begins.flatten().cumsum(0).view_as(kinds) - 1).clamp(0, len(grids) - 1)
    counted = torch.zeros_like(down).scatter_add_(0, picture.flatten(), seen.flatten().to(down.dtype))
    # the only wait for the device: every image has its own run of tokens, and is one frame
    if not bool(((counted == down * across) & (grids[:, 0] == 1)).all()):
        return None
    steps = torch.where(seen, ends * torch.maximum(down, across)[picture], real.long())
    base = steps.cumsum(1) - steps
    place = torch.arange(kinds.shape[1], device=kinds.device)
    offset = place - torch.where(begins, place, 0).cummax(1).values
    wide = across[picture]
    at = torch.stack([base, base + offset // wide * seen, base + offset % wide * seen])
    return at * real, (steps.sum(1) - real.sum(1))[:, None]


def _with_places(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Add to a vision tower's arguments what it would compute from the sizes of the images."""
    grid = kwargs["grid_thw"] if "grid_thw" in kwargs else args[1]
    sizes = tuple(map(tuple, grid.tolist()))
    config = module.config
    places = _places(sizes, grid.device, module.spatial_merge_size, module.window_size, config.patch_size)
    return args, places | kwargs


@lru_cache(maxsize=64)
def _places(sizes: tuple[Any, ...], device: Any, merge: int, window: int, patch: int) -> dict[str, Any]:
    """Return where the patches of images are, by transformers' own functions, once for each list of sizes."""
    import torch
    from transformers import vision_utils

    with torch.inference_mode(mode=False):  # kept for training too, whoever asks first
        grid = torch.tensor(sizes, device=device)
        borders = vision_utils.get_vision_cu_seqlens(grid)
        order, windows = vision_utils.get_vision_window_index(
            grid, spatial_merge_size=merge, window_size=window, patch_size=patch
        )
        return {
            "position_ids": vision_utils.get_vision_position_ids(grid, merge),
            "cu_seqlens": borders,
            "max_seqlen": int(borders.diff().max()),
            "window_index": order.to(device),
            "cu_window_seqlens": windows,
            "max_window_seqlen": int(windows.diff().max()),
        }
