"""Why a completion of a list task earns what it earns: every prediction with its match, its tier and its payment."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.values import Records
from rewards.conflicts import eligible
from rewards.errors import ConfigError
from rewards.score import Reading, read_envelopes, read_records, resolve, score_readings
from rewards.spec import TieredSpec
from rewards.targets import read_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsers.completion import Mode, Prefilled
    from parsers.values import Completion, Fault
    from rewards.conflicts import Record
    from rewards.scores import Score
    from rewards.tasks import Task


class Prediction(NamedTuple):
    """One piece of an answer and what it was paid, before `Explanation.divisor`.

    Attributes:
        record: the predicted record, or None where the piece is no valid one.
        fault: of a piece that is no valid record.
        matched: the true record that it was matched with, or None.
        tier: the tier that the match reaches, by its part name (``"attribute"``), or None.
        paid_as: the part in which it earns, or None; another one than *tier* where a preset drops a tier.
        earned: >= 0.
        charged: <= 0; negative for an incorrect prediction.
        superseded: whether a later prediction for the same cell counts in its place.
    """

    record: Record | None
    fault: Fault | None = None
    matched: Record | None = None
    tier: str | None = None
    paid_as: str | None = None
    earned: float = 0.0
    charged: float = 0.0
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score taken apart. The lines add up to the score: `parts` equals ``score.parts``, exactly.

    Attributes:
        completion: the text's sections, and how it differs from the form asked for.
        predictions: the valid records in the order written, then the pieces that are none.
        missing: true records that no prediction was matched with.
        notes: deviations in the answer that cost nothing.
        divisor: what the lines' sums are divided by: 1, or with ``scale="n_gt"`` the number of true records.
        spec: the reward.
        score: what it all adds up to.
    """

    completion: Completion
    predictions: tuple[Prediction, ...]
    missing: tuple[Record, ...]
    notes: tuple[Fault, ...]
    divisor: float
    spec: TieredSpec
    score: Score

    @property
    def parts(self) -> dict[str, float]:
        """The parts of the score, added up from the lines; what no line earns or is charged is the score's own.

        That is the format point, the charge for the number of predictions and, with ``rule="binary"``, the pay for the
        right set.
        """
        sums = {
            part: fsum(each.earned for each in self.predictions if each.paid_as == part) for part in self.spec.parts
        }
        sums["incorrect"] = fsum(each.charged for each in self.predictions)
        if self.spec.rule == "binary":
            return dict(self.score.parts)
        return {part: sums[part] / self.divisor if part in sums else own for part, own in self.score.parts.items()}


def explain_completion(
    completion: Any,
    target: Any,
    *,
    task: str | Task = "tvr",
    preset: str = "default",
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    **overrides: Any,
) -> Explanation:
    """Take the score of one completion of a list task apart; the arguments are those of `rewards.score_completion`.

    Raises:
        DataError: for gold that is wrong.
        ConfigError: for an unknown task, preset or option, and for a task of questions.

    >>> explanation = explain_completion("<think>b</think><answer>2.color.red, 0.shape.cube</answer>", "2.color.cyan")
    >>> [(each.tier, each.earned, each.charged) for each in explanation.predictions]
    [('attribute', 1.5, -1.0), (None, 0.0, -1.0)]
    >>> explanation.score.total == sum(explanation.parts.values())
    True
    """
    found, spec = resolve(task, preset, **overrides)
    if not isinstance(spec, TieredSpec) or found.record_format is None:
        raise ConfigError(f"task {found.name!r} has no records to match; use explain_question")
    reading = read_records(
        read_envelopes([completion], mode=mode, think_prefilled=think_prefilled), found.record_format
    )
    return explain_reading(reading, read_target(target, found.record_format), spec)


def explain_reading(reading: Reading, true: Sequence[Record], spec: TieredSpec) -> Explanation:
    """Take the score of one parsed completion apart.

    Args:
        reading: of one completion.
        true: its true records.
        spec: the reward.
    """
    answer = Records() if reading.answers[0] is None else reading.answers[0]
    score = score_readings(reading, [true], spec)[0]
    earning = _earning(spec, answer.items, true)
    matches = {at: (place, level) for at, place, level in _match(spec, answer.items, true, earning)}
    valid: list[Prediction] = []
    for at, record in enumerate(answer.items):
        place, level = matches.get(at, (None, None))
        matched = None if place is None else true[place]
        valid.append(_pay(spec, record, matched, level)._replace(superseded=at not in earning))
    # Without any valid piece the answer counts as empty, and the others are not charged either.
    charged = _charge(spec, None) if valid else 0.0
    found = {place for place, _ in matches.values()}
    return Explanation(
        completion=reading.envelopes[0],
        predictions=(*valid, *(Prediction(None, fault, charged=charged) for fault in answer.invalid)),
        missing=tuple(record for place, record in enumerate(true) if place not in found),
        notes=answer.notes,
        divisor=float(max(len(true), 1)) if spec.scale == "n_gt" else 1.0,
        spec=spec,
        score=score,
    )


def _earning(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[int]:
    """Return the places of the predictions that can earn. `eligible` looks at cells; the last field holds the place."""
    return [int(record[-1]) for record in eligible(spec, [(*r[:-1], at) for at, r in enumerate(predicted)], true)]


def _match(
    spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record], earning: Sequence[int]
) -> Iterator[tuple[int, int, int]]:
    """Yield the matches that are paid, as (place among the predicted, place among the true, level of the table)."""
    kept = [predicted[at] for at in earning]
    if spec.nested:
        found = _match_by_tier(spec, kept, true)
    else:
        from rewards.assignment import match_by_assignment  # noqa: PLC0415  scipy is slow to import and rarely needed

        found = match_by_assignment(spec, kept, true)
    return ((earning[at], place, level) for at, place, level in found)


def _match_by_tier(spec: TieredSpec, predicted: Sequence[Record], true: Sequence[Record]) -> list[tuple[int, int, int]]:
    """Match at the best tier whatever agrees there, in the order written, then the rest at the next tier.

    In a chain of tiers this is the matching whose numbers `rewards.tiered.count_matches` counts.
    """
    matches: list[tuple[int, int, int]] = []
    left, places = list(range(len(predicted))), list(range(len(true)))
    for level, key in enumerate(spec.table):
        positions = [spec.fields.index(name) for name in key]
        open_places: defaultdict[Record, deque[int]] = defaultdict(deque)
        for place in places:
            open_places[tuple(true[place][at] for at in positions)].append(place)
        for at in left:
            here = open_places[tuple(predicted[at][position] for position in positions)]
            if here:
                matches.append((at, here.popleft() if spec.matching == "one_to_one" else here[0], level))
        done = {at for at, _, _ in matches}
        left = [at for at in left if at not in done]
        if spec.matching == "one_to_one":
            taken = {place for _, place, _ in matches}
            places = [place for place in places if place not in taken]
    return matches


def _pay(spec: TieredSpec, record: Record, matched: Record | None, level: int | None) -> Prediction:
    tier = None if level is None else spec.parts[level]
    if level is None or spec.rule == "binary":
        return Prediction(record, None, matched, tier, charged=_charge(spec, level))
    paid = spec.paid_as(level)
    paid_as = None if paid is None else spec.parts[paid]
    return Prediction(record, None, matched, tier, paid_as, spec.value(level), _charge(spec, level))


def _charge(spec: TieredSpec, level: int | None) -> float:
    """Return what a prediction with a match at *level* is charged, <= 0."""
    if spec.rule == "binary" or (level is not None and spec.counts_as_correct(level)):
        return 0.0
    return 0.0 - spec.incorrect_penalty  # not a unary minus: there is no -0.0 in a reward
