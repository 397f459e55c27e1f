"""Files of predictions -> rewards: what ``star score`` runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import numpy as np

from benchmarks.files.blocks import number_of
from benchmarks.files.targets import TARGET_ROLES, read_target_file
from benchmarks.run.executors import Executor
from benchmarks.run.group_counts import Runs
from benchmarks.run.parts import PART_BYTES
from benchmarks.run.reward_summary import RewardTally
from benchmarks.run.score_files import Reading, Run, Scored, score_files
from benchmarks.run.signature import signature
from parsers.values import Completion, Records
from rewards.errors import ConfigError, DataError
from rewards.score import (
    ParsedBatch,
    answer_text,
    parse_answers,
    parse_completions,
    resolve,
    score_for_specs,
    wrong_targets,
)
from rewards.spec import QuestionSpec, preset_spec
from rewards.targets import try_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.files.blocks import Block
    from benchmarks.files.targets import On
    from benchmarks.run.executors import Engine
    from benchmarks.run.reward_summary import Summary
    from benchmarks.run.score_files import Progress
    from parsers.completion import Mode, Prefilled
    from parsers.formats import RecordFormat
    from rewards.score import BatchScore
    from rewards.spec import TieredSpec
    from rewards.tasks import Task
    from rewards.tiered import Record


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
        """Score the rows of a block; those with wrong targets become errors."""
        score = self._score_questions if isinstance(self.spec, QuestionSpec) else self._score_records
        block, batch, *presets = score(block)
        default, paper = presets or (batch.total, batch.total)
        numbers = (batch.total, batch.unit, batch.correct, default, paper, *batch.parts.values())
        scores, codes = _distinct(np.stack(numbers, axis=1, dtype=np.float64))
        return Scored(block, _tally(block, batch, scores, codes), partial(self._lines, block, batch, scores, codes))

    @property
    def schema(self) -> dict[str, Any]:
        """The fields of an output row and their types, see `benchmarks.run.output`."""
        fault = {"code": str, "message": str, "offset": int}
        scores = {"total": float, "parts": dict.fromkeys(self.task.parts, float), "correct": bool, "fault": fault}
        return {"id": str, **scores, "answer": str, "unit": float, "group": str, "error": str}

    def _lines(
        self, block: Block, batch: BatchScore, scores: Sequence[bytes], codes: NDArray[np.uint32]
    ) -> list[bytes]:
        """Return an output row for each row of the block: what is the same for all rows of a score is written once."""
        names = tuple(batch.parts)
        before, after = zip(*[_written(score, names) for score in scores], strict=True) if scores else ((), ())
        record = _rendered(self.task.record_format) if self.task.record_format else {}
        answers = [
            ", ".join([record[each] for each in answer.items]) if type(answer) is Records else answer_text(answer)
            for answer in batch.answers
        ]
        faults = [None if fault is None else fault._asdict() for fault in batch.faults]
        scenes: Iterable[bytes] = repeat(b"")
        if "scene" in block.columns:
            encoded = _encoded(block.columns["scene"])
            scenes = [b"" if scene == b"null" else b',"scene":' + scene for scene in encoded]
        values = zip(
            repeat(b'{"id":'),
            _encoded(block.ids()),
            scenes,
            map(before.__getitem__, codes.tolist()),
            _encoded(faults),
            repeat(b',"answer":'),
            _encoded(answers),
            map(after.__getitem__, codes.tolist()),
            _encoded(block.group_labels()),
            repeat(b',"error":null}\n'),
        )
        return [b"".join(row) for row in values]

    def digest(self, completions: Sequence[str]) -> list[tuple[Completion, Records | None]]:
        """Parse completions; of list tasks also the answers, and the reasoning is dropped that no score depends on."""
        envelopes = parse_completions(completions, mode=self.mode, think_prefilled=self.think_prefilled)
        if self.task.record_format is None:
            return [(each, None) for each in envelopes]
        _, answers, _ = parse_answers(envelopes, self.task.record_format)
        assert not isinstance(self.spec, QuestionSpec)
        if not self.spec.consistency_weight:
            envelopes = [
                _GOOD[each.prefilled] if each.fault is None else Completion(None, None, each.fault, each.prefilled)
                for each in envelopes
            ]
        return list(zip(envelopes, answers, strict=True))

    def _score_records(self, block: Block) -> tuple[Any, ...]:
        """Return the block without the rows that cannot be scored, the scores, and the totals under both presets."""
        assert not isinstance(self.spec, QuestionSpec)
        assert self.task.record_format is not None
        true, errors = try_targets(block.columns["target"], self.task.record_format)
        block = block.without(errors)
        envelopes, answers = zip(*block.columns["completion"], strict=True) if len(block) else ((), ())
        presets = _presets(self.task)
        specs = [self.spec, *(preset for preset in presets if preset != self.spec)]
        scores = score_for_specs(ParsedBatch(envelopes, answers, self.task.record_format), true, specs)
        return block, scores[0], *(scores[specs.index(preset)].total for preset in presets)

    def _score_questions(self, block: Block) -> tuple[Any, ...]:
        from rewards.score import score_questions  # noqa: PLC0415  only questions need its grammars

        spec = self.spec
        assert isinstance(spec, QuestionSpec)
        roles = [role for role in TARGET_ROLES if role in block.columns]

        def score(rows: Sequence[Sequence[Any]]) -> BatchScore:
            envelopes, targets, *others = zip(*rows, strict=True) if rows else ((), (), *((),) * (len(roles) - 1))
            return score_questions(envelopes, targets, spec, **dict(zip(roles[1:], others, strict=True)))

        envelopes = [each for each, _ in block.columns["completion"]]
        rows = list(zip(envelopes, *(block.columns[role] for role in roles), strict=True))
        try:
            return block, score(rows)
        except DataError:
            targets, *others = (block.columns[role] for role in roles)
            errors = wrong_targets(self.task, targets, **dict(zip(roles[1:], others, strict=True)), spec=spec)
        return block.without(errors), score([row for at, row in enumerate(rows) if at not in errors])


_GOOD = (Completion(None, None), Completion(None, None, prefilled=True))


@lru_cache(maxsize=64)
def _presets(task: Task) -> tuple[TieredSpec, TieredSpec]:
    """Return the presets under which the rows of a list task are compared."""
    assert not isinstance(task.spec, QuestionSpec)
    return preset_spec(task.spec, "default"), preset_spec(task.spec, "paper")


def _distinct(scores: NDArray[np.float64]) -> tuple[list[bytes], NDArray[np.uint32]]:
    """Return the different rows of a table of numbers, as bytes, and the place of each row among them, (rows,)."""
    bits = np.ascontiguousarray(scores).view(np.uint64)
    # Rows are told apart by a sum that two different ones hardly share; where they do, they are sorted whole. The low
    # bits of round numbers are all 0, so that the high ones have to take part in their place.
    sums = (bits ^ (bits >> np.uint64(29))) @ _MIXED[: bits.shape[1]]
    _, first, places = np.unique(sums, return_index=True, return_inverse=True)
    if not np.array_equal(bits[first][places], bits):
        _, first, places = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return [scores[at].tobytes() for at in first.tolist()], places.astype(np.uint32)


_MIXED = np.random.default_rng(0).integers(1 << 63, size=64, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _tally(block: Block, batch: BatchScore, scores: Sequence[bytes], codes: NDArray[np.uint32]) -> RewardTally:
    counts = np.bincount(codes, minlength=len(scores)).tolist()
    found = dict(zip(scores, range(len(scores)), strict=True))
    tally = RewardTally(found, counts, prefilled=int(batch.prefilled.sum()), faults=_first_faults(block, batch))
    groups = block.groups()
    scenes = block.numbers(["scene"]) if "scene" in block.columns else None
    if any(number is not None for number in groups):
        tally.grouped_by.append(block.group_name)
    tally.scenes = scenes is not None and any(number is not None for number in scenes)
    if tally.grouped_by or tally.scenes:
        tally.runs.append(_runs(block, groups, scenes, codes))
    return tally


def _runs(
    block: Block, groups: Sequence[int | None], scenes: Sequence[int | None] | None, codes: NDArray[np.uint32]
) -> Runs:
    """Return the rows that have a group or a scene; one with a scene alone is a group of its own."""
    known = [*range(len(groups))]
    if scenes is not None:
        own = [number_of(block.chunk.place(at)) for at in block.at]
        known = [row for row in known if groups[row] is not None or scenes[row] is not None]
        groups = [own[row] if groups[row] is None else groups[row] for row in known]
        scenes = [groups[at] if scenes[row] is None else scenes[row] for at, row in enumerate(known)]
    elif None in groups:
        known = [row for row in known if groups[row] is not None]
        groups = [groups[row] for row in known]
    group = np.array(groups, dtype=np.uint64)
    cluster = group if scenes is None else np.array(scenes, dtype=np.uint64)
    starts = np.flatnonzero(np.r_[True, (group[1:] != group[:-1]) | (cluster[1:] != cluster[:-1])])
    length = np.diff(starts, append=len(group)).astype(np.uint32)
    return Runs(cluster[starts], group[starts], length, codes[known])


def _first_faults(block: Block, batch: BatchScore) -> dict[str, tuple[int, str, str]]:
    """Return the rows of each code, with the place and the message of the first."""
    faulty = [(row, fault) for row, fault in enumerate(batch.faults) if fault is not None]
    counts = Counter(fault.code for _, fault in faulty)
    first = {fault.code: (row, fault.message) for row, fault in reversed(faulty)}
    return {
        code: (count, block.chunk.place(block.at[first[code][0]]), first[code][1]) for code, count in counts.items()
    }


_encoder = msgspec.json.Encoder(enc_hook=str)
_encode = _encoder.encode


def _encoded(values: Sequence[Any]) -> list[bytes]:
    """Return each value as JSON, which holds no line breaks."""
    return _encoder.encode_lines(values).split(b"\n")[:-1]


@lru_cache(maxsize=1 << 16)
def _written(score: bytes, names: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Return what stands before and behind the fault and the answer in the output row of a score."""
    total, unit, correct, _, _, *parts = np.frombuffer(score).tolist()
    before = {"total": total, "parts": dict(zip(names, parts, strict=True)), "correct": bool(correct)}
    return b"," + _encode(before)[1:-1] + b',"fault":', b',"unit":' + _encode(unit) + b',"group":'


class _Rendered(dict["Record", str]):
    """Records in the canonical form, which reads back as the same; each is written once."""

    def __init__(self, record_format: RecordFormat) -> None:
        super().__init__()
        self._format = record_format

    def __missing__(self, record: Record) -> str:
        text = self._format.render(record)
        if len(self) < _MOST_RECORDS:
            self[record] = text
        return text


_MOST_RECORDS = 1 << 16
_rendered = lru_cache(maxsize=64)(_Rendered)


def read_weights(path: str) -> dict[str, Any]:
    """Read a YAML file with fields of `TieredSpec` (or `QuestionSpec`), such as ``tiers: {exact: 5, object: 0}``.

    Raises:
        ConfigError: if it is no such file.
    """
    import yaml  # noqa: PLC0415  only this needs it

    try:
        read = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(read, dict) or not all(isinstance(name, str) for name in read):
        raise ConfigError(
            f"{path}: it holds the fields of a reward, as in 'incorrect_penalty: 2', and not {read!r:.60}"
        )
    return read


def score_rewards(
    files: Sequence[str],
    *,
    task: str = "tvr",
    preset: str = "default",
    overrides: Mapping[str, Any] | None = None,
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    mapping: Mapping[str, str] | None = None,
    targets: str | None = None,
    on: On = "id",
    out: str | None = None,
    overwrite: bool = False,
    workers: int = 1,
    engine: Engine = "here",
    address: str | None = None,
    limit: int | None = None,
    strict_input: bool = False,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    part_bytes: int = PART_BYTES,
) -> Summary | None:
    """Score files of predictions.

    Args:
        files: JSON Lines, gzip of that, Parquet, or ``-``.
        task: a task's name, or the path of its YAML file.
        preset: a named change of its reward.
        overrides: fields of the reward to change on top of the preset.
        mode: see `parsers.completion.parse_completion`.
        think_prefilled: likewise.
        mapping: role -> column, see `benchmarks.files.columns.ROLES`.
        targets: a file with the targets, for predictions that come without.
        on: the role that both files are joined on.
        out: see `benchmarks.run.score_files.Run`, as all that follows.
        overwrite: likewise.
        workers: see `benchmarks.run.executors.Executor`.
        engine: likewise.
        address: likewise.
        limit: see `benchmarks.run.score_files.Run`.
        strict_input: likewise.
        on_error: likewise.
        on_progress: likewise.
        on_notice: likewise.
        part_bytes: likewise.

    Returns:
        The summary; None where no row could be scored.

    Raises:
        DataError: for files that cannot be scored at all, and with *strict_input* for the first bad row.
        ConfigError: for wrong options, and columns that are ambiguous.
    """
    found, spec = resolve(task, preset, **(overrides or {}))
    settings = {"mode": mode} | ({} if think_prefilled == "auto" else {"think_prefilled": str(think_prefilled).lower()})
    signed = signature(found.name, preset, spec, resolve(task, preset)[1], **settings)
    mapping = mapping or {}
    of_targets = {role: column for role, column in mapping.items() if role in (*TARGET_ROLES, on)}
    joined = (*TARGET_ROLES, "scene")
    target_file = read_target_file(targets, on, mapping=of_targets, roles=joined) if targets else None
    reading = Reading(
        needed=("completion", on if target_file else "target"),
        mapping={role: column for role, column in mapping.items() if not (target_file and role in TARGET_ROLES)},
        targets=target_file,
    )
    total = score_files(
        files,
        RewardScorer(found, spec, mode, think_prefilled),
        reading,
        Run(
            out=out,
            overwrite=overwrite,
            by=Executor(workers, engine, address),
            limit=limit,
            strict_input=strict_input,
            on_error=on_error,
            on_progress=on_progress,
            on_notice=on_notice,
            part_bytes=part_bytes,
        ),
        settings={"reward": [signed, asdict(spec)], "mapping": mapping, "on": on if targets else None},
    )
    tally: RewardTally = total.tally
    compared = not isinstance(spec, QuestionSpec)
    return tally.summary(found.parts, total.progress, signature=signed, compared=compared)
