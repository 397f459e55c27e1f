"""A block -> its rewards: an output row for each row, and how many rows have which score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec
import numpy as np

from benchmarks.files.blocks import CARRIED, number_of
from benchmarks.files.targets import TARGET_ROLES
from benchmarks.run.group_counts import Runs
from benchmarks.run.reward_summary import RewardTally
from benchmarks.run.score_files import Scored
from parsers.known import FIRST_CHARACTER, known_records, pack
from rewards.batch_score import answer_text
from rewards.columns import source_task
from rewards.errors import ConfigError, DataError
from rewards.score import ParsedBatch, parse_answers, parse_completions, score_for_specs, score_questions, wrong_targets
from rewards.score_table import Answers, is_tabular, read_packed, score_table
from rewards.spec import QuestionSpec, preset_spec
from rewards.targets import try_targets, unpack_value
from rewards.tasks import route_task, task_names
from rewards.tasks.load import part_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from benchmarks.files.blocks import Block
    from parsers.completion import Mode, Prefilled
    from parsers.known import KnownRecords
    from parsers.types import Fault, Records
    from rewards.batch_score import BatchScore
    from rewards.score_table import Oddity, ScoreTable
    from rewards.spec import TieredSpec
    from rewards.tasks import Task

    ReadAnswer = tuple[str, Oddity | None, KnownRecords]
    """What a digest leaves of a completion whose score is looked up: the codes of the valid records of its answer,
    packed, what is unusual about it, and what the codes are of."""


_DIGESTED = 128
"""Completions that are read with one `KnownRecords`, which bounds what it learns before a new one begins."""


class Rewarded(NamedTuple):
    """The scores of the rows of a block, of which there are few different ones.

    Attributes:
        parts: names of the parts of a score.
        scores: the different ones: `benchmarks.run.reward_summary.SCORE_NUMBERS` and the parts, as bytes.
        codes: the place of each row's score among them, (rows,).
        faults: what is wrong with the text, by row, in their order.
        prefilled: rows whose opening ``<think>`` was taken as written by the chat template.
        answers: makes the answers as people write them, (rows,); None for none.
    """

    parts: tuple[str, ...]
    scores: Sequence[bytes]
    codes: NDArray[np.uint32]
    faults: Mapping[int, Fault]
    prefilled: int
    answers: Callable[[], Sequence[str | None]]


@dataclass(frozen=True, slots=True)
class RewardScorer:
    """Scores a block under one reward, and a list task also under the presets ``default`` and ``paper``.

    Attributes:
        task: what the completions answer.
        spec: the reward.
        mode: see `parsers.completion.parse_completion`.
        think_prefilled: likewise.
    """

    task: Task
    spec: TieredSpec | QuestionSpec
    mode: Mode = "strict"
    think_prefilled: Prefilled = "auto"

    tally: ClassVar = RewardTally

    def __call__(self, block: Block) -> Scored:
        """Score the rows of a block; those with wrong targets, or of other tasks, become errors."""
        block = own_rows(block, self.task)
        table = self._table()
        if table is not None:
            block, rewarded = self._look_up(block, table)
        else:
            score = self._score_questions if isinstance(self.spec, QuestionSpec) else self._score_records
            block, rewarded = score(block)
        return Scored(block, _tally(block, rewarded), partial(_lines, block, rewarded))

    def digest(self, completions: Sequence[str]) -> list[Any]:
        """Return what scores depend on: where they are looked up see `ReadAnswer`, otherwise what was parsed."""
        table = self._table()
        if table is None:
            return self._parse(completions)
        found: list[ReadAnswer] = []
        for start in range(0, len(completions), _DIGESTED):
            known = table.known if not start else known_records(table.known.record_format)
            some = completions[start : start + _DIGESTED]
            packed, odd = read_packed(some, known, mode=self.mode, think_prefilled=self.think_prefilled)
            found += zip(packed, map(odd.get, range(len(packed))), repeat(known))
        return found

    @property
    def schema(self) -> dict[str, Any]:
        """The fields of an output row and their types, see `benchmarks.run.output`."""
        fault = {"code": str, "message": str, "offset": int}
        scores = {"total": float, "parts": dict.fromkeys(part_names(self.spec), float), "correct": bool, "fault": fault}
        return {"id": str, **scores, "answer": str, "unit": float, "group": str, "error": str}

    def _table(self) -> ScoreTable | None:
        """Return the table in which scores are looked up, if they can be."""
        specs = self._specs()
        if self.task.record_format is None or not all(map(is_tabular, specs)):
            return None
        return score_table(specs, self.task.record_format)

    def _specs(self) -> list[Any]:
        """Return the reward and, of a list task, the presets that it is compared under."""
        return [self.spec, *(preset for preset in _presets(self.task) if preset != self.spec)]

    def _parse(self, completions: Sequence[str]) -> list[Any]:
        envelopes = parse_completions(completions, mode=self.mode, think_prefilled=self.think_prefilled)
        if self.task.record_format is None:
            return [(each, None) for each in envelopes]
        return list(zip(envelopes, parse_answers(envelopes, self.task.record_format).answers, strict=True))

    def _look_up(self, block: Block, table: ScoreTable) -> tuple[Block, Rewarded]:
        """Return a block of `ReadAnswer`s without the rows whose targets are wrong, and its scores."""
        targets, errors = table.try_targets(block.columns["target"])
        block = block.without(errors)
        packed, unusual, known = zip(*block.columns["completion"], strict=True) if len(block) else ((), (), ())
        if known.count(table.known) < len(known):
            packed = tuple(
                codes if each is table.known else _renumbered(codes, each, table.known)
                for codes, each in zip(packed, known, strict=True)
            )
        odd = {row: each for row, each in enumerate(unusual) if each is not None}
        answers = Answers.of(packed, odd)
        kinds, scores, *_ = scored = table.score_answers(answers, targets)
        presets = (scores[table.specs.index(preset)] for preset in _presets(self.task))
        found, places = _distinct(_numbers(scores[0], *presets))
        faults = {row: each.fault for row, each in odd.items() if each.fault is not None}
        prefilled = sum(each.prefilled for each in odd.values())
        return block, Rewarded(tuple(scores[0].parts), found, places[kinds], faults, prefilled, scored.texts)

    def _score_records(self, block: Block) -> tuple[Block, Rewarded]:
        assert self.task.record_format is not None
        true, errors = try_targets(block.columns["target"], self.task.record_format)
        block = block.without(errors)
        envelopes, answers = zip(*block.columns["completion"], strict=True) if len(block) else ((), ())
        specs, presets = self._specs(), _presets(self.task)
        scores = score_for_specs(ParsedBatch(envelopes, answers, self.task.record_format), true, specs)
        text = partial(_written_records, self.task.record_format.render)
        return block, _rewarded(scores[0], *(scores[specs.index(preset)] for preset in presets), text=text)

    def _score_questions(self, block: Block) -> tuple[Block, Rewarded]:
        spec = self.spec
        assert isinstance(spec, QuestionSpec)
        roles = [role for role in TARGET_ROLES if role in block.columns]

        def score(rows: Sequence[Sequence[Any]]) -> Rewarded:
            envelopes, targets, *others = zip(*rows, strict=True) if rows else ((), (), *((),) * (len(roles) - 1))
            return _rewarded(score_questions(envelopes, targets, spec, **dict(zip(roles[1:], others, strict=True))))

        envelopes = [each for each, _ in block.columns["completion"]]
        rows = list(zip(envelopes, *(block.columns[role] for role in roles), strict=True))
        try:
            return block, score(rows)
        except DataError:
            targets, *others = (block.columns[role] for role in roles)
            errors = wrong_targets(self.task, targets, **dict(zip(roles[1:], others, strict=True)), spec=spec)
        return block.without(errors), score([row for at, row in enumerate(rows) if at not in errors])


@lru_cache(maxsize=64)
def _presets(task: Task) -> tuple[Any, ...]:
    """Return the presets under which the rows of a list task are compared; none for questions."""
    if isinstance(task.spec, QuestionSpec):
        return ()
    return preset_spec(task.spec, "default"), preset_spec(task.spec, "paper")


def own_rows(block: Block, task: Task) -> Block:
    """Return a block with packed targets spread over its columns, without the rows of tasks that this one cannot score.

    A row is of the task that its packed target names, or its column ``task``; words that are no tasks' names are the
    data set's own, unless ``star-r1/`` stands before them.
    """
    packed: dict[int, dict[str, Any]] = {}
    errors: dict[int, str] = {}
    for row, target in enumerate(block.columns["target"]):
        if ('"target"' in target) if type(target) is str else isinstance(target, str | Mapping):
            try:
                packed[row] = unpack_value(target)
            except DataError as error:
                errors[row] = error.message
    if not packed and not errors and "task" not in block.columns:
        return block
    given = block.columns.get("task", [None] * len(block))
    named = [packed[row].get("task") if row in packed else each for row, each in enumerate(given)]
    sources = list(map(source_task, named))
    names = [(source or each) if isinstance(each, str) else None for source, each in zip(sources, named, strict=True)]
    some = not set(task_names()).isdisjoint(names)
    for row, name in enumerate(names if some or any(sources) else ()):
        if name is not None and row not in errors and (some or sources[row]):
            try:
                if route_task(task, name) is None:
                    errors[row] = f"its task is {name!r}, and {task.name!r} is scored: --task {name}"
            except ConfigError as error:
                errors[row] = str(error)
    columns = dict(block.columns)
    for role in TARGET_ROLES:
        found = {row: gold[role] for row, gold in packed.items() if gold.get(role) is not None}
        values = list(columns.get(role, [None] * len(block))) if found else []
        for row, value in found.items():
            values[row] = value if role == "target" or values[row] is None else values[row]
        columns |= {role: values} if found else {}
    return replace(block, columns=columns).without(errors)


# --- scores ----------------------------------------------------------------------------------------------------------


def _rewarded(batch: BatchScore, *presets: BatchScore, text: Callable[[Any], str | None] = answer_text) -> Rewarded:
    """Return the scores of a batch, and its totals under the presets default and paper; without these, its own."""
    scores, codes = _distinct(_numbers(batch, *presets))
    faults = {row: fault for row, fault in enumerate(batch.faults) if fault is not None}
    prefilled = int(batch.prefilled.sum())
    return Rewarded(tuple(batch.parts), scores, codes, faults, prefilled, lambda: list(map(text, batch.answers)))


def _written_records(render: Callable[[Any], str], answer: Records | None) -> str | None:
    """Return an answer in the canonical form, which reads back as the same."""
    return None if answer is None else ", ".join(map(render, answer.items))


def _numbers(batch: BatchScore, *presets: BatchScore) -> NDArray[np.float64]:
    """Return the numbers of each score, (rows, numbers); see `Rewarded`."""
    default, paper = presets or (batch, batch)
    numbers = (batch.total, batch.unit, batch.correct, default.total, paper.total, *batch.parts.values())
    return np.stack(numbers, axis=1, dtype=np.float64)


def _distinct(scores: NDArray[np.float64]) -> tuple[list[bytes], NDArray[np.uint32]]:
    """Return the different rows of a table of numbers, as bytes, and the place of each row among them, (rows,)."""
    found: dict[bytes, int] = {}
    width = scores.shape[1] * scores.itemsize
    bits = scores.tobytes()
    places = [found.setdefault(bits[at : at + width], len(found)) for at in range(0, len(bits), width)]
    return list(found), np.array(places, dtype=np.uint32)


def _renumbered(packed: str, before: KnownRecords, known: KnownRecords) -> str:
    """Return the codes of records as others know them: of what was read before too much was known."""
    return pack([known.code(before.records[ord(each) - FIRST_CHARACTER]) for each in packed])


# --- the tally -------------------------------------------------------------------------------------------------------


def _tally(block: Block, rewarded: Rewarded) -> RewardTally:
    scores, codes = rewarded.scores, rewarded.codes
    tally = RewardTally(
        dict(zip(scores, range(len(scores)), strict=True)),
        np.bincount(codes, minlength=len(scores)).tolist(),
        prefilled=rewarded.prefilled,
        faults=_first_faults(block, rewarded.faults),
    )
    tally.makers.add(block.columns)
    groups, lengths = block.runs(block.group_key)
    scenes = block.numbers(["scene"]) if "scene" in block.columns else []
    if groups.count(None) < len(groups):
        tally.grouped_by.append(block.group_name)
    tally.scenes = scenes.count(None) < len(scenes)
    if tally.scenes:
        tally.runs.append(_runs_of_scenes(block, block.groups(), scenes, codes))
    elif tally.grouped_by:
        known = [number is not None for number in groups]
        group = np.array([number for number in groups if number is not None], dtype=np.uint64)
        length = np.array(lengths, dtype=np.uint32)
        tally.runs.append(Runs(group, group, length[known], codes[np.repeat(known, length)]))
    return tally


def _runs_of_scenes(
    block: Block, groups: Sequence[int | None], scenes: Sequence[int | None], codes: NDArray[np.uint32]
) -> Runs:
    """Return the rows that have a group or a scene; one with a scene alone is a group of its own."""
    known = [row for row in range(len(groups)) if groups[row] is not None or scenes[row] is not None]
    places = (block.chunk.place(block.at[row]) for row in known)
    # A row with a scene alone is a group of its own. A scene is no group, even where both have the same name.
    own = [number_of(place) if groups[row] is None else groups[row] for row, place in zip(known, places, strict=True)]
    given = [scenes[row] for row in known]
    shared = [group if scene is None else _MOST ^ scene for scene, group in zip(given, own, strict=True)]
    group, cluster = np.array(own, dtype=np.uint64), np.array(shared, dtype=np.uint64)
    starts = np.flatnonzero(np.r_[True, (group[1:] != group[:-1]) | (cluster[1:] != cluster[:-1])])
    length = np.diff(starts, append=len(group)).astype(np.uint32)
    return Runs(cluster[starts], group[starts], length, codes[known])


_MOST = 2**64 - 1


def _first_faults(block: Block, faults: Mapping[int, Fault]) -> dict[str, tuple[int, str, str]]:
    """Return the rows of each code, with the place and the message of the first."""
    counts = Counter([fault.code for fault in faults.values()])
    first = {fault.code: (row, fault.message) for row, fault in reversed(list(faults.items()))}
    return {
        code: (count, block.chunk.place(block.at[first[code][0]]), first[code][1]) for code, count in counts.items()
    }


# --- output rows -----------------------------------------------------------------------------------------------------


def _lines(block: Block, rewarded: Rewarded) -> list[bytes]:
    """Return an output row for each row of the block: what is the same for all rows of a score is written once."""
    written = [_written(score, rewarded.parts) for score in rewarded.scores]
    before, after = ([each[side] for each in written] for side in (0, 1))
    codes = rewarded.codes.tolist()
    faults = [b"null"] * len(codes)
    for row, fault in rewarded.faults.items():
        faults[row] = _encode(fault._asdict())
    carried = [
        [b"" if value == b"null" else b',"%b":%b' % (role.encode(), value) for value in _encoded(block.columns[role])]
        for role in CARRIED
        if role in block.columns
    ]
    more: Iterable[bytes] = map(b"".join, zip(*carried, strict=True)) if carried else repeat(b"")
    values = zip(
        repeat(b'{"id":'),
        _encoded(block.ids()),
        more,
        map(before.__getitem__, codes),
        faults,
        repeat(b',"answer":'),
        _encoded(rewarded.answers()),
        map(after.__getitem__, codes),
        _encoded(block.group_labels()),
        repeat(b',"error":null}\n'),
    )
    return list(map(b"".join, values))


_encoder = msgspec.json.Encoder(enc_hook=str)
_encode = _encoder.encode


def _encoded(values: Sequence[Any]) -> list[bytes]:
    """Return each value as JSON, which holds no line breaks."""
    return _encoder.encode_lines(values).split(b"\n")[:-1]


@lru_cache(maxsize=1 << 16)
def _written(score: bytes, parts: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Return what stands before and behind the fault and the answer in the output row of a score."""
    total, unit, correct, _, _, *values = np.frombuffer(score).tolist()
    before = {"total": total, "parts": dict(zip(parts, values, strict=True)), "correct": bool(correct)}
    return b"," + _encode(before)[1:-1] + b',"fault":', b',"unit":' + _encode(unit) + b',"group":'
