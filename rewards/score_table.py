"""Few scores, looked up: what a completion of a list task scores depends on how many of its records matched how well.

`rewards.tiered` stays the reference: the first row of each kind is scored by it, and its score is kept under whether
the tags are right, whether the answer is exactly the target, the numbers of predictions and of true records, and the
matches of each tier. What remains to be done for a row is to read it and to count its matches, by whole numbers in
place of records.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from parsers.completion import find_sections, match_usual, usual_answers
from parsers.first_time import FIRST_TIME
from parsers.known import FIRST_CHARACTER, UNKNOWN, known_records, pack
from rewards.batch_score import BatchScore, add_up
from rewards.errors import DataError
from rewards.messages import Rejoined, strip_special_tokens
from rewards.score import spoken
from rewards.spec import QuestionSpec
from rewards.targets import equal, read_target
from rewards.tiered import Counts, NumberedRecords, count_numbered, count_row, maximum, reward_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from parsers.completion import Mode, Prefilled
    from parsers.formats import RecordFormat
    from parsers.known import KnownRecords
    from parsers.types import Fault
    from rewards.spec import TieredSpec

    Array = NDArray[np.int64]

MOST_KEPT = 8192
"""Targets, and scores, that a table keeps before it forgets all of them."""


def is_tabular(spec: TieredSpec | QuestionSpec) -> TypeGuard[TieredSpec]:
    """Return whether the counts of a row decide its score, and whether matches are counted key by key."""
    if isinstance(spec, QuestionSpec) or spec.multiset or spec.consistency_weight:
        return False
    return spec.nested


# --- completions -----------------------------------------------------------------------------------------------------


class Oddity(NamedTuple):
    """What may be unusual about a completion; the usual one has right tags, and an answer of records alone.

    Attributes:
        invalid: items of the answer that are no valid record.
        fault: the first thing wrong with the text.
        answered: whether an answer could be taken.
        well_formed: whether the tags are right.
        prefilled: whether the opener is taken as written by the chat template.
    """

    invalid: int
    fault: Fault | None
    answered: bool = True
    well_formed: bool = True
    prefilled: bool = False


class Answers(NamedTuple):
    """The answers of a batch of completions.

    Attributes:
        codes: of their valid records, one row after another; see `parsers.known.KnownRecords`.
        lengths: how many of each row, (rows,).
        odd: what is unusual, by row.
    """

    codes: Array
    lengths: Array
    odd: dict[int, Oddity]

    @classmethod
    def of(cls, packed: Sequence[str], odd: dict[int, Oddity]) -> Answers:
        """Return answers from packed codes, see `read_packed`."""
        points = "".join(packed).encode("utf-32-le", "surrogatepass")
        codes = np.frombuffer(points, dtype="<u4").astype(np.int64) - FIRST_CHARACTER
        return cls(codes, np.fromiter(map(len, packed), dtype=np.int64, count=len(packed)), odd)


def read_packed(
    completions: Sequence[str], known: KnownRecords, *, mode: Mode = "strict", think_prefilled: Prefilled = "auto"
) -> tuple[list[str], dict[int, Oddity]]:
    """Return what `read_each` does, the codes packed (`parsers.known.pack`) and what is odd by row.

    Usual completions whose answers are plain lists of known items are read all at once; the others one by one. Rows
    are to be so few that their records have codes below `parsers.known.MOST_PACKED`.
    """
    answers = None if think_prefilled is True else usual_answers(completions)
    if answers is None:
        packed, left = [UNKNOWN] * len(completions), list(range(len(completions)))
    else:
        packed = known.look_up(answers)
        left = [row for row, codes in enumerate(packed) if UNKNOWN in codes]
    odd: dict[int, Oddity] = {}
    for row in left:
        if answers is not None and (answer := answers[row]):
            packed[row], invalid, fault = known.read_packed(answer)
            if invalid:
                odd[row] = Oddity(invalid, fault)
            continue
        ((codes, oddity),) = read_each([completions[row]], known, mode=mode, think_prefilled=think_prefilled)
        packed[row] = pack(codes)
        if oddity is not None:
            odd[row] = oddity
    return packed, odd


def read_each(
    completions: Sequence[Any], known: KnownRecords, *, mode: Mode = "strict", think_prefilled: Prefilled = "auto"
) -> list[tuple[list[int], Oddity | None]]:
    """Return of each completion the codes of its records, and what may be unusual.

    It is what `parse_completions` and `parse_answers` of `rewards.score` make of them.

    Raises:
        DataError: for the first row whose completion is neither text nor messages.
    """
    found: list[tuple[list[int], Oddity | None]] = []
    read = known.read
    opened = think_prefilled is True  # then an opener that is written is a fault
    for row, completion in enumerate(completions):
        text = completion if type(completion) is str else spoken(completion, row)
        usual = None if opened and type(text) is not Rejoined else match_usual(text)
        if usual is not None:
            codes, invalid, fault = read(usual[1] or "")
            found.append((codes, Oddity(invalid, fault) if invalid else None))
        else:
            found.append(_read_closely(text, known, mode, think_prefilled))
    return found


def _read_closely(text: str, known: KnownRecords, mode: Mode, prefilled: Prefilled) -> tuple[list[int], Oddity]:
    if type(text) is Rejoined:
        prefilled = "auto"  # as `rewards.score.parse_one`
    text = text if text.endswith("</answer>") else strip_special_tokens(text)
    _, place, fault, opened = find_sections(text, mode=mode, think_prefilled=prefilled)
    if place is None:
        return [], Oddity(0, fault, answered=False, well_formed=fault is None, prefilled=opened)
    found, invalid, first = known.read(text[place])
    return found, Oddity(invalid, fault or first, well_formed=fault is None, prefilled=opened)


_NO_PLAIN_TARGET = ("", "<", "{", "[", " ", "\n", "\t")  # how what is more than a list of records begins


# --- targets ---------------------------------------------------------------------------------------------------------


class Target(NamedTuple):
    """The true records of a row, by codes.

    Attributes:
        codes: of the records.
        exact: these, as a set.
        keys: for each tier of the table, the numbers under which records agree.
        counts: likewise how many records have each; None where each has one.
        whole: the key of the score of the target itself, as the answer of a usual completion.
        best: the best tier of records that were predicted, by code; filled as they come.
    """

    codes: list[int]
    exact: frozenset[int]
    keys: tuple[frozenset[int], ...]
    counts: tuple[Mapping[int, int] | None, ...]
    whole: tuple[Any, ...]
    best: dict[int, int]


# --- scores ----------------------------------------------------------------------------------------------------------


class ScoredBlock(NamedTuple):
    """The scores of a batch of completions of a list task; rows are few kinds.

    Attributes:
        kinds: of each row, its place in *scores*, (rows,).
        scores: under each of the specs, of each kind (``answers`` and ``faults`` aside, which are the row's own).
        answers: what was read.
        known: the records that its codes stand for.
    """

    kinds: Array
    scores: list[BatchScore]
    answers: Answers
    known: KnownRecords

    def texts(self) -> list[str | None]:
        """Return each answer as people write it, (rows,): ``"2.color.cyan, 0.shape.cube"``; None of no answer."""
        texts = self.known.texts()
        said = [texts[code] for code in self.answers.codes.tolist()]
        found: list[str | None] = []
        at = 0
        for length in self.answers.lengths.tolist():
            found.append(said[at] if length == 1 else ", ".join(said[at : at + length]))
            at += length
        for row, odd in self.answers.odd.items():
            if not odd.answered:
                found[row] = None
        return found


class ScoreTable:
    """The scores that completions of one task can have under some specs, see `score_table`.

    Attributes:
        specs: the rewards, each with tiers that are a chain.
        known: numbers the records.
    """

    def __init__(self, specs: Sequence[TieredSpec], known: KnownRecords) -> None:
        self.specs = tuple(specs)
        self.known = known
        self._codes: dict[str, list[int]] = {}
        self._targets: dict[str, Target] = {}
        self._totals: dict[tuple[str, ...] | None, dict[tuple[Any, ...], float]] = {}
        self._numbers: dict[tuple[Any, ...], tuple[float, ...]] = {}
        self._parts: tuple[str, ...] = ()
        spec = self.specs[0]
        positions = {_cell(each) for each in specs} | {level.positions for each in specs for level in each.levels}
        self._keys: dict[tuple[int, ...], tuple[dict[Any, int], list[int]]] = {at: ({}, []) for at in positions}
        self._levels = [self._keys[level.positions][1] for level in spec.levels]
        self._cells = self._keys[_cell(spec)][1] if spec.has_cells else None
        self._further_rivals = None if set(spec.levels[-1].positions) <= {*_cell(spec)} else self._cells
        self._literal = spec.matching == "literal"
        self._independent = self._literal and not spec.has_cells
        self._numbered = 0  # records that have numbers
        self._arrays: dict[tuple[int, ...], Array] = {}

    # - numbers in place of records

    def _number_all(self) -> None:
        """Number the new records under the fields of each tier, and of cells."""
        with FIRST_TIME:
            records = self.known.records
            count = len(records)
            for positions, (table, numbers) in self._keys.items():
                for record in records[len(numbers) : count]:
                    numbers.append(table.setdefault(tuple([record[at] for at in positions]), len(table)))
            self._numbered = count

    def _array(self, positions: tuple[int, ...]) -> Array:
        """Return a number for each code, below how many codes there are, shared iff two records agree there."""
        numbers, found = self._keys[positions][1], self._arrays.get(positions)
        if found is None or len(found) < len(numbers):
            found = self._arrays[positions] = np.array(numbers, dtype=np.int64)
        return found

    def target(self, value: Any) -> list[int]:
        """Return the codes of the true records of a target.

        Raises:
            DataError: as `rewards.targets.read_target`.
        """
        found = self._codes.get(value) if type(value) is str else None
        if found is None:
            found = self._read_target(value)
            if type(value) is str:
                if len(self._codes) >= MOST_KEPT:
                    self._codes.clear()
                self._codes[value] = found
        return found

    def _read_target(self, value: Any) -> list[int]:
        if type(value) is str and value[:1] not in _NO_PLAIN_TARGET:
            codes, invalid, _ = self.known.read(value)
            if not invalid and len(set(codes)) == len(codes):
                return codes
        return [self.known.code(record) for record in read_target(value, self.known.record_format)]

    def _target(self, value: Any) -> Target:
        """Return a target with what matching a few rows needs."""
        found = self._targets.get(value) if type(value) is str else None
        if found is not None:
            return found
        codes = self.target(value)
        if self._numbered < len(self.known.records):
            self._number_all()
        keys, counts = [], []
        for numbers in self._levels:
            here = [numbers[code] for code in codes]
            keys.append(frozenset(here))
            counts.append(None if len(keys[-1]) == len(here) else Counter(here))
        matched = (len(codes), *(0 for _ in keys[1:]))
        whole = (True, True, len(codes), len(codes), matched)
        found = Target(codes, frozenset(codes), tuple(keys), tuple(counts), whole, {})
        if type(value) is str:
            if len(self._targets) >= MOST_KEPT:
                self._targets.clear()
            self._targets[value] = found
        return found

    def try_targets(self, targets: Sequence[Any]) -> tuple[list[list[int]], dict[int, str]]:
        """Read the target of each row: the codes of the good rows, and what is wrong with the others."""
        found: list[list[int]] = []
        errors: dict[int, str] = {}
        last = read = None
        for row, value in enumerate(targets):
            if read is None or not (value == last if type(value) is str else equal(value, last)):
                try:
                    last, read = value, self.target(value)
                except DataError as error:
                    read, errors[row] = None, error.message
                    continue
            found.append(read)
        return found, errors

    # - a few rows

    def totals(
        self,
        completions: Sequence[Any],
        targets: Sequence[Any],
        *,
        mode: Mode = "strict",
        think_prefilled: Prefilled = "auto",
        pays: tuple[str, ...] | None = None,
    ) -> list[float]:
        """Return the sum of some parts of each row's score, by default its total, under the first spec.

        Args:
            completions: strings or messages, (rows,).
            targets: likewise, see `rewards.targets.read_target`.
            mode: see `parsers.completion.parse_completion`.
            think_prefilled: likewise.
            pays: the parts.

        Raises:
            DataError: for a target or a completion that is wrong; its ``row`` says where.
        """
        kept = self._totals.setdefault(pays, {})
        _, keys = self._row_keys(completions, targets, mode, think_prefilled)
        totals = map(kept.get, keys)
        return [self._total(key, pays) if total is None else total for key, total in zip(keys, totals, strict=True)]

    def batch(
        self,
        completions: Sequence[Any],
        targets: Sequence[Any],
        *,
        mode: Mode = "strict",
        think_prefilled: Prefilled = "auto",
    ) -> BatchScore:
        """Return the scores of some rows under the first spec, with answers as texts; arguments and errors as `totals`.

        >>> from rewards.tasks import load_task
        >>> task = load_task("tvr")
        >>> table = score_table([task.spec], task.record_format)
        >>> scores = table.batch(["<think>b</think><answer>2.color.red</answer>"], ["2.color.cyan"])
        >>> scores.answers, float(scores.parts["attribute"][0])
        (['2.color.red'], 1.5)
        """
        rows, keys = self._row_keys(completions, targets, mode, think_prefilled)
        kept = self._numbers
        numbers = [kept.get(key) or self._score_key(key) for key in keys]
        total, best, correct, n_pred, well_formed, *parts = np.array(numbers, dtype=np.float64).T.copy()
        texts = self.known.texts()
        return BatchScore(
            total=total,
            parts=dict(zip(self._parts, parts, strict=True)),
            correct=correct.astype(np.bool_),
            answers=[
                None if odd is not None and not odd.answered else ", ".join([texts[code] for code in codes])
                for codes, odd in rows
            ],
            faults=[None if odd is None else odd.fault for _, odd in rows],
            best=best,
            prefilled=np.array([odd is not None and odd.prefilled for _, odd in rows], dtype=np.bool_),
            n_pred=n_pred.astype(np.int64),
            well_formed=well_formed.astype(np.bool_).tolist(),
        )

    def _row_keys(
        self, completions: Sequence[Any], targets: Sequence[Any], mode: Mode, think_prefilled: Prefilled
    ) -> tuple[list[tuple[list[int], Oddity | None]], list[tuple[Any, ...]]]:
        """Return what was read of each row, and what decides its score."""
        rows = read_each(completions, self.known, mode=mode, think_prefilled=think_prefilled)
        if self._numbered < len(self.known.records):
            self._number_all()
        keys: list[tuple[Any, ...]] = []
        last = target = None
        for row, ((predicted, odd), value) in enumerate(zip(rows, targets, strict=True)):
            if target is None or not (value == last if type(value) is str else equal(value, last)):
                try:
                    last, target = value, self._target(value)
                except DataError as error:
                    raise DataError(error.message, row=row) from error
            if odd is None:
                keys.append(target.whole if predicted == target.codes else self._key(predicted, target))
            else:
                keys.append(self._odd_key(predicted, target, odd))
        return rows, keys

    def _key(self, predicted: list[int], target: Target) -> tuple[Any, ...]:
        """Return the key of a row with right tags and valid records alone."""
        matched, same = self._match(predicted, target)
        return True, same, len(predicted), len(target.codes), matched

    def _odd_key(self, predicted: list[int], target: Target, odd: Oddity) -> tuple[Any, ...]:
        matched, same = self._match(predicted, target)
        n_gt = len(target.codes)
        counted = min(odd.invalid, n_gt) if n_gt else odd.invalid * (len(predicted) > 0)  # as `count_unparseable`
        same = same and odd.answered and not odd.invalid
        return odd.well_formed, same, len(predicted) + counted, n_gt, matched

    def _match(self, predicted: list[int], target: Target) -> tuple[tuple[int, ...], bool]:
        """Return the matches of each tier, as `rewards.tiered.count_row`, and whether both are the same set."""
        number, objects, rivals = len(predicted), self._levels[-1], self._further_rivals
        # Predictions that agree nowhere (nor share a cell, where that is no tier) do not compete: each takes its best.
        if not self._independent and number > 1:
            together = len({objects[code] for code in predicted}) < number
            if together or (rivals is not None and len({rivals[code] for code in predicted}) < number):
                return self._match_together(predicted, target)
        best, found = target.best, [0] * (len(self._levels) + 1)
        for code in predicted:
            level = best.get(code)
            if level is None:
                level = best[code] = self._best(code, target)
            found[level] += 1
        same = found[0] == number and (len(target.exact) == number if number < 2 else target.exact == set(predicted))
        return tuple(found[:-1]), same

    def _best(self, code: int, target: Target) -> int:
        """Return the best tier at which a record agrees with a true one; the number of tiers where none does."""
        tiers = enumerate(zip(self._levels, target.keys, strict=True))
        return next((at for at, (numbers, keys) in tiers if numbers[code] in keys), len(self._levels))

    def _match_together(self, predicted: list[int], target: Target) -> tuple[tuple[int, ...], bool]:
        """Match predictions some of which agree with each other."""
        same, cells = target.exact == set(predicted), self._cells
        if cells is not None and len({cells[code] for code in predicted}) < len(predicted):
            records = self.known.records
            both = ([records[code] for code in codes] for codes in (predicted, target.codes))
            return tuple(count_row(self.specs[0], *both)), same
        found, before = [], 0
        for numbers, keys, counts in zip(self._levels, target.keys, target.counts, strict=True):
            # Σ over keys of min(#predicted, #true): how many matches reach this tier or a better one
            here = [numbers[code] for code in predicted]
            if self._literal:
                reached = sum([key in keys for key in here])
            elif counts is None:
                reached = len(keys.intersection(here))
            else:
                said = Counter(here)
                reached = sum([min(said[key], count) for key, count in counts.items()])
            found.append(reached - before)
            before = reached
        return tuple(found), same

    def _score_key(self, key: tuple[Any, ...]) -> tuple[float, ...]:
        """Return what the rows of a key score: total, best, correct, n_pred and well_formed, and its parts."""
        well_formed, same, n_pred, n_gt, matched = (np.array([each]) for each in key)
        one = _score_kinds(self.specs[0], well_formed, Counts(matched, n_pred, n_gt, same))
        numbers = (one.total, one.best, one.correct, one.n_pred, well_formed, *one.parts.values())
        if len(self._numbers) >= MOST_KEPT:
            self._numbers.clear()
        self._parts = tuple(one.parts)
        found = self._numbers[key] = tuple(float(each[0]) for each in numbers)
        return found

    def _total(self, key: tuple[Any, ...], pays: tuple[str, ...] | None) -> float:
        _, _, _, _, _, *parts = self._numbers.get(key) or self._score_key(key)
        kept = self._totals[pays]
        if len(kept) >= MOST_KEPT:
            kept.clear()
        named = zip(self._parts, parts, strict=True)
        found = kept[key] = float(
            add_up({part: np.array([each]) for part, each in named if pays is None or part in pays})[0]
        )
        return found

    # - many rows

    def score_answers(self, answers: Answers, targets: Sequence[Sequence[int]]) -> ScoredBlock:
        """Score answers that `read_packed` has read by the codes of `known`, under all specs.

        Args:
            answers: of the rows.
            targets: from `try_targets`, (rows,).
        """
        rows = len(targets)
        invalid = np.zeros(rows, dtype=np.int64)
        answered, well_formed = np.ones(rows, dtype=np.bool_), np.ones(rows, dtype=np.bool_)
        for row, odd in answers.odd.items():
            answered[row], well_formed[row], invalid[row] = odd.answered, odd.well_formed, odd.invalid
        self._number_all()
        numbered = NumberedRecords(
            np.concatenate([answers.codes, np.array([*chain.from_iterable(targets)], dtype=np.int64)]),
            answers.lengths,
            np.fromiter(map(len, targets), dtype=np.int64, count=rows),
            len(self.known.records),
            self._array,
        )
        counts = count_numbered(self.specs, numbered, invalid, answered)
        first, kinds = _distinct([well_formed, counts[0].same, numbered.n_gt, counts[0].n_pred], counts)
        scores = [
            _score_kinds(spec, well_formed[first], _some(found, first))
            for spec, found in zip(self.specs, counts, strict=True)
        ]
        return ScoredBlock(kinds, scores, answers, self.known)


def _cell(spec: TieredSpec) -> tuple[int, ...]:
    return tuple(range(max(len(spec.fields) - 1, 1)))


def _some(counts: Counts, rows: Array) -> Counts:
    return Counts(counts.matched[rows], counts.n_pred[rows], counts.n_gt[rows], counts.same[rows])


def _distinct(columns: Sequence[NDArray[Any]], counts: Sequence[Counts]) -> tuple[Array, Array]:
    """Return the first row of each kind, and the kind of each row, (rows,)."""
    matched = {id(each.matched): each.matched for each in counts}  # specs that match alike share theirs
    table = np.column_stack([*columns, *matched.values()]).astype(np.int64)
    widths = [int(column.max(initial=0)) + 1 for column in table.T]
    if prod(widths) < 2**62:  # then a row of the table is one number, of as many digits
        table = (table * np.array([prod(widths[at + 1 :]) for at in range(len(widths))])).sum(axis=1)
    _, first, kinds = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return first, kinds.reshape(-1)


def _score_kinds(spec: TieredSpec, well_formed: NDArray[np.bool_], counts: Counts) -> BatchScore:
    """Score rows by what decides their scores, (kinds,)."""
    kinds = len(counts.n_gt)
    parts = {"format": well_formed.astype(np.float64), **reward_parts(spec, counts)}
    return BatchScore(
        total=add_up(parts),
        parts=parts,
        correct=counts.same,
        answers=[None] * kinds,
        faults=[None] * kinds,
        best=maximum(spec, counts.n_gt),
        prefilled=np.zeros(kinds, dtype=np.bool_),
        n_pred=counts.n_pred,
        well_formed=well_formed.tolist(),
    )


_TABLES: dict[tuple[int, ...], ScoreTable] = {}
_MOST_TABLES = 64


def score_table(specs: Sequence[TieredSpec], record_format: RecordFormat) -> ScoreTable:
    """Return the table of some specs of one task: the same object until its records are too many.

    >>> from rewards.tasks import load_task
    >>> task = load_task("tvr")
    >>> table = score_table([task.spec], task.record_format)
    >>> table.totals(["<think>b</think><answer>2.color.red</answer>"], ["2.color.cyan"])
    [1.5]
    """
    known = known_records(record_format)
    key = tuple(map(id, specs))
    table = _TABLES.get(key)
    if table is None or table.known is not known:
        if len(_TABLES) >= _MOST_TABLES:
            _TABLES.clear()
        table = _TABLES[key] = ScoreTable(specs, known)
    return table
