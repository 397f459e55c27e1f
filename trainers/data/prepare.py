"""Real data sets -> training rows for the two stages: balanced, disjoint, labelled, free of the test sets.

Source: the paper draws 4.1k samples for SFT and 19.2k for RL evenly from the spatial categories of MindCube and
SPAR-7M. How it labels references and excludes test data is not said; what is done here is this project's own.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, NonNegativeInt, model_validator

from benchmarks.datasets import load
from benchmarks.files.paths import METADATA
from benchmarks.files.write import whole_file, whole_folder
from benchmarks.mindcube.cogmap import extract_map
from benchmarks.mindcube.references import relations_from_map
from benchmarks.run.workers import worker_pool
from benchmarks.spar.marks import marked, marked_names, marks_of
from parsers.cognitive_map import FACINGS, parse_map
from parsers.references import VIEWER, normalise_name
from parsers.types import Relation
from rewards.answers import infer_kind, score_answer
from rewards.errors import DataError
from trainers.data.card import blind_rewards, choose_relation_weight, count_by, write_card
from trainers.data.files import json_line, store_image
from trainers.data.leakage import Fingerprint, TestSets, fingerprint, question_hash, read_test_sets
from trainers.data.sampling import count, divide_groups, draw, draw_order, quotas
from trainers.data.training_rows import score_row
from trainers.scenes.multiview_maps import asked_of_map
from trainers.scenes.prompts import MULTIVIEW, multiview_prompt
from trainers.scenes.records import IMAGES
from trainers.validation import CheckedSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from benchmarks.datasets import OnError, Sample
    from benchmarks.mindcube.references import Relations
    from benchmarks.spar.marks import Mark
    from parsers.cognitive_map import MapReading
    from trainers.data.card import WeightChoice
    from trainers.data.training_rows import OnProgress, Row

SETS: Final = ("mindcube", "sparbench", "spar7m")
PARTS: Final = ("sft", "rl")
SFT_SIZE: Final = 4_100  # STAR-R1: chains for the cold start
RL_SIZE: Final = 19_200  # STAR-R1: prompts for GRPO
APART: Final = 50.0  # thousandths of the image's side by which two marks must differ
THIRD: Final = 1000 / 3
_SPARE = 0.1  # of what is wanted, drawn in addition, to take the place of what turns out to be unusable
_LEAST_SPARE = 16

T = TypeVar("T")
R = TypeVar("R")


def _can_be_prepared(name: str) -> str:
    if name not in SETS:
        raise ValueError(f"{name!r} is not a data set that can be prepared; it is one of {', '.join(SETS)}")
    return name


class PreparationSettings(CheckedSettings):
    """What training data is a function of.

    Attributes:
        name: one of `SETS`.
        path: file or folder of the data set.
        sft: rows for SFT.
        rl: rows for reinforcement learning.
        seed: of all draws.
        tests: (name, path) of the test sets whose images and questions must not occur.
        categories: patterns of the categories to draw from, such as ``*_mv``.
        relation_weight: share of R_ref that relations decide; None: decided by what names alone would score.
        image_root: folder of the images, where it is not near the file.
        task: what the rows ask: the questions, or once for each set of images the map of the scene or the camera's way.
    """

    name: Annotated[str, AfterValidator(_can_be_prepared)]
    path: Path
    sft: NonNegativeInt = SFT_SIZE
    rl: NonNegativeInt = RL_SIZE
    seed: int = 0
    tests: tuple[tuple[str, Path], ...] = ()
    categories: tuple[str, ...] = ("*",)
    relation_weight: Annotated[float, Field(ge=0, le=1)] | None = None
    image_root: Path | None = None
    task: Literal["multiview", "cogmap", "trajectory"] = "multiview"

    @model_validator(mode="after")
    def _of_some_rows(self) -> Self:
        if self.sft + self.rl == 0:
            raise ValueError(f"{self.sft} rows for SFT and {self.rl} for RL are no data set")
        if self.task != "multiview" and self.name != "mindcube":
            raise ValueError(f"task {self.task} needs cognitive maps, which of {', '.join(SETS)} mindcube has")
        return self

    def samples(self, on_error: OnError) -> Iterator[Sample]:
        """Read the data set; images and marks are left for later."""
        return load(
            self.name, self.path, image_root=self.image_root, check_images=False, draw_marks=False, on_error=on_error
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
    settings: PreparationSettings,
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
        ConfigError: the folder is there; the data set or a package is not; names alone score too much and there are no
            relation labels.
        DataError: nothing in the data set can be used, or a test set is wrong.
    """
    with whole_folder(out) as partial_out:
        run = Run(on_error or _ignore, on_progress or _ignore, workers)
        tests = read_test_sets(settings.tests, on_sample=lambda done: run.on_progress(done, None))
        chosen = _choose(settings, tests, run)
        rows = {part: [prepared_row(sample, settings.task) for sample in chosen[part]] for part in PARTS}
        choice = choose_relation_weight(rows, settings.relation_weight)
        for part in PARTS:
            rows[part] = _write(partial_out / part, rows[part], chosen[part], choice.weight, run)
        card = _card(partial_out, settings, rows, choice, dropped=run.dropped, tests=tests)
        write_card(partial_out, card)
    return card


def _ignore(*_: Any) -> None:
    pass


def _choose(settings: PreparationSettings, tests: TestSets, run: Run) -> dict[str, list[Sample]]:
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
    return _accept(drawn, wanted, tests, run, settings)


def _usable(settings: PreparationSettings, tests: TestSets, run: Run) -> Iterator[Sample]:
    """Yield the samples that can be trained on, as far as that can be told without their images."""
    mapped: set[tuple[Path | bytes, ...]] = set()
    for number, sample in enumerate(settings.samples(partial(run.drop, "bad_record")), start=1):
        if number % 1000 == 0:
            run.on_progress(number, None)
        if not any(fnmatchcase(sample.category, pattern) for pattern in settings.categories):
            run.drop("other_category")
        elif not _is_verifiable(sample):
            run.drop("unverifiable_answer")
        elif question_hash(sample) in tests.questions:
            run.drop("question_in_test_set")
        elif settings.task != "multiview" and not sample.extra.get("grounded_cogmap"):
            run.drop("no_map")
        elif settings.task != "multiview" and (view := _upright_view(sample)):
            told = f"{view!r} looks into or out of the page, which is upright there: this is no map from above"
            run.drop("upright_map", DataError(f"{sample.place}: key 'grounded_cogmap': {told}"))
        elif settings.task != "multiview" and sample.images in mapped:
            run.drop("another_question_on_these_images")
        else:
            mapped.add(sample.images)
            yield sample


def _upright_view(sample: Sample) -> str | None:
    """Return a view that looks into the page; the owners draw what lies above and below something so.

    In their maps of *translation* up on the page is then above, and for another view of the same map it may be behind:
    such a map has no frame in which both are right.
    """
    read = _read_map(sample, (*FACINGS, "inner", "outer"))
    things = {} if read.value is None else read.value.things
    return next((name for name, thing in things.items() if (thing.facing or 0) >= len(FACINGS)), None)


def _read_map(sample: Sample, facings: tuple[str, ...] = FACINGS) -> MapReading:
    written = sample.extra["grounded_cogmap"]
    text = written if isinstance(written, str) else json.dumps(written)
    return parse_map(text, layout="complex", grid=10, facings=facings)


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
    settings: PreparationSettings,
) -> dict[str, list[Sample]]:
    """Take of each part and category as many samples as wanted whose images are there and in no test set."""
    chosen: dict[str, list[Sample]] = {part: [] for part in PARTS}
    taken: set[bytes] = set()  # images of SFT, which RL must not show again
    keys = sorted(drawn, key=lambda key: (PARTS.index(key[0]), key[1]))
    candidates = [(key, sample) for key in keys for sample in drawn[key]]
    checked = partial(_checked, task=settings.task)
    fingerprints = _mapped(checked, [sample for _, sample in candidates], run.workers)
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
        samples.sort(key=lambda sample: draw_order(settings.seed, "mix", sample.category, sample.id, sample.prompt))
    return chosen


def _checked(sample: Sample, task: str) -> tuple[Fingerprint, ...] | DataError:
    """Return the fingerprints of a sample's images, without marks, or what is wrong with them or with its labels."""
    try:
        score_row(prepared_row(sample, task), "", sample.place)
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


def _card(
    folder: Path,
    settings: PreparationSettings,
    rows: Mapping[str, Sequence[Row]],
    choice: WeightChoice,
    *,
    dropped: Mapping[str, int],
    tests: TestSets,
) -> dict[str, Any]:
    """Return what ``card.json`` says."""
    return {
        "source": settings.name,
        "file": settings.path.name,
        "seed": settings.seed,
        "task": settings.task,
        "prompt": MULTIVIEW if settings.task == "multiview" else settings.task,
        "rows": {part: len(found) for part, found in rows.items()},
        "asked_for": {"sft": settings.sft, "rl": settings.rl},
        "categories": {part: count_by(found, "category") for part, found in rows.items()},
        "groups": {part: len({row["scene"] for row in found}) for part, found in rows.items()},
        "with_references": {part: sum(row["references"] is not None for row in found) for part, found in rows.items()},
        "with_relations": {part: sum(row["relations"] is not None for row in found) for part, found in rows.items()},
        "left_out": dict(sorted(dropped.items())),
        "test_sets": {
            "files": [f"{name}: {path.name}" for name, path in settings.tests],
            "questions": tests.samples,
            "images": len(tests.images),
        },
        **blind_rewards(choice),
        "warnings": _warnings(settings, rows, choice),
        "sha256": {part: hashlib.sha256((folder / part / METADATA).read_bytes()).hexdigest() for part in rows},
    }


def _warnings(settings: PreparationSettings, rows: Mapping[str, Sequence[Row]], choice: WeightChoice) -> list[str]:
    found = [] if choice.warning is None else [choice.warning]
    for part, wanted in (("sft", settings.sft), ("rl", settings.rl)):
        if len(rows[part]) < wanted:
            found.append(f"{part}: {len(rows[part])} rows of {wanted} that were asked for; there are no more")
    if not settings.tests:
        found.append("no test set was given, so nothing was compared with one (--test)")
    return found


# A question of a real data set as a training row


def prepared_row(sample: Sample, task: str = "multiview") -> Row:
    """Return the training row of a question, all but its images; see `trainers.data.training_rows`.

    Of the tasks ``cogmap`` and ``trajectory`` it is that of MindCube's map of the scene.

    Raises:
        DataError: that map cannot be used.
    """
    if task != "multiview":
        return _map_row(sample, task)
    question = str(sample.extra.get("question", sample.prompt))
    references = sample.references
    relations = None if references is None else relations_of(sample)
    form = sample.extra.get("form")  # SPAR-7M asks the same in several forms
    return {
        "id": "/".join([sample.benchmark, sample.category, *([form] if form else []), sample.id]),
        "task": "multiview",
        "source": sample.benchmark,
        "category": sample.category,
        "scene": sample.group,
        "question": question,
        "prompt": multiview_prompt(question, len(sample.images)),
        "target": sample.target,
        "options": None if sample.options is None else list(sample.options),
        "references": None if references is None else [sorted(names) for names in references],
        "relations": None if relations is None else [[list(triplet) for triplet in view] for view in relations],
    }


def _map_row(sample: Sample, task: str) -> Row:
    read = _read_map(sample)
    if read.value is None or len(read.value.views) != len(sample.images):
        told = "it has not one view for each image" if read.fault is None else read.fault.message
        raise DataError(f"{sample.place}: key 'grounded_cogmap': {told}")
    true = read.value._replace(views={name.capitalize(): view for name, view in read.value.views.items()})
    return {
        "id": f"{task}/{sample.benchmark}/{sample.category}/{sample.id}",
        "source": sample.benchmark,
        "category": sample.category,
        "scene": sample.group,
        **asked_of_map(task, true),
        "references": None,
        "relations": None,
    }


def stored_images(sample: Sample, folder: Path) -> list[str] | DataError:
    """Put the images of a question into a folder, marks drawn, and return their names, or what is wrong with one."""
    images = sample.images
    try:
        if sample.benchmark == "spar7m":
            marks = marks_of({**sample.extra, "type": sample.category}, len(images), sample.place)
            images = marked([image for image in images if isinstance(image, Path)], marks)
        return [store_image(image, folder) for image in images]
    except DataError as error:
        return DataError(f"{sample.place}: {error}")
    except OSError as error:
        return DataError(f"{sample.place}: image: {error}")


def relations_of(sample: Sample) -> Relations | None:
    """Return the true relations of each view of a question, or None where the annotation does not tell them.

    *MindCube*: from its cognitive map, where the file has one. *SPAR-7M*: from its marks, in the image: left and right,
    or above and below where they differ only in that; the only marked object of an image stands in front of the
    camera, to its left or right if it is in that third of the image.
    """
    if sample.benchmark == "mindcube":
        written = sample.extra.get("grounded_cogmap")
        cogmap = extract_map(written) if isinstance(written, str) else written
        found = relations_from_map(cogmap) if isinstance(cogmap, dict) else None
    elif sample.benchmark == "spar7m":
        found = _from_marks(sample)
    else:
        found = None
    return found if found is not None and len(found) == len(sample.images) else None


def _from_marks(sample: Sample) -> Relations | None:
    names = marked_names(sample.prompt)
    marks = marks_of({**sample.extra, "type": sample.category}, len(sample.images), sample.place)
    views: list[tuple[Relation, ...]] = []
    for number in range(len(sample.images)):
        here = [mark for mark in marks if mark.image == number and mark.label is None and mark.color in names]
        found = _in_image({names[mark.color]: mark for mark in here})
        if len({normalise_name(names[mark.color]) for mark in here}) < len(here) or (here and not found):
            return None  # two objects of one name, or at one place: no relation tells them apart
        views.append(found)
    return tuple(views) if any(views) else None


def _in_image(marks: Mapping[str, Mark]) -> tuple[Relation, ...]:
    places = {name: _center(mark) for name, mark in marks.items()}
    if len(places) == 1:
        ((name, (x, _)),) = places.items()
        side = " and left" if x < THIRD else " and right" if x > 2 * THIRD else ""
        return (Relation(name, VIEWER, f"in front of{side}"),)
    found = []
    for (one, (x, y)), (other, (other_x, other_y)) in combinations(places.items(), 2):
        if abs(x - other_x) >= APART:
            found.append(Relation(one, other, "left" if x < other_x else "right"))
        elif abs(y - other_y) >= APART:
            found.append(Relation(one, other, "above" if y < other_y else "below"))
    return tuple(found)


def _center(mark: Mark) -> tuple[float, float]:
    left, top, right, bottom = (*mark.box, *mark.box)[:4]  # a point is a box without extent
    return (left + right) / 2, (top + bottom) / 2
