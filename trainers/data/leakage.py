"""Whether training data holds what a test set asks: the same images, or the same questions.

Images are told apart by what they show: exactly, by their pixels, and nearly, by a thumbnail.
"""

from __future__ import annotations

import hashlib
import io
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.datasets import load
from benchmarks.extras import need
from rewards.errors import DataError
from trainers.data.files import image_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from benchmarks.datasets import Image, Sample

    Ints = npt.NDArray[np.int16]

SIDE: Final = 16  # pixels of a thumbnail's side
NEAR: Final = 6.0
"""Mean difference of two thumbnails, in steps of 0 to 255, up to which two images count as the same picture: packed
anew, scaled, or with marks drawn on it. Of different photographs it is several times as much."""
STRUCTURE: Final = 12.0
"""Least spread of a thumbnail's values: what is as flat as a wall is the same as another only by its pixels."""
_COARSE = 2  # side of what is compared first


class Fingerprint(NamedTuple):
    """What an image is known by.

    Attributes:
        pixels: hash of its size and pixels, however the file is packed.
        thumbnail: `SIDE` x `SIDE` RGB, as bytes.
    """

    pixels: bytes
    thumbnail: bytes


def fingerprint(image: Image) -> Fingerprint:
    """Return the fingerprint of an image.

    Raises:
        DataError: it is not there, or no image that can be read.
        ConfigError: pillow is not installed.
    """
    pil = need("PIL.Image", package="pillow", purpose="comparing images with those of a test set")
    try:
        with pil.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
            picture = opened.convert("RGB")
    except FileNotFoundError as error:
        raise DataError(f"image: {image_label(image)} is not there") from error
    except (OSError, ValueError) as error:
        raise DataError(f"image: {image_label(image)}: no image that can be read ({error})") from error
    digest = hashlib.blake2b(f"{picture.width}x{picture.height}".encode(), digest_size=16)
    digest.update(picture.tobytes())
    return Fingerprint(digest.digest(), picture.resize((SIDE, SIDE), pil.Resampling.BOX).tobytes())


class Gallery:
    """Images that others are compared with.

    Args:
        images: their fingerprints.
    """

    def __init__(self, images: Iterable[Fingerprint]) -> None:
        known = dict.fromkeys(images)
        self._pixels = {image.pixels for image in known}
        thumbnails = [_unpacked(image.thumbnail) for image in known]
        structured = [thumbnail for thumbnail in thumbnails if thumbnail.std() >= STRUCTURE]
        self._thumbnails = np.stack(structured) if structured else np.zeros((0, SIDE, SIDE, 3), dtype=np.int16)
        self._coarse = np.stack([_coarse(each) for each in structured]) if structured else np.zeros((0, _COARSE**2 * 3))

    def __len__(self) -> int:
        return len(self._pixels)

    def shows(self, image: Fingerprint) -> bool:
        """Whether two rows show one image."""
        if image.pixels in self._pixels:
            return True
        thumbnail = _unpacked(image.thumbnail)
        if thumbnail.std() < STRUCTURE:
            return False
        # The means of blocks differ by no more than the pixels do: the others need not be looked at.
        likely = np.abs(self._coarse - _coarse(thumbnail)).mean(axis=-1) <= NEAR
        differences = np.abs(self._thumbnails[likely] - thumbnail).mean(axis=(1, 2, 3))
        return bool((differences <= NEAR).any())


def _unpacked(thumbnail: bytes) -> Ints:
    return np.frombuffer(thumbnail, dtype=np.uint8).reshape(SIDE, SIDE, 3).astype(np.int16)


def _coarse(thumbnail: Ints) -> npt.NDArray[np.float64]:
    blocks = thumbnail.reshape(_COARSE, SIDE // _COARSE, _COARSE, SIDE // _COARSE, 3).mean(axis=(1, 3))
    return np.asarray(blocks.reshape(-1), dtype=np.float64)


class TestSets(NamedTuple):
    """What test sets hold.

    Attributes:
        images: their images.
        questions: hashes of their questions, without those that a test set asks of several scenes: such a question is
            a template, and that it is asked in training says nothing.
        samples: number of their questions.
    """

    images: Gallery
    questions: frozenset[bytes]
    samples: int


def question_hash(sample: Sample) -> bytes:
    """Return what two questions share iff they have the same words and options, whatever case and punctuation."""
    text = " ".join([str(sample.extra.get("question", sample.prompt)), *(sample.options or ())])
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(char if char.isalnum() else " " for char in folded).split()
    return hashlib.blake2b(" ".join(words).encode(), digest_size=16).digest()


def read_test_sets(
    sets: Iterable[tuple[str, Path]], *, on_sample: Callable[[int], None] | None = None, **options: Any
) -> TestSets:
    """Read the images and questions of test sets.

    Args:
        sets: (name of the data set, its path), see `benchmarks.datasets.load`.
        on_sample: is called with the number of questions read.
        **options: of `benchmarks.datasets.load`.

    Raises:
        DataError: a record or an image is wrong: a leak must not hide behind a bad test set.
        ConfigError: as `benchmarks.datasets.load`.
    """
    images: dict[Fingerprint, None] = {}
    questions: set[bytes] = set()
    samples = 0
    for name, path in sets:
        known: dict[Path, Fingerprint] = {}
        asked: set[tuple[bytes, tuple[bytes, ...]]] = set()
        for sample in load(name, path, **options):
            found = [_known_fingerprint(image, known, sample.place) for image in sample.images]
            images.update(dict.fromkeys(found))
            asked.add((question_hash(sample), tuple(image.pixels for image in found)))
            samples += 1
            if on_sample is not None:
                on_sample(samples)
        scenes = Counter(question for question, _ in asked)
        questions.update(question for question, count in scenes.items() if count == 1)
    return TestSets(Gallery(images), frozenset(questions), samples)


def _known_fingerprint(image: Image, known: dict[Path, Fingerprint], where: str) -> Fingerprint:
    try:
        if not isinstance(image, Path):
            return fingerprint(image)
        if image not in known:
            known[image] = fingerprint(image)
        return known[image]
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
