"""Whether training data holds what a test set asks: the same images, or the same questions."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.datasets import load
from rewards.errors import DataError
from trainers.data.fingerprints import Fingerprint, Gallery, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.sample import Image, Sample


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
