"""Loading processors where torchvision is not installed.

Qwen's processors always want a video processor, which exists for torchvision only (transformers 5.x), so that their
automatic loading fails without it although images need none. For images alone a subclass without that argument
serves; what it saves gets the video section of its source back, so that others can load it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.files.write import write_whole
from rewards.errors import ConfigError


def qwen_processor_class(name: str = "Qwen2_5_VLProcessor") -> Any:
    """Return a Qwen processor class that needs no video processor.

    Args:
        name: of the class in transformers.
    """
    import transformers

    base = getattr(transformers, name)

    class ImageOnly(base):  # type: ignore[misc, valid-type]
        def __init__(
            self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **_: Any
        ) -> None:
            self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
            self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
            self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
            self.vision_start_token, self.vision_end_token = "<|vision_start|>", "<|vision_end|>"
            self.vision_start_token_id = tokenizer.convert_tokens_to_ids(self.vision_start_token)
            self.vision_end_token_id = tokenizer.convert_tokens_to_ids(self.vision_end_token)
            super(base, self).__init__(image_processor, tokenizer, chat_template=chat_template)

    ImageOnly.__name__ = ImageOnly.__qualname__ = name  # what is written to processor_config.json
    return ImageOnly


def load_processor(
    name: str,
    *,
    revision: str = "main",
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> Any:
    """Load a model's processor; where torchvision is missing, one for images alone.

    Args:
        name: a folder, or a name on the hub.
        revision: of a model on the hub.
        min_pixels: smaller images are enlarged, keeping their form.
        max_pixels: larger ones are reduced: it bounds the number of image tokens.

    Raises:
        ConfigError: there is no processor that can be loaded.
    """
    from transformers import AutoProcessor
    from transformers.utils import is_torchvision_available

    try:
        kind = processor_kind(name, revision)
        if kind.startswith("Qwen") and not (is_torchvision_available() and _has_video(name)):
            processor = qwen_processor_class(kind).from_pretrained(name, revision=revision)
        else:
            processor = AutoProcessor.from_pretrained(name, revision=revision)
    except (OSError, ValueError, ImportError, AttributeError) as error:
        missing = "" if Path(name).is_dir() else ", which is no folder here,"
        raise ConfigError(f"model_name_or_path: the processor of {name}{missing} cannot be loaded: {error}") from error
    images = getattr(processor, "image_processor", None)
    if images is not None and (min_pixels or max_pixels):
        _bound(images, min_pixels, max_pixels)
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.padding_side = "left"
    return processor


def processor_kind(name: str, revision: str = "main") -> str:
    """Return the class of a model's processor as its files name it, or an empty string."""
    for file in ("processor_config.json", "preprocessor_config.json"):
        found = str(_read(name, file, revision).get("processor_class", ""))
        if found:
            return found
    return ""


def _read(name: str, file: str, revision: str = "main") -> dict[str, Any]:
    """Read a JSON file of a model; empty where there is none."""
    found = model_file(name, file, revision)
    return {} if found is None else dict(json.loads(found.read_text(encoding="utf-8")))


def model_file(name: str, file: str, revision: str = "main") -> Path | None:
    """Return where a file of a model lies: in its folder or in the hub's cache; None where there is none to be had."""
    from transformers.utils import cached_file

    found = cached_file(
        name,
        file,
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    return None if found is None else Path(found)


def _has_video(name: str) -> bool:
    """Return whether a model's files tell its video processor; those that this module saved do not."""
    return "video_processor" in _read(name, "processor_config.json") or bool(_read(name, "preprocessor_config.json"))


def _bound(images: Any, min_pixels: int | None, max_pixels: int | None) -> None:
    """Set the bounds of image sizes: of processors that count pixels."""
    size = dict(images.size) if images.size is not None else {}
    if not {"shortest_edge", "longest_edge"} <= set(size):
        raise ConfigError(
            f"image_min_pixels and image_max_pixels mean nothing to {type(images).__name__}, whose images have a "
            "fixed size"
        )
    # of this kind of processor the "edges" are numbers of pixels
    images.size = {
        "shortest_edge": min_pixels or size["shortest_edge"],
        "longest_edge": max_pixels or size["longest_edge"],
    }


def keep_video_section(source: str, folder: Path) -> None:
    """Copy the video section of a model's processor into what was saved without it, if the model has one."""
    target = folder / "processor_config.json"
    if not target.is_file():
        return
    saved = json.loads(target.read_text(encoding="utf-8"))
    video = _read(source, "processor_config.json").get("video_processor") or _read(
        source, "video_preprocessor_config.json"
    )
    if video and "video_processor" not in saved:
        write_whole(target, json.dumps(saved | {"video_processor": video}, indent=2) + "\n")
