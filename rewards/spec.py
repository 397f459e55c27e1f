"""Rewards, declared: `TieredSpec` for lists of records, `QuestionSpec` for questions, and the named presets.

The numbers of each task stand in its file, ``tasks/tvr.yaml`` and so on; `rewards.TVR` is the spec of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from numbers import Real
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

from rewards.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Number = TypeVar("Number", float, NDArray[np.float64])
    Spec = TypeVar("Spec", bound="TieredSpec | QuestionSpec")

Key = tuple[str, ...]

_MOST = 1e18
"""The largest weight, so that no total overflows."""
_OTHER_PARTS = ("format", "incorrect", "underprediction", "consistency")

_CHOICES: dict[str, tuple[Any, ...]] = {
    "matching": ("one_to_one", "literal", "aligned"),
    "conflicts": ("last", "each"),
    "scale": (None, "n_gt"),
    "miss_table": ("reduced", "full"),
    "count": ("shortfall", "difference"),
    "rule": ("tiered", "binary"),
}


class Level(NamedTuple):
    """What a match is worth whose best tier is this one.

    Attributes:
        positions: places in a record of the fields that agree.
        paid_as: the level of the table whose tier rewards it: this one, or the best rewarded one within it; None if
            none.
        value: what it scores.
        correct: whether it is not an incorrect prediction.
    """

    positions: tuple[int, ...]
    paid_as: int | None
    value: float
    correct: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredSpec:
    """A reward for a list of records, declared.

    A predicted record scores the value of the best tier whose fields agree with a true record; predictions that are not
    good enough and records that are missing are charged (STAR-R1, R_acc = R_pos + R_pun).

    Attributes:
        fields: the record's fields, e.g. ``("index", "attribute", "value")``.
        tiers: fields that must agree -> their reward, >= 0. One tier holds all fields: the exact match.
        incorrect_penalty: charge for each incorrect prediction, >= 0.
        underprediction_penalty: charge for each prediction fewer than there are true records, >= 0.
        matching: ``"one_to_one"``: each true record is matched at most once, for the largest total value; ties are
            broken by most exact matches, then most at each next tier of the table. ``"literal"``: every prediction
            takes its best tier, however often (a plain sum over predictions, as the formula is printed).
            ``"aligned"``: order counts. Predictions are matched with true records in the order of both, so that one
            that is inserted or missing shifts nothing; of all such alignments the one with the largest R_acc, see
            `rewards.tiered.align`.
        incorrect: a prediction below this tier is incorrect: ``"not_exact"``, ``"not_<part>"``, or ``"no_tier"``.
        conflicts: ``"last"``: of several predictions for one cell (all fields but the last), only the last ones, as
            many as the cell has true records and at least one, can score; earlier ones are incorrect. ``"each"``: all.
            Records of one field have no cells, and where order counts it tells records apart: ``"aligned"`` takes
            ``"each"`` alone.
        scale: ``"n_gt"`` divides every part by the number of true records (at least 1).
        table: all tiers, rewarded or not, the best first; by default the keys of *tiers*. A preset that drops a tier
            keeps it here, so that parts and tie-breaks stay those of the full table.
        miss_table: which table ``"no_tier"`` looks at: ``"reduced"``, the rewarded tiers, or ``"full"``, *table*.
        count: what under-prediction charges: ``"shortfall"``, max(0, n_gt - n_pred), or ``"difference"``,
            abs(n_pred - n_gt).
        also_underprediction: with ``count="difference"``, charge the shortfall on top.
        rule: ``"binary"`` gives 1 in part ``exact`` for the right set, and nothing else.
        multiset: with ``rule="binary"``, repeats count. Where order counts they always do.
        consistency_weight: charge where the last values that the reasoning states contradict the answer, see
            `rewards.consistency`, >= 0; it makes a part ``consistency``. 0: there is no such part.
        parts: names of the tiers of the table, best first: ``("exact", "attribute", "object")`` of TVR. A tier is named
            by its last field; by all of them where that would name two tiers. This and what follows is derived.
        levels: what a match at each tier of the table is worth.
        nested: whether counting tier by tier is exact: the table is a chain, each tier within the one before and worth
            no more, and order does not count.

    Raises:
        ConfigError: for values outside the above.
    """

    fields: Key
    tiers: Mapping[Key, float]
    incorrect_penalty: float = 1.0
    underprediction_penalty: float = 1.0
    matching: Literal["one_to_one", "literal", "aligned"] = "one_to_one"
    incorrect: str = "not_exact"
    conflicts: Literal["last", "each"] = "last"
    scale: Literal["n_gt"] | None = None
    table: tuple[Key, ...] = field(default=())
    miss_table: Literal["reduced", "full"] = "reduced"
    count: Literal["shortfall", "difference"] = "shortfall"
    also_underprediction: bool = False
    rule: Literal["tiered", "binary"] = "tiered"
    multiset: bool = False
    consistency_weight: float = 0.0
    parts: tuple[str, ...] = field(init=False, repr=False, compare=False)
    levels: tuple[Level, ...] = field(init=False, repr=False, compare=False)
    nested: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        order = {name: number for number, name in enumerate(self.fields)}
        for keys in (tuple(self.tiers), self.table):
            for key in keys:
                if not isinstance(key, tuple) or not key or any(name not in order for name in key):
                    raise ConfigError(f"tier {key!r} must be a tuple of some of the fields {self.fields}")
            if any(len(set(key)) < len(key) for key in keys) or len(set(map(frozenset, keys))) < len(keys):
                raise ConfigError(f"in the tiers {keys} a tier or a field of it stands twice")
        tiers = {tuple(sorted(key, key=order.__getitem__)): float(value) for key, value in self.tiers.items()}
        table = [tuple(sorted(key, key=order.__getitem__)) for key in self.table or tiers]
        table.sort(key=lambda key: (-len(key), [order[name] for name in key]))
        object.__setattr__(self, "tiers", tiers)
        object.__setattr__(self, "table", tuple(table))
        if self.table[:1] != (tuple(self.fields),):
            raise ConfigError(f"one tier must hold all fields {self.fields}: that is the exact match")
        object.__setattr__(self, "parts", _part_names(self.table, self.fields))
        if len({*self.parts, *_OTHER_PARTS}) < len(self.parts) + len(_OTHER_PARTS):
            raise ConfigError(f"the tiers' parts {self.parts} must differ from each other and from {_OTHER_PARTS}")
        for key, value in self.tiers.items():
            if key not in self.table:
                raise ConfigError(f"tier {key} is not in the table {self.table}")
            if not 0 <= value <= _MOST:
                raise ConfigError(f"tier {key} has the reward {value}; a tier's is a number from 0 to {_MOST:g}")
        for name in ("incorrect_penalty", "underprediction_penalty", "consistency_weight"):
            value = getattr(self, name)
            if not isinstance(value, int | float | Real) or not 0 <= value <= _MOST:
                raise ConfigError(f"{name} is {value!r}; a penalty is a number from 0 to {_MOST:g} (it is subtracted)")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it is one of {', '.join(map(repr, choices))}")
        if self.ordered and self.conflicts != "each":
            raise ConfigError("matching 'aligned' takes conflicts 'each': the order of the records tells them apart")
        thresholds = [*(f"not_{part}" for part in self.parts), "no_tier"]
        if self.incorrect not in thresholds:
            raise ConfigError(f"incorrect is {self.incorrect!r}; it is one of {', '.join(thresholds)}")
        object.__setattr__(self, "levels", tuple(self._level(at) for at in range(len(self.table))))
        chain = all(set(worse) < set(better) for better, worse in pairwise(self.table))
        nested = chain and all(better.value >= worse.value for better, worse in pairwise(self.levels))
        object.__setattr__(self, "nested", nested and not self.ordered)

    def _level(self, level: int) -> Level:
        key = self.table[level]
        inside = (at for at in range(level, len(self.table)) if set(self.table[at]) <= set(key))
        paid_as = next((at for at in inside if self.table[at] in self.tiers), None)
        value = 0.0 if paid_as is None else self.tiers[self.table[paid_as]]
        if self.incorrect == "no_tier":
            correct = self.miss_table == "full" or value > 0
        else:
            correct = set(self.table[self.parts.index(self.incorrect.removeprefix("not_"))]) <= set(key)
        return Level(tuple(map(self.fields.index, key)), paid_as, value, correct)

    def paid_as(self, level: int) -> int | None:
        """Return the level whose tier a match at *level* is rewarded as: itself or the best rewarded one within it."""
        return self.levels[level].paid_as

    def value(self, level: int) -> float:
        """Return what a match at *level* of the table scores."""
        return self.levels[level].value

    def counts_as_correct(self, level: int) -> bool:
        """Return whether a match at *level* is not an incorrect prediction."""
        return self.levels[level].correct

    @property
    def ordered(self) -> bool:
        """Whether the order of the records counts."""
        return self.matching == "aligned"

    @property
    def has_cells(self) -> bool:
        """Whether predictions can be in conflict: records of a single field are values of no cell."""
        return self.conflicts == "last" and len(self.fields) > 1

    def change(self, **changes: Any) -> TieredSpec:
        """Return a copy with named changes; tiers may also be named by their part: ``tiers={"object": 0.0}``.

        Raises:
            ConfigError: for an unknown name, with the nearest one.
        """
        if not changes:
            return self
        _check_options(self, changes)
        if isinstance(tiers := changes.get("tiers"), Mapping):
            by_part = dict(zip(self.parts, self.table, strict=True))
            unknown = [key for key in tiers if isinstance(key, str) and key not in by_part]
            if unknown:
                raise ConfigError(f"unknown tier {unknown[0]!r}{nearest(unknown[0], list(by_part))}")
            changes["tiers"] = {by_part.get(key, key): value for key, value in tiers.items()}
            if all(isinstance(key, str) for key in tiers):
                changes["tiers"] = self.tiers | changes["tiers"]
        try:
            return replace(self, **changes)
        except ConfigError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigError(f"reward options: {error}") from error


def _part_names(table: tuple[Key, ...], all_fields: Key) -> tuple[str, ...]:
    names = [_part(key, all_fields) for key in table]
    return tuple(name if names.count(name) == 1 else "_".join(key) for name, key in zip(names, table, strict=True))


def _part(key: Key, all_fields: Key) -> str:
    """Name a tier: ``exact`` for all fields, ``object`` for the index alone, otherwise its last field."""
    if len(key) == len(all_fields):
        return "exact"
    return "object" if key == ("index",) else key[-1]


def _drop(spec: TieredSpec, part: str) -> TieredSpec:
    if part not in spec.parts:
        raise ConfigError(f"this preset drops the tier {part!r}, and the task's tiers are {', '.join(spec.parts)}")
    dropped = spec.table[spec.parts.index(part)]
    return spec.change(tiers={key: value for key, value in spec.tiers.items() if key != dropped})


def _calibrated(spec: TieredSpec) -> TieredSpec:
    best = spec.value(0)
    return spec.change(
        tiers={spec.table[0]: best},
        incorrect=f"not_{spec.parts[min(1, len(spec.parts) - 1)]}",
        incorrect_penalty=best,
        underprediction_penalty=best,
    )


PRESETS: Mapping[str, Callable[[TieredSpec], TieredSpec]] = {
    "default": lambda spec: spec,
    "paper": lambda spec: spec.change(matching="literal", conflicts="each"),
    "calibrated": _calibrated,
    "no_object_tier": lambda spec: _drop(spec, "object"),
    "no_attribute_tier": lambda spec: _drop(spec, "attribute"),
    "no_underprediction_penalty": lambda spec: spec.change(underprediction_penalty=0.0),
    "no_incorrect_penalty": lambda spec: spec.change(incorrect_penalty=0.0),
    "count_difference": lambda spec: spec.change(incorrect_penalty=0.0, count="difference"),
    "naive_binary": lambda spec: spec.change(rule="binary"),
}
"""Named changes of a spec. ``paper`` is the literal reading of the printed formula; ``calibrated`` is in step with
NDiff (a guess beyond the true number is profitable only above one half); the others are the paper's ablations (its
Table 3)."""


_WEIGHTS = ("answer_weight", "reference_weight", "format_weight", "consistency_weight")
_SHARES = ("wrong_reference_share", "relation_weight")
_REFERENCE_RULES = ("informedness", "f1")

Kind = Literal["choice", "yes_no", "number", "text", "set", "box", "point", "map"]
"""What an answer can be."""

_DECLARED: dict[Kind | None, tuple[str, ...]] = {
    "box": ("coordinates", "layout"),
    "point": ("coordinates", "reach"),
    "map": ("layout", "grid"),
}
_LAYOUTS: dict[Kind | None, tuple[str, ...]] = {"box": ("xyxy", "xywh"), "map": ("complex", "simple")}
_ANSWER_CHOICES: dict[str, tuple[Any, ...]] = {
    "coordinates": (None, "pixels", "unit", "thousand"),
    "layout": (None, *_LAYOUTS["box"], *_LAYOUTS["map"]),
    "partial": ("linear", "thresholds"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSpec:
    """R_total = answer_weight · R_ans + w(R_ans) · R_ref + format_weight · R_format (STAR-R1: R_ans + R_ref).

        w(R_ans) = reference_weight · (s + (1 − s) · R_ans),    s = wrong_reference_share

    By default w is .5 where the answer is right and half of that where it is wrong. R_ref lies in [-1, 1], so a right
    answer scores 1 − .5 = .5 at least and a wrong one .25 at most: no references lift a wrong answer to a right one.
    That holds for all weights with reference_weight · (1 + s) < answer_weight.

    Attributes:
        answer_weight: of R_ans in [0, 1].
        reference_weight: of R_ref, where the answer is right.
        wrong_reference_share: s, the share of *reference_weight* that is left where R_ans is 0, in [0, 1].
        format_weight: of R_format, 0 or 1; the paper names no format term for this stage.
        reference_rule: ``"informedness"``, R_ref in [-1, 1] is worth 0 to whoever does not look, see
            `rewards.references.score_informedness`; or ``"f1"``, in [0, 1], see
            `rewards.references.score_references`.
        relation_weight: share of R_ref that the relations of the triplets decide, in [0, 1].
        kind: what an answer is; None infers it from each target, see `rewards.answers.infer_kind`.
        letters: the letters that options have, of rows that come without their texts; None reads A to F.
        coordinates: of boxes and points, what their numbers are: ``"pixels"``, ``"unit"`` (shares of the image, 0 to 1)
            or ``"thousand"`` (0 to 1000). It is never guessed.
        layout: of boxes, ``"xyxy"`` (two corners) or ``"xywh"`` (the upper left corner, width and height); of maps,
            ``"complex"`` (lists of objects and views) or ``"simple"`` (objects by name), see `parsers.cognitive_map`.
        grid: of maps, the cells along a side, 2 to 1000.
        facings: of maps, the four words for facings, clockwise from the top of the grid.
        incorrect_penalty: of maps, the charge for a direction or facing that is wrong, beside 1 for one that is right,
            >= 0; see `rewards.maps`. It makes R_ans of maps lie in [-incorrect_penalty, 1].
        partial: of boxes and points that are near, and sets that overlap, ``"linear"`` or ``"thresholds"``, see
            `rewards.regions`.
        synonyms: of words and sets, pairs (spelling, what it stands for); also a mapping. Both sides are compared as
            `parsers.choice.parse_words` reads them, and nothing else is taken for the same.
        reach: of points, the distance in *coordinates* from which on R_ans is 0, > 0.
        consistency_weight: charge where the answer that the reasoning ends with is another one, see
            `rewards.consistency`, >= 0; it makes a part ``consistency``. 0: there is no such part.

    Raises:
        ConfigError: for values outside the above.
    """

    answer_weight: float = 1.0
    reference_weight: float = 0.5
    wrong_reference_share: float = 0.5
    format_weight: float = 0.0
    reference_rule: Literal["informedness", "f1"] = "informedness"
    relation_weight: float = 0.0
    kind: Kind | None = None
    letters: str | None = None
    coordinates: Literal["pixels", "unit", "thousand"] | None = None
    layout: Literal["xyxy", "xywh", "complex", "simple"] | None = None
    grid: int | None = None
    facings: tuple[str, ...] = ("up", "right", "down", "left")
    incorrect_penalty: float = 0.5
    partial: Literal["linear", "thresholds"] = "linear"
    reach: float | None = None
    synonyms: tuple[tuple[str, str], ...] = ()
    consistency_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in (*_WEIGHTS, *_SHARES, "incorrect_penalty"):
            value = getattr(self, name)
            limit = 1.0 if name in _SHARES else 1e9
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= limit:
                raise ConfigError(f"{name} is {value!r}; it is a number from 0{' to 1' if limit == 1 else ''}")
        if self.reference_rule not in _REFERENCE_RULES:
            rules = " or ".join(map(repr, _REFERENCE_RULES))
            raise ConfigError(f"reference_rule is {self.reference_rule!r}; it is {rules}")
        if self.kind not in (None, *get_args(Kind)):
            raise ConfigError(f"kind is {self.kind!r}; it is one of {', '.join(get_args(Kind))}")
        for name, choices in _ANSWER_CHOICES.items():
            if getattr(self, name) not in choices:
                known = ", ".join(map(repr, filter(None, choices)))
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it is one of {known}")
        reach = self.reach
        if reach is not None and (
            isinstance(reach, bool) or not isinstance(reach, int | float) or not 0 < reach <= 1e9
        ):
            raise ConfigError(f"reach is {reach!r}; it is a distance greater than 0")
        object.__setattr__(self, "synonyms", _read_synonyms(self.synonyms))
        for name in _DECLARED.get(self.kind, ()):
            if getattr(self, name) is None:
                raise ConfigError(f"answers of kind {self.kind!r} need {name}: it is declared and never guessed")
        layouts = _LAYOUTS.get(self.kind)
        if layouts and self.layout not in layouts:
            raise ConfigError(
                f"layout is {self.layout!r}; of kind {self.kind!r} it is {' or '.join(map(repr, layouts))}"
            )
        if self.grid is not None and (type(self.grid) is not int or not 2 <= self.grid <= 1000):
            raise ConfigError(f"grid is {self.grid!r}; it is the number of cells along a side, from 2 to 1000")
        object.__setattr__(self, "facings", _read_facings(self.facings))
        if self.kind == "map" and self.reference_weight:
            raise ConfigError("a map may be worth less than nothing, so beside one reference_weight is 0")
        if self.letters is not None:
            text = self.letters if isinstance(self.letters, str) else ""
            if len(text) < 2 or len(set(text)) < len(text) or not set(text) <= set(ascii_uppercase):
                raise ConfigError(f"letters is {self.letters!r}; it is two or more capital letters, such as ABCD")

    def reference_weight_of(self, r_ans: Number) -> Number:
        """Return w(R_ans), what R_ref weighs beside that answer; of a number, or of an array of them."""
        return self.reference_weight * (self.wrong_reference_share + (1 - self.wrong_reference_share) * r_ans)

    def change(self, **changes: Any) -> QuestionSpec:
        """Return a copy with named changes.

        Raises:
            ConfigError: for an unknown name, with the nearest one.
        """
        _check_options(self, changes)
        return replace(self, **changes)


def _read_synonyms(given: Any) -> tuple[tuple[str, str], ...]:
    """Return synonyms as pairs; what a spelling stands for is none itself."""
    pairs = tuple(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(pairs, tuple | list) or not all(
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and all(isinstance(word, str) and word.strip() for word in pair)
        for pair in pairs
    ):
        raise ConfigError(f"synonyms is {given!r:.60}; it holds spellings, each with the words that it stands for")
    found = tuple((str(spelling), str(words)) for spelling, words in pairs)
    spellings = {spelling.casefold() for spelling, _ in found}
    if chained := [words for _, words in found if words.casefold() in spellings]:
        raise ConfigError(
            f"synonyms: {chained[0]!r} stands for something itself, and is what another spelling stands for"
        )
    return found


def _read_facings(given: Any) -> tuple[str, ...]:
    """Return four words, as they are compared."""
    words = tuple(given) if isinstance(given, tuple | list) else ()
    folded = tuple(word.strip().casefold() for word in words if isinstance(word, str))
    if len(words) != 4 or len({*folded} - {""}) != 4:
        raise ConfigError(f"facings is {given!r:.60}; it is four words, clockwise from the top: up, right, down, left")
    return folded


def _check_options(spec: TieredSpec | QuestionSpec, changes: Mapping[str, Any]) -> None:
    known = [each.name for each in fields(spec) if each.init]
    for name in changes:
        if name not in known:
            raise ConfigError(f"unknown reward option {name!r}{nearest(name, known)}")


def _plain_sum(spec: QuestionSpec) -> QuestionSpec:
    weight = spec.answer_weight if spec.reference_weight else 0.0  # a task may have no references
    return spec.change(reference_rule="f1", reference_weight=weight, wrong_reference_share=1.0)


QUESTION_PRESETS: Mapping[str, Callable[[QuestionSpec], QuestionSpec]] = {
    "default": lambda spec: spec,
    "paper": _plain_sum,
}
"""Named changes of the reward of questions. ``paper`` is the printed sum R_ans + R_ref, with the F1 of each view."""


def preset_spec(spec: Spec, preset: str, **overrides: Any) -> Spec:
    """Return *spec* under a preset and then under *overrides*, which are fields of `TieredSpec` or `QuestionSpec`.

    Raises:
        ConfigError: for an unknown preset or option, or a preset of the other kind of reward.
    """
    presets: Mapping[str, Callable[[Any], Any]] = PRESETS if isinstance(spec, TieredSpec) else QUESTION_PRESETS
    if preset not in presets:
        if preset in PRESETS:
            raise ConfigError(f"preset {preset!r} is for list tasks; questions have {' and '.join(map(repr, presets))}")
        raise ConfigError(f"unknown preset {preset!r}{nearest(preset, presets)}")
    found: Spec = presets[preset](spec).change(**overrides)
    return found
