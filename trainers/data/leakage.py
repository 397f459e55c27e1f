"""Whether training data holds what a test set asks: the same images, or the same questions."""

from __future__ import annotations

import hashlib
import io
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.datasets import load
from benchmarks.extras import need
from rewards.errors import DataError
from trainers.data.image_store import image_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.sample import Image, Sample


@dataclass(slots=True)
class TestSet:
    """What test sets hold.

    Attributes:
        images: content hashes of their images.
        questions: hashes of their questions, without those that a test set asks of several scenes: such a question is
            a template, and that it is asked in training says nothing.
        samples: number of their questions.
    """

    __test__ = False  # no class of tests, whatever pytest thinks of its name

    images: set[bytes] = field(default_factory=set)
    questions: set[bytes] = field(default_factory=set)
    samples: int = 0


def question_hash(sample: Sample) -> bytes:
    """Return what two questions share iff they have the same words and options, whatever case and punctuation."""
    text = " ".join([str(sample.extra.get("question", sample.prompt)), *(sample.options or ())])
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(char if char.isalnum() else " " for char in folded).split()
    return hashlib.blake2b(" ".join(words).encode(), digest_size=16).digest()


def image_hash(image: Image) -> bytes:
    """Return what two images share iff they have the same pixels, however the files are packed.

    Raises:
        DataError: it is no image that can be read.
        ConfigError: pillow is not installed.
    """
    pil = need("PIL.Image", package="pillow", purpose="comparing images with those of a test set")
    try:
        with pil.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
            pixels = opened.convert("RGB")
    except FileNotFoundError as error:
        raise DataError(f"image: {image_label(image)} is not there") from error
    except (OSError, ValueError) as error:
        raise DataError(f"image: {image_label(image)}: no image that can be read ({error})") from error
    digest = hashlib.blake2b(f"{pixels.width}x{pixels.height}".encode(), digest_size=16)
    digest.update(pixels.tobytes())
    return digest.digest()


def read_test_sets(
    sets: Iterable[tuple[str, Path]], *, on_sample: Callable[[int], None] | None = None, **options: Any
) -> TestSet:
    """Read the images and questions of test sets.

    Args:
        sets: (name of the data set, its path), see `benchmarks.datasets.load`.
        on_sample: is called with the number of questions read.
        **options: of `benchmarks.datasets.load`.

    Raises:
        DataError: a record or an image is wrong: a leak must not hide behind a bad test set.
        ConfigError: as `benchmarks.datasets.load`.
    """
    found = TestSet()
    for name, path in sets:
        hashed: dict[Path, bytes] = {}
        asked: set[tuple[bytes, tuple[bytes, ...]]] = set()
        for sample in load(name, path, **options):
            images = tuple(_cached_hash(image, hashed, sample.place) for image in sample.images)
            found.images.update(images)
            asked.add((question_hash(sample), images))
            found.samples += 1
            if on_sample is not None:
                on_sample(found.samples)
        scenes = Counter(question for question, _ in asked)
        found.questions.update(question for question, count in scenes.items() if count == 1)
    return found


def _cached_hash(image: Image, hashed: dict[Path, bytes], where: str) -> bytes:
    try:
        if not isinstance(image, Path):
            return image_hash(image)
        if image not in hashed:
            hashed[image] = image_hash(image)
        return hashed[image]
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
