"""Attention within each image, all images of one size at once; and which of torch's kernels attends.

Vision towers that cut their tokens into images (Qwen's) attend in a Python loop over them where there is no flash
attention: twelve times slower on a GPU for a few hundred small images. transformers hands the borders of the images
to implementations whose name has "flash" in it, so that is what this one is called.
"""

from __future__ import annotations

from inspect import signature
from typing import Any, Final

BY_PICTURE: Final = "flash_by_picture"


def attend_by_picture(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any = None,
    *,
    cu_seq_lens_q: Any = None,
    max_length_q: Any = None,
    **options: Any,
) -> tuple[Any, None]:
    """Attend within each image; the same numbers as transformers' loop over ``sdpa``.

    Args:
        module: the attention layer.
        query: (1, heads, tokens of all images, size).
        key: likewise.
        value: likewise.
        attention_mask: none for images.
        cu_seq_lens_q: where images begin and end; none where there is but one.
        max_length_q: tokens of the largest image.
        options: of ``sdpa``.

    Returns:
        (1, tokens, heads, size), and no weights.
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    for name in ("cu_seq_lens_k", "max_length_k"):
        options.pop(name, None)
    if cu_seq_lens_q is None:
        out, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return out, None
    parts = (query, key, value)
    if int(max_length_q) * (len(cu_seq_lens_q) - 1) == query.shape[2]:  # all images are of one size
        stacked = (part[0].unflatten(1, (-1, int(max_length_q))).transpose(0, 1) for part in parts)
        out, _ = sdpa_attention_forward(module, *stacked, attention_mask, **options)
        return out.flatten(0, 1).unsqueeze(0), None
    lengths = cu_seq_lens_q.diff().tolist()
    pieces = zip(*(part.split(lengths, dim=2) for part in parts), strict=True)
    seen = [sdpa_attention_forward(module, *piece, attention_mask, **options)[0] for piece in pieces]
    return torch.cat(seen, dim=1), None


def attend_at_once(model: Any) -> int:
    """Let the layers of a model that loop over images take all images of one size at once.

    Only layers that attend by ``sdpa`` are changed; what is saved is not.

    Returns:
        The number of layers.
    """
    from transformers import AttentionInterface

    layers = [
        module
        for module in model.modules()
        if "cu_seqlens" in signature(module.forward).parameters
        and getattr(getattr(module, "config", None), "_attn_implementation", "") in ("sdpa", BY_PICTURE)
        and hasattr(module, "num_heads")
    ]
    if layers:
        AttentionInterface.register(BY_PICTURE, attend_by_picture)
    for layer in layers:  # by the property: `set_attn_implementation` would look for a package of that name
        layer.config._attn_implementation = BY_PICTURE  # noqa: SLF001
    return len(layers)


def attend_without_cudnn() -> None:
    """Let ``sdpa`` choose among torch's own kernels: a backward pass of cuDNN's makes gradients that are no numbers.

    From torch 2.11 on cuDNN's is the first choice on Hopper GPUs (H100, H200). With a mask, which padded prompts need,
    and at lengths of 64 above a multiple of 128, its gradient of the queries can be NaN where the forward pass and the
    loss are right, and those of the other kernels are clean (pytorch/pytorch#196678, huggingface/trl#7181).
    """
    import torch

    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
