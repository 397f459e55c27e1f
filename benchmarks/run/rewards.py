"""Files of predictions -> rewards: what ``star score`` runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.files.paths import find_files
from benchmarks.files.targets import TARGET_ROLES, read_target_file
from benchmarks.run.output import Output, fingerprint
from benchmarks.run.reward_summary import Rewarded, RewardTally
from benchmarks.run.score_files import Scored, score_files, wrong_targets
from benchmarks.run.signature import signature
from parsers.values import Records
from rewards.errors import ConfigError, DataError
from rewards.score import answer_text, parse_answers, parse_completions, resolve, score_for_specs
from rewards.spec import QuestionSpec, preset_spec
from rewards.targets import try_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.files.blocks import Block
    from benchmarks.files.targets import On
    from benchmarks.run.reward_summary import Summary
    from benchmarks.run.score_files import Progress
    from parsers.completion import Mode, Prefilled
    from parsers.formats import RecordFormat
    from parsers.values import Completion
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

    def __call__(self, block: Block) -> Scored:
        """Score the rows of a block; those with wrong targets become errors."""
        score = self._score_questions if isinstance(self.spec, QuestionSpec) else self._score_records
        block, rewarded = score(block)
        return Scored(block, rewarded, partial(_output_rows, block, rewarded.batch, self.task))

    @property
    def schema(self) -> dict[str, Any]:
        """The fields of an output row and their types, see `benchmarks.run.output.Output`."""
        fault = {"code": str, "message": str, "offset": int}
        scores = {"total": float, "parts": dict.fromkeys(self.task.parts, float), "correct": bool, "fault": fault}
        return {"id": str, **scores, "answer": str, "unit": float, "group": str, "error": str}

    def _envelopes(self, block: Block) -> list[Completion]:
        return parse_completions(block.columns["completion"], mode=self.mode, think_prefilled=self.think_prefilled)

    def _score_records(self, block: Block) -> tuple[Block, Rewarded]:
        assert not isinstance(self.spec, QuestionSpec)
        assert not isinstance(self.task.spec, QuestionSpec)
        assert self.task.record_format is not None
        true, errors = try_targets(block.columns["target"], self.task.record_format)
        block = block.without(errors)
        reading = parse_answers(self._envelopes(block), self.task.record_format)
        presets = [preset_spec(self.task.spec, preset) for preset in ("default", "paper")]
        specs = [self.spec, *(preset for preset in presets if preset != self.spec)]
        scores = score_for_specs(reading, true, specs)
        default, paper = (scores[specs.index(preset)].total for preset in presets)
        return block, Rewarded(scores[0], default, paper)

    def _score_questions(self, block: Block) -> tuple[Block, Rewarded]:
        from rewards.score import score_questions  # noqa: PLC0415  only questions need its grammars

        spec = self.spec
        assert isinstance(spec, QuestionSpec)
        roles = [role for role in TARGET_ROLES if role in block.columns]

        def score(rows: Sequence[Sequence[Any]]) -> BatchScore:
            envelopes, targets, *others = zip(*rows, strict=True) if rows else ((), (), *((),) * (len(roles) - 1))
            return score_questions(envelopes, targets, spec, **dict(zip(roles[1:], others, strict=True)))

        rows = list(zip(self._envelopes(block), *(block.columns[role] for role in roles), strict=True))
        try:
            return block, Rewarded(score(rows))
        except DataError:
            errors = wrong_targets(score, rows, in_order=True)
        return block.without(errors), Rewarded(score([row for at, row in enumerate(rows) if at not in errors]))


def _output_rows(block: Block, batch: BatchScore, task: Task) -> list[dict[str, Any]]:
    names = tuple(batch.parts)
    return [
        {
            "total": total,
            "parts": dict(zip(names, parts, strict=True)),
            "correct": correct,
            "fault": None if fault is None else fault._asdict(),
            "answer": _render(answer.items, task.record_format) if isinstance(answer, Records) else answer_text(answer),
            "unit": unit,
            "group": group,
        }
        for total, parts, correct, fault, answer, unit, group in zip(
            batch.total.tolist(),
            zip(*(values.tolist() for values in batch.parts.values()), strict=True),
            batch.correct.tolist(),
            batch.faults,
            batch.answers,
            batch.unit.tolist(),
            block.group_labels(),
            strict=True,
        )
    ]


@lru_cache(maxsize=4096)
def _render(records: tuple[Record, ...], record_format: RecordFormat) -> str:
    """Write an answer in the canonical form, which reads back as the same."""
    return ", ".join(map(record_format.render, records))


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
    resume: bool = False,
    limit: int | None = None,
    strict_input: bool = False,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint_seconds: float = 2.0,
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
        out: where to write a row for each row, ``.jsonl`` or ``.parquet``.
        overwrite: whether *out* may be there already.
        resume: whether to go on with a run that was killed.
        limit: rows to score at most.
        strict_input: whether to stop at the first row that cannot be scored.
        on_error: called with ``file:line: what is wrong`` for each row that cannot be scored.
        on_progress: called now and then.
        checkpoint_seconds: time between two checkpoints of *out*.

    Returns:
        The summary; None where no row could be scored.

    Raises:
        DataError: for files that cannot be scored at all, and with *strict_input* for the first bad row.
        ConfigError: for wrong options, and columns that are ambiguous.
    """
    files = find_files(files)
    found, spec = resolve(task, preset, **(overrides or {}))
    scorer = RewardScorer(found, spec, mode, think_prefilled)
    settings = {"mode": mode} | ({} if think_prefilled == "auto" else {"think_prefilled": str(think_prefilled).lower()})
    signed = signature(found.name, preset, spec, resolve(task, preset)[1], **settings)
    mapping = mapping or {}
    of_targets = {role: column for role, column in mapping.items() if role in (*TARGET_ROLES, on)}
    joined = (*TARGET_ROLES, "scene")
    target_file = read_target_file(targets, on, mapping=of_targets, roles=joined) if targets else None
    output = None
    if out is not None:
        options = {"reward": [signed, asdict(spec)], "mapping": mapping, "limit": limit, "on": on if targets else None}
        run = fingerprint([*files, *([targets] if targets else [])], options)
        output = Output(out, schema=scorer.schema, run=run, overwrite=overwrite, resume=resume)
    tally = RewardTally(
        found.parts,
        spool=Path(f"{out}.partial.groups") if out else None,
        state=output.state["tally"] if output and output.state else None,
    )
    try:
        progress = score_files(
            files,
            scorer,
            tally,
            needed=("completion", on if target_file else "target"),
            mapping={role: column for role, column in mapping.items() if not (target_file and role in TARGET_ROLES)},
            targets=target_file,
            output=output,
            limit=limit,
            strict_input=strict_input,
            on_error=on_error,
            on_progress=on_progress,
            checkpoint_seconds=checkpoint_seconds,
        )
        summary = tally.summary(progress, signature=signed, compared=not isinstance(spec, QuestionSpec))
        if output is not None:
            output.finish()
    except (DataError, ConfigError):
        if output is not None:
            output.discard()
        raise
    finally:
        if output is not None:
            output.close()
        tally.close(remove=output is None or not output.partial.exists())
    return summary
