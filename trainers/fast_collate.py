"""Batches whose pixel values are made on the training device: ``fast_collator: true``.

The text of a batch is the work of the model's own processor and of TRL's own collator. Images go around both: bytes
are cut into patches as they are, and become pixel values where the model is, by a table of the 256 values that the
processor itself gives a byte. Images that nobody has drawn yet are drawn there too. The result is that of the
processor, bit by bit.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rewards.errors import ConfigError
from trainers.scenes.raycast import Solids, compiled_raycast, raycast
from trainers.scenes.render import Picture, solids_of_pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

SOLIDS: Final = "solids"  # of a batch whose images are still to be drawn
BYTES: Final = 256
SLOTS: Final = 4  # objects of a drawn scene are filled up to a multiple: a compiled ray caster wants equal shapes
AT_ONCE: Final = 256  # images that are drawn together: 1,024 of 112 pixels took 8 GiB


class Undrawn:
    """An image of a scene that is drawn on the training device, in one batch with others.

    It may stand among the ``images`` of a row where a configuration says ``fast_collator: true``.

    Args:
        picture: what is to be drawn.
        side: of the square image, pixels.
        samples: rays along each side of a pixel.
    """

    # no tuple and no dataclass: `datasets` would take it apart
    __slots__ = ("picture", "samples", "side")

    def __init__(self, picture: Picture, side: int, samples: int = 1) -> None:
        self.picture, self.side, self.samples = picture, side, samples

    def __deepcopy__(self, _: Any) -> Undrawn:  # TRL copies rows for each completion
        return self


class Patches:
    """How a Qwen image processor turns images into pixel values, for whole batches.

    Args:
        images: the image processor.

    Raises:
        ConfigError: it is none that cuts images into patches as Qwen2-VL's does.
    """

    def __init__(self, images: Any) -> None:
        for name in ("patch_size", "merge_size", "temporal_patch_size", "get_number_of_image_patches"):
            if not hasattr(images, name):
                raise ConfigError(f"fast_collator: {type(images).__name__} does not cut images as Qwen2-VL's does")
        self.images = images
        self.patch, self.merge, self.frames = images.patch_size, images.merge_size, images.temporal_patch_size
        self.table = self._table()

    def _table(self) -> Any:
        """Return ``(3, 256)`` float32: the pixel value of each byte in each channel, as the processor gives it."""
        import torch

        factor = self.patch * self.merge
        side = factor * -(-16 // factor)  # 16 x 16 pixels show all bytes
        ramp = (np.arange(side * side) % BYTES).astype(np.uint8).reshape(side, side, 1).repeat(3, axis=2)
        values = self.images(images=[ramp], do_resize=False, return_tensors="pt")["pixel_values"].float()
        rows = self.rows(torch.from_numpy(ramp)[None]).long()
        table = torch.full((3, BYTES), torch.nan)
        channels = self._channels()
        table[channels, rows] = values
        noise = torch.randint(BYTES, (side, 2 * side, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        seen = self.images(images=[noise.numpy()], do_resize=False, return_tensors="pt")["pixel_values"]
        if not torch.equal(table[channels, self.rows(noise[None]).long()], seen):  # a missing value is not equal either
            raise ConfigError(
                f"fast_collator: {type(self.images).__name__} does more to an image than scale each channel"
            )
        return table

    def _channels(self) -> Any:
        """Return ``(1, values of a patch)``: the channel of each."""
        import torch

        return torch.arange(3).repeat_interleave(self.frames * self.patch**2)[None]

    def grid(self, height: int, width: int) -> tuple[int, int, int]:
        """Return the patches of an image in time, down and across.

        Raises:
            ConfigError: the processor would resize it.
        """
        factor = self.patch * self.merge
        down, across = height // self.patch, width // self.patch
        if height % factor or width % factor or self.images.get_number_of_image_patches(height, width) != down * across:
            raise ConfigError(
                f"fast_collator: an image of {width} x {height} pixels would be resized: sides must be multiples of "
                f"{factor}, and the size within image_min_pixels and image_max_pixels; resize the files beforehand, or "
                "leave fast_collator out"
            )
        return 1, down, across

    def rows(self, pictures: Any) -> Any:
        """Return the bytes of images of one size, patch by patch.

        Args:
            pictures: ``(images, height, width, 3)`` uint8.

        Returns:
            ``(images * patches, 3 * frames * patch * patch)`` uint8, in the order of Qwen2-VL's processor.
        """
        count, height, width, _ = pictures.shape
        patch, merge = self.patch, self.merge
        cut = pictures.reshape(count, height // patch // merge, merge, patch, width // patch // merge, merge, patch, 3)
        # image, block down, block across, patch down, patch across, channel, pixel down, pixel across
        cut = cut.permute(0, 1, 4, 2, 5, 7, 3, 6)
        cut = cut.unsqueeze(6).expand(*cut.shape[:6], self.frames, patch, patch)
        return cut.reshape(count * (height // patch) * (width // patch), 3 * self.frames * patch * patch)

    def values(self, rows: Any) -> Any:
        """Return the pixel values, float32, of bytes as `rows` returns them."""
        channels = self._channels().to(rows.device)
        return self.table.to(rows.device).flatten()[channels * BYTES + rows]

    def packed(self, pictures: Sequence[Any]) -> dict[str, Any]:
        """Return images as tensors of the CPU, for `finished`: bytes by patches, or scenes to draw.

        Raises:
            ConfigError: some are drawn and some not, or those not drawn differ in size.
        """
        import torch

        undrawn = [picture for picture in pictures if isinstance(picture, Undrawn)]
        if not undrawn:
            arrays = [_pixels(picture) for picture in pictures]
            if len({array.shape for array in arrays}) == 1:
                return {"pixel_values": self.rows(torch.from_numpy(np.stack(arrays)))}
            return {"pixel_values": torch.cat([self.rows(torch.tensor(array)[None]) for array in arrays])}
        if len(undrawn) < len(pictures) or len({(each.side, each.samples) for each in undrawn}) > 1:
            raise ConfigError("fast_collator: a batch is of drawn images, or of undrawn ones of one size")
        # completions of one prompt share its images, which are drawn once
        once = {id(each): each for each in undrawn}
        numbers = {name: number for number, name in enumerate(once)}
        solids = solids_of_pictures([each.picture for each in once.values()], slots=SLOTS)
        return {
            SOLIDS: solids._asdict()
            | {
                "which": torch.tensor([numbers[id(each)] for each in undrawn]),
                "size": torch.tensor([undrawn[0].side, undrawn[0].samples]),
            }
        }

    def finished(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Make pixel values of what `packed` returned, on the device where its tensors are by now."""
        import torch

        if SOLIDS in batch:
            parts = dict(batch[SOLIDS])
            which, (side, samples) = parts.pop("which"), parts.pop("size").tolist()
            solids = Solids(**parts)
            draw = compiled_raycast() if solids.half.is_cuda else raycast
            # images are the third dimension from last of every field
            pieces = zip(*(field.split(AT_ONCE, dim=-3) for field in solids), strict=True)
            with torch.no_grad():
                drawn = torch.cat([draw(Solids(*piece), side, side, samples=samples) for piece in pieces])
                rows = self.rows(drawn[which])
        else:
            rows = batch.get("pixel_values")
        if rows is None or rows.dtype != torch.uint8:
            return batch
        return {key: value for key, value in batch.items() if key != SOLIDS} | {"pixel_values": self.values(rows)}


def _pixels(picture: Any) -> npt.NDArray[np.uint8]:
    """Return ``(height, width, 3)`` bytes of a PIL image, an array or a tensor."""
    if hasattr(picture, "convert"):
        picture = picture if picture.mode == "RGB" else picture.convert("RGB")
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise ConfigError(
            f"fast_collator: an image is {array.dtype} {array.shape}; it must be a PIL image, or bytes of (height, "
            "width, 3)"
        )
    return array


class _Sizes:
    """Stands in for an image processor where only the sizes of images matter: what text needs to know of them."""

    def __init__(self, patches: Patches) -> None:
        self.patches = patches
        self.merge_size = patches.merge

    def __call__(self, images: Sequence[Sequence[Any]], **_: Any) -> dict[str, Any]:
        grids = [self.patches.grid(*picture.shape[:2]) for row in images for picture in row]
        return {"image_grid_thw": np.array(grids, dtype=np.int64).reshape(-1, 3)}

    @staticmethod
    def fetch_images(images: Any) -> Any:
        return images


def fast_processor(processor: Any, finish: Callable[[Patches, dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a processor that takes images by `Patches`; all else is its own work, done once for equal rows.

    Args:
        processor: a Qwen2.5-VL processor.
        finish: what is done with packed images.

    Raises:
        ConfigError: as `Patches`.
    """
    patches = Patches(processor.image_processor)
    text_alone = copy.copy(processor)
    text_alone.image_processor = _Sizes(patches)

    class Fast(type(processor)):  # type: ignore[misc]
        def __call__(self, images: Any = None, text: Any = None, **kwargs: Any) -> Any:
            if images is None:
                return text_alone(text=text, **kwargs)
            texts = [text] if isinstance(text, str) else text
            rows = images if isinstance(images[0], list | tuple) else [images]
            if len(rows) != len(texts):
                raise ConfigError(f"fast_collator: images of {len(rows)} rows for {len(texts)} texts")
            sizes = [tuple(picture_size(picture) for picture in row) for row in rows]
            numbers: dict[Any, int] = {}
            which = [numbers.setdefault(row, len(numbers)) for row in zip(texts, sizes, strict=True)]
            out = text_alone(
                images=[[np.broadcast_to(np.uint8(0), (*size, 3)) for size in seen] for _, seen in numbers],
                text=[written for written, _ in numbers],
                **kwargs,
            )
            grids = np.array([patches.grid(*size) for row in sizes for size in row])
            for name, value in out.items():
                tensor = hasattr(value, "new_tensor")
                if name == "image_grid_thw":
                    out[name] = value.new_tensor(grids) if tensor else grids
                else:
                    out[name] = value[which] if tensor else [value[number] for number in which]
            out.update(finish(patches, patches.packed([picture for row in rows for picture in row])))
            return out

        @lru_cache(maxsize=4096)  # noqa: B019  there is one such processor a run
        def _written(self, conversation: Any, options: Any) -> Any:
            return super().apply_chat_template(_thawed(conversation), **_thawed(options))

        def apply_chat_template(self, conversation: Any, **kwargs: Any) -> Any:
            if kwargs.get("tokenize"):
                return super().apply_chat_template(conversation, **kwargs)
            return self._written(_frozen(conversation), _frozen(kwargs))

    Fast.__name__ = Fast.__qualname__ = type(processor).__name__  # what is written to processor_config.json
    fast = copy.copy(processor)
    fast.__class__ = Fast
    return fast


def _frozen(value: Any) -> Any:
    """Return messages as something to look up; images do not show in what a template writes."""
    if isinstance(value, dict):
        return dict, tuple((key, _frozen(each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return list, tuple(map(_frozen, value))
    return value if value is None or isinstance(value, str | int | float) else ...


def _thawed(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    kind, parts = value
    return {key: _thawed(each) for key, each in parts} if kind is dict else list(map(_thawed, parts))


def picture_size(picture: Any) -> tuple[int, int]:
    """Return height and width of an image, drawn or not."""
    if isinstance(picture, Undrawn):
        return picture.side, picture.side
    if hasattr(picture, "convert"):
        width, height = picture.size
        return height, width
    return tuple(picture.shape[:2])


class FastCollator:
    """TRL's collator of images and text, with pixel values left to the training device.

    Args:
        stock: TRL's own, with a fast processor.
        multiple: rows are padded to a multiple of so many tokens.
        pad: token that fills up rows.
    """

    def __init__(self, stock: Any, multiple: int | None, pad: int) -> None:
        self.stock, self.multiple, self.pad = stock, multiple, pad

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Return a batch whose pixel values `Patches.finished` has to make."""
        from torch.nn.functional import pad

        batch = dict(self.stock(examples))
        gap = -batch["input_ids"].shape[1] % (self.multiple or 1)
        fill = {"input_ids": self.pad, "labels": -100, "attention_mask": 0, "mm_token_type_ids": 0}
        return batch | {name: pad(batch[name], (0, gap), value=fill[name]) for name in fill if name in batch}


def collate_fast(trainer: Any) -> None:
    """Let a TRL trainer of images and text make its pixel values on the training device.

    Raises:
        ConfigError: as `Patches`; or the trainer's rows have no images.
    """
    from trl import GRPOTrainer

    processor = trainer.processing_class
    if not hasattr(processor, "image_processor"):
        raise ConfigError("fast_collator: the model takes no pictures")
    if isinstance(trainer, GRPOTrainer):
        device = trainer.accelerator.device

        def at_once(patches: Patches, packed: dict[str, Any]) -> dict[str, Any]:
            from accelerate.utils import send_to_device

            return patches.finished(send_to_device(packed, device))

        trainer.processing_class = fast_processor(processor, at_once)
        return
    stock = trainer.data_collator
    if not hasattr(stock, "processor"):
        raise ConfigError("fast_collator: the rows have no pictures")
    fast = fast_processor(processor, lambda _, packed: packed)
    multiple = stock.pad_to_multiple_of
    trainer.data_collator = FastCollator(
        replace(stock, processor=fast, pad_to_multiple_of=None), multiple, processor.tokenizer.pad_token_id
    )
    trainer.finish = Patches(processor.image_processor).finished
