"""Real data sets -> training rows for the two stages: balanced, disjoint, labelled, free of the test sets.

Source: the paper draws 4.1k samples for SFT and 19.2k for RL evenly from the spatial categories of MindCube and
SPAR-7M. How it labels references and excludes test data is not said; what is done here is this project's own.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchmarks.datasets import load
from rewards.answers import infer_kind, score_answer
from rewards.errors import ConfigError, DataError
from trainers.data.data_card import choose_relation_weight, write_card
from trainers.data.fingerprints import Fingerprint, fingerprint
from trainers.data.layout import IMAGES, METADATA
from trainers.data.leakage import TestSets, question_hash, read_test_sets
from trainers.data.lines import json_line, whole_file
from trainers.data.prepared_rows import prepared_row, stored_images
from trainers.data.sampling import count, divide_groups, draw, draw_order, quotas
from trainers.data.training_rows import score_row
from trainers.data.workers import worker_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.datasets.files import OnError
    from benchmarks.sample import Sample
    from trainers.data.training_rows import OnProgress, Row

    Parts = dict[str, list[Row]]

SETS: Final = ("mindcube", "sparbench", "spar7m")
PARTS: Final = ("sft", "rl")
SFT_SIZE: Final = 4_100  # STAR-R1: chains for the cold start
RL_SIZE: Final = 19_200  # STAR-R1: prompts for GRPO
_SPARE = 0.1  # of what is wanted, drawn in addition, to take the place of what turns out to be unusable
_LEAST_SPARE = 16

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What training data is a function of.

    Attributes:
        name: one of `SETS`.
        path: file or folder of the data set.
        sft: rows for SFT.
        rl: rows for reinforcement learning.
        seed: of all draws.
        tests: (name, path) of the test sets whose images and questions must not occur.
        categories: patterns of the categories to draw from, such as ``*_mv``.
        relation_weight: share of R_ref that relations decide; None: decided by what names alone would pay.
        image_root: folder of the images, where it is not near the file.
    """

    name: str
    path: Path
    sft: int = SFT_SIZE
    rl: int = RL_SIZE
    seed: int = 0
    tests: tuple[tuple[str, Path], ...] = ()
    categories: tuple[str, ...] = ("*",)
    relation_weight: float | None = None
    image_root: Path | None = None

    def __post_init__(self) -> None:
        if self.name not in SETS:
            raise ConfigError(f"{self.name!r} is not a data set that can be prepared; it is one of {', '.join(SETS)}")
        if min(self.sft, self.rl) < 0 or self.sft + self.rl == 0:
            raise ConfigError(f"{self.sft} rows for SFT and {self.rl} for RL are no data set")
        if self.relation_weight is not None and not 0 <= self.relation_weight <= 1:
            raise ConfigError(f"relation_weight must lie in [0, 1], not {self.relation_weight!r}")

    def samples(self, on_error: OnError) -> Iterator[Sample]:
        """Read the data set; images and marks are left for later."""
        return load(
            self.name,
            self.path,
            image_root=self.image_root,
            check_images=False,
            draw_marks=False,
            on_error=on_error,
        )


@dataclass(slots=True)
class Run:
    """How a preparation is run, and what it leaves out.

    Attributes:
        on_error: takes what is wrong with a record or an image.
        on_progress: takes the number done and the total.
        workers: processes that work with images.
        dropped: reason -> samples that were left out for it.
    """

    on_error: OnError
    on_progress: OnProgress
    workers: int = 1
    dropped: Counter[str] = field(default_factory=Counter)

    def drop(self, reason: str, error: DataError | None = None) -> None:
        """Count a sample that is left out, and tell what is wrong with it."""
        self.dropped[reason] += 1
        if error is not None:
            self.on_error(error)


def prepare(
    settings: Settings,
    out: Path,
    *,
    workers: int = 1,
    on_error: OnError | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Write ``OUT/sft`` and ``OUT/rl`` (each ``metadata.jsonl`` and ``image/``) and ``OUT/card.json``.

    The folder appears whole or not at all, and depends on the settings and the data only.

    Args:
        settings: what is to be made.
        out: a folder that is not there.
        workers: processes that read and draw images.
        on_error: takes what is wrong with a record or an image; it is left out and counted in the card.
        on_progress: takes the number done and the total, of one kind of work after the other.

    Returns:
        The data card.

    Raises:
        ConfigError: the folder is there; the data set or a package is not; names alone pay too much and there are no
            relation labels.
        DataError: nothing in the data set can be used, or a test set is wrong.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already; name another folder")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"{out}: there is no folder {out.parent}")
    run = Run(on_error or _ignore, on_progress or _ignore, workers)
    tests = read_test_sets(settings.tests, on_sample=lambda done: run.on_progress(done, None))
    chosen = _choose(settings, tests, run)
    rows = {part: [prepared_row(sample) for sample in chosen[part]] for part in PARTS}
    choice = choose_relation_weight(rows, settings.relation_weight)
    partial_out = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial_out, ignore_errors=True)
    try:
        for part in PARTS:
            rows[part] = _write(partial_out / part, rows[part], chosen[part], choice.weight, run)
        card = write_card(partial_out, settings, rows, choice, dropped=run.dropped, tests=tests)
        partial_out.rename(out)
    finally:
        shutil.rmtree(partial_out, ignore_errors=True)
    return card


def _ignore(*_: Any) -> None:
    pass


def _choose(settings: Settings, tests: TestSets, run: Run) -> dict[str, list[Sample]]:
    """Return the samples of each part, all of them usable."""
    sizes = count(_usable(settings, tests, run))
    if not sizes:
        raise DataError(f"{settings.path}: no sample can be used; left out: {dict(run.dropped)}")
    totals = {group: sum(kinds.values()) for group, kinds in sizes.items()}
    sft = divide_groups(totals, settings.sft / (settings.sft + settings.rl), settings.seed)
    wanted: dict[tuple[str, str], int] = {}
    for part, total in zip(PARTS, (settings.sft, settings.rl), strict=True):
        inside = [kinds for group, kinds in sizes.items() if (group in sft) == (part == "sft")]
        available: Counter[str] = sum(inside, Counter())
        wanted |= {(part, category): quota for category, quota in quotas(available, total).items()}
    silent = Run(_ignore, run.on_progress)
    drawn = draw(
        _usable(settings, tests, silent),
        {key: quota + max(_LEAST_SPARE, int(_SPARE * quota)) if quota else 0 for key, quota in wanted.items()},
        lambda sample: "sft" if sample.group in sft else "rl",
        settings.seed,
    )
    return _accept(drawn, wanted, tests, run, settings.seed)


def _usable(settings: Settings, tests: TestSets, run: Run) -> Iterator[Sample]:
    """Yield the samples that can be trained on, as far as that can be told without their images."""

    def bad_record(error: DataError) -> None:
        run.drop("bad_record", error)

    for number, sample in enumerate(settings.samples(bad_record), start=1):
        if number % 1000 == 0:
            run.on_progress(number, None)
        if not any(fnmatchcase(sample.category, pattern) for pattern in settings.categories):
            run.drop("other_category")
        elif not _is_verifiable(sample):
            run.drop("unverifiable_answer")
        elif question_hash(sample) in tests.questions:
            run.drop("question_in_test_set")
        else:
            yield sample


def _is_verifiable(sample: Sample) -> bool:
    """Whether R_ans can tell a right answer: a sentence cannot be compared, a letter or a number can."""
    try:
        if infer_kind(sample.target, options=sample.options) == "text":
            return False
        return score_answer(str(sample.target), sample.target, options=sample.options).correct
    except DataError:
        return False


def _accept(
    drawn: dict[tuple[str, str], list[Sample]],
    wanted: dict[tuple[str, str], int],
    tests: TestSets,
    run: Run,
    seed: int,
) -> dict[str, list[Sample]]:
    """Take of each part and category as many samples as wanted whose images are there and in no test set."""
    chosen: dict[str, list[Sample]] = {part: [] for part in PARTS}
    taken: set[bytes] = set()  # images of SFT, which RL must not show again
    keys = sorted(drawn, key=lambda key: (PARTS.index(key[0]), key[1]))
    candidates = [(key, sample) for key in keys for sample in drawn[key]]
    fingerprints = _mapped(_checked, [sample for _, sample in candidates], run.workers)
    for number, ((key, sample), found) in enumerate(zip(candidates, fingerprints, strict=True), start=1):
        run.on_progress(number, len(candidates))
        if wanted[key] == 0:
            continue
        if isinstance(found, DataError):
            run.drop("bad_image_or_label", found)
        elif any(map(tests.images.shows, found)):
            run.drop("image_in_test_set")
        elif key[0] == "rl" and not taken.isdisjoint(image.pixels for image in found):
            run.drop("image_in_sft")
        else:
            wanted[key] -= 1
            chosen[key[0]].append(sample)
            if key[0] == "sft":
                taken.update(image.pixels for image in found)
    for samples in chosen.values():  # so that categories come mixed
        samples.sort(key=lambda sample: draw_order(seed, "mix", sample.category, sample.id, sample.prompt))
    return chosen


def _checked(sample: Sample) -> tuple[Fingerprint, ...] | DataError:
    """Return the fingerprints of a sample's images, without marks, or what is wrong with them or with its labels."""
    try:
        score_row(prepared_row(sample), "", sample.place)
        return tuple(map(fingerprint, sample.images))
    except DataError as error:
        text = str(error)
        return error if text.startswith(f"{sample.place}: ") else DataError(f"{sample.place}: {text}")


def _write(folder: Path, rows: Sequence[Row], samples: Sequence[Sample], relation_weight: float, run: Run) -> list[Row]:
    """Write one part and return its rows. A sample whose images cannot be drawn is left out."""
    (folder / IMAGES).mkdir(parents=True)
    stored = _mapped(partial(stored_images, folder=folder / IMAGES), samples, run.workers)
    written = []
    with whole_file(folder / METADATA) as file:
        for number, (row, names) in enumerate(zip(rows, stored, strict=True), start=1):
            run.on_progress(number, len(rows))
            if isinstance(names, DataError):
                run.drop("bad_image_or_label", names)
                continue
            # Where relations decide, names alone are no label.
            unlabelled = {"references": None} if relation_weight and row["relations"] is None else {}
            written.append({**row, "images_file_names": [f"{IMAGES}/{name}" for name in names], **unlabelled})
            file.write(json_line(written[-1]))
    return written


def _mapped(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Yield ``function(item)`` of each item in order, worked out here or by other processes."""
    if workers == 1:
        yield from map(function, items)
        return
    with worker_pool(workers) as pool:
        yield from pool.map(function, items, chunksize=8)
