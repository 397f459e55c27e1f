"""What a user's task file must hold, as pydantic models. Errors name file, line and key, see `rewards.yaml_files`.

Loaded for files of the user's own alone; the package's files pass the same checks in its tests.
"""

from __future__ import annotations

import re
from dataclasses import fields as dataclass_fields
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, create_model, model_validator

from parsers.first_time import FIRST_TIME
from parsers.formats import FORMATS, LARGEST, RecordFormat, fold, template_parts
from parsers.record_grammar import record_grammar
from parsers.records import parse_records
from rewards.errors import ConfigError, nearest, shown
from rewards.spec import QuestionSpec, TieredSpec
from rewards.tasks.load import part_names, read_format, read_tiered
from rewards.tasks.prompt_template import prompt_error
from rewards.yaml_files import problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rewards.yaml_files import YamlFile


def check_task_file(file: YamlFile) -> None:
    """Check a declaration.

    Raises:
        ConfigError: for the first thing that is wrong: ``my_task.yaml:17: reward.tiers[1].fields[0]: unknown field
            'soruce' (did you mean 'source'?)``.
    """
    file.check(_Kind)
    if file.data["kind"] == "question":
        file.check(_QuestionFile)
    else:
        file.check(_NamedFormatFile if "format" in file.data else _RecordsFile)


# --- words and numbers -----------------------------------------------------------------------------------------------


def _word(value: Any) -> str:
    """Take text and whole numbers. YAML reads a bare ``yes``, ``no``, ``on`` or ``off`` as something else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise problem(f"YAML reads this as {shown(value)}, which is no word: write it in quotes")
    return str(value)


def _identifier(word: str) -> str:
    if not word.isidentifier():
        raise problem(f"{word!r} is no name; it is made of letters, digits and underscores")
    return word


def _some(message: str) -> AfterValidator:
    """Return what refuses an empty list."""

    def check(values: list[Any]) -> list[Any]:
        if not values:
            raise problem(message)
        return values

    return AfterValidator(check)


def _distinct(values: list[str]) -> list[str]:
    seen: dict[str, str] = {}
    for at, value in enumerate(values):
        folded = fold(value)
        if folded in seen or not folded:
            other = f" from {seen[folded]!r}" if folded else ""
            raise problem(
                f"{value!r} must differ{other} in letters a-z or digits, whatever its case and punctuation", at
            )
        seen[folded] = value
    return values


def _limits(ends: list[Any]) -> list[Any]:
    if len(ends) != 2 or any(type(end) is not int for end in ends) or not 0 <= ends[0] <= ends[1] <= LARGEST:
        raise problem(f"this is {ends!r}; it is the smallest and the largest number, from 0 to {LARGEST:,}")
    return ends


def _named_format(name: str) -> str:
    if name not in FORMATS:
        raise problem(f"unknown format {name!r}; there are {', '.join(FORMATS)}, or list fields and forms instead")
    return name


def _payable(value: float) -> float:
    if not 0 <= value < float("inf"):
        raise problem(f"this is {value:g}; the reward of a tier is a finite number >= 0")
    return value


def _true_or_false(value: Any) -> Any:
    if value not in (None, True, False):
        raise problem(f"this is {value!r}; it is true or false")
    return value


Word = Annotated[str, BeforeValidator(_word)]
Vocabulary = Annotated[list[Word], _some("there are no values"), AfterValidator(_distinct)]


class _Section(BaseModel):
    """A mapping whose keys are known."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Kind(BaseModel):
    kind: Annotated[Literal["records", "question"], BeforeValidator(_word)]


# --- fields, tiers, cases --------------------------------------------------------------------------------------------


class _Field(_Section):
    name: Annotated[Word, AfterValidator(_identifier)]
    kind: Annotated[Literal["integer", "closed", "open"], BeforeValidator(_word)]
    values: Vocabulary = []
    by: Word = ""
    values_by: dict[Word, Vocabulary] = {}
    range: Annotated[list[Any], AfterValidator(_limits)] = []

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        given = self.model_fields_set
        for key, fits in (("values", "closed"), ("values_by", "closed"), ("by", "closed"), ("range", "integer")):
            if key in given and self.kind != fits:
                raise problem(f"a field that is {self.kind} has no {key}", key)
        depends = {"by", "values_by"} <= given
        if self.kind == "closed" and (depends == ("values" in given) or ("by" in given) != ("values_by" in given)):
            raise problem("a closed field has values, or else by and values_by")
        return self


class _Tier(_Section):
    fields: list[Word]
    pays: Annotated[float, AfterValidator(_payable)]


class _Case(_Section):
    completion: Word
    target: Any
    references: Any = None
    relations: Any = None
    options: Any = None
    preset: Any = None
    mode: Any = None
    think_prefilled: Any = None
    total: float
    parts: dict[Word, float] = {}
    correct: Annotated[Any, AfterValidator(_true_or_false)] = None
    fault: Any = None


# The reward's options are those of its spec, which checks their values itself.
_options: dict[str, Any] = {
    each.name: (Any, None) for each in dataclass_fields(TieredSpec) if each.init and each.name != "fields"
}
_options |= {"tiers": (list[_Tier], ...), "table": (list[list[Word]], [])}
_TieredReward: Any = create_model("_TieredReward", __base__=_Section, **_options)


class _Answer(_Section):
    letters: Any = None
    coordinates: Any = None
    layout: Any = None
    grid: Any = None
    facings: Any = None
    partial: Any = None
    reach: Any = None
    synonyms: dict[Word, Word] = {}
    kind: Any = None  # last: it may ask for some of the others


class _TaskFile(_Section):
    """What every kind of task has."""

    name: Word
    about: Word = ""
    kind: str
    prompt: Word = ""
    cases: list[_Case] = []

    def check_prompt(self, record_format: RecordFormat | None) -> None:
        wrong = prompt_error(self.prompt, record_format) if "prompt" in self.model_fields_set else None
        if wrong is not None:
            raise problem(wrong, "prompt")

    def check_cases(self, spec: TieredSpec | QuestionSpec) -> None:
        parts = part_names(spec)
        for at, case in enumerate(self.cases):
            for part in case.parts:
                if part not in parts:
                    raise problem(f"unknown part {part!r}{nearest(part, parts)}", "cases", at, "parts", part)


# --- questions -------------------------------------------------------------------------------------------------------


class _QuestionFile(_TaskFile):
    answer: _Answer = _Answer()
    reward: dict[Word, Any]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        spec = QuestionSpec()
        given = self.answer.model_fields_set
        answer = {name: getattr(self.answer, name) for name in _Answer.model_fields if name in given}
        for section, options in (("reward", self.reward), ("answer", answer)):
            for name, value in options.items():
                spec = _changed(spec, name, value, section)
        self.check_prompt(None)
        self.check_cases(spec)
        return self


def _changed(spec: Any, name: str, value: Any, section: str) -> Any:
    try:
        return spec.change(**{name: value})
    except ConfigError as error:
        raise problem(str(error), section, name) from error


# --- lists of records ------------------------------------------------------------------------------------------------


class _NamedFormatFile(_TaskFile):
    format: Annotated[Word, AfterValidator(_named_format)]
    reward: _TieredReward

    @model_validator(mode="before")
    @classmethod
    def _lists_nothing_again(cls, declared: Any) -> Any:
        for key in ("fields", "synonyms", "forms"):
            if key in declared:
                raise problem(f"the format {declared['format']!r} has its own {key}; leave out one of both", key)
        return declared

    @model_validator(mode="after")
    def _whole(self) -> Self:
        declared = self.model_dump(exclude_unset=True)
        record_format = read_format(declared)
        self.check_prompt(record_format)
        self.check_cases(_check_reward(declared["reward"], record_format))
        return self


class _RecordsFile(_TaskFile):
    fields: Annotated[list[_Field], _some("there are no fields; a record has one or more")]
    synonyms: dict[Word, Word] = {}
    forms: Annotated[list[Word], _some("there are no forms; the first one is canonical")]
    reward: _TieredReward

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_names(self.fields)
        _check_forms(self.forms, self.fields)
        _check_synonyms(self.synonyms, self.fields)
        declared = self.model_dump(exclude_unset=True)
        record_format = read_format(declared)
        spec = _check_reward(declared["reward"], record_format)
        self.check_prompt(record_format)
        self.check_cases(spec)
        misread = format_error(record_format)
        if misread is not None:
            raise problem(misread[1], "forms", *([] if misread[0] is None else [misread[0]]))
        return self


def _check_names(fields: Sequence[_Field]) -> None:
    """Raise unless the fields have names of their own, and what they depend on."""
    known: dict[str, _Field] = {}
    for at, field in enumerate(fields):
        if field.name in known:
            raise problem(f"there are two fields {field.name!r}", "fields", at)
        known[field.name] = field
    dependent = [(at, field) for at, field in enumerate(fields) if field.by]
    for at, field in dependent:
        if field.by not in known:
            raise problem(f"unknown field {field.by!r}{nearest(field.by, known)}", "fields", at, "by")
        if sorted(known[field.by].values) != sorted(field.values_by):
            message = f"there must be one entry for each value of {field.by!r}"
            raise problem(message, "fields", at, "values_by")
    if len(dependent) > 1:
        raise problem("only one field can depend on another one ('by')", "fields", dependent[1][0])


def _check_forms(forms: Sequence[str], fields: Sequence[_Field]) -> None:
    """Raise unless each form names each field once, and shows where the words of an open field end."""
    names = sorted(field.name for field in fields)
    is_open = {field.name for field in fields if field.kind == "open"}
    for at, form in enumerate(forms):
        try:
            parts = template_parts(form)
        except ValueError as error:
            raise problem(f"{form!r}: {error}", "forms", at) from error
        used = [name for _, name in parts if name is not None]
        for name in used:
            if name not in names:
                raise problem(f"unknown field {name!r}{nearest(name, names)}", "forms", at)
        if sorted(used) != names:
            raise problem(f"form {form!r} must name each of the fields {', '.join(names)} once", "forms", at)
        for (_, before), (literal, following) in pairwise(parts):
            ends = re.search(r"[^\w\s\"'`*-]", literal) or not (following or re.search(r"\w", literal))
            if before in is_open and not ends:
                message = f"form {form!r}: {before!r} takes any words, so punctuation must follow it, e.g. ':'"
                raise problem(message, "forms", at)


def _check_synonyms(synonyms: dict[str, str], fields: Sequence[_Field]) -> None:
    """Raise unless each synonym is another spelling of a value, or of a word in values."""
    vocabularies = [field.values for field in fields] + [some for field in fields for some in field.values_by.values()]
    values = {value for some in vocabularies for value in some}
    words = {f"-{fold(value)}-" for value in values}
    for spelling, value in synonyms.items():
        at = ("synonyms", spelling)
        if value not in values and not any(f"-{fold(value)}-" in each for each in words if fold(value)):
            raise problem(f"{value!r} is no value of a closed field{nearest(value, sorted(values))}", *at)
        if not fold(spelling):
            raise problem(f"the spelling {spelling!r} has no letters a-z or digits", *at)
        if any(value in some and fold(spelling) in map(fold, some) and spelling != value for some in vocabularies):
            raise problem(f"{spelling!r} is a value itself, so it is no other spelling of {value!r}", *at)


def _check_reward(declared: dict[str, Any], record_format: RecordFormat) -> TieredSpec:
    """Return the reward; each option is checked in turn, so that an error can name its line."""
    names = [field.name for field in record_format.fields]
    for at, tier in enumerate(declared["tiers"]):
        _check_fields(tier["fields"], names, "tiers", at, "fields")
        if tier["fields"] in [other["fields"] for other in declared["tiers"][:at]]:
            message = f"there are two tiers of the fields {', '.join(tier['fields'])}"
            raise problem(message, "reward", "tiers", at, "fields")
    try:
        spec = read_tiered({"tiers": declared["tiers"]}, record_format)
    except ConfigError as error:
        raise problem(str(error), "reward", "tiers") from error
    for name, value in sorted(declared.items()):  # conflicts before matching, which may ask for it
        if name == "table":
            for at, key in enumerate(value):
                _check_fields(key, names, "table", at)
            spec = _changed(spec, name, tuple(map(tuple, value)), "reward")
        elif name != "tiers":
            spec = _changed(spec, name, value, "reward")
    return spec


def _check_fields(key: Sequence[str], names: Sequence[str], *at: str | int) -> None:
    for place, name in enumerate(key):
        if name not in names:
            raise problem(f"unknown field {name!r}{nearest(name, names)}", "reward", *at, place)


# --- does what is written read as itself? ----------------------------------------------------------------------------


def format_error(record_format: RecordFormat) -> tuple[int | None, str] | None:
    """Return what is wrong with a format's forms, and with which of them (None: with all), or None.

    Every value, in every form, must be read as itself.
    """
    with FIRST_TIME:
        from lark.exceptions import LarkError  # noqa: PLC0415  lazy, as in `parsers.grammars.build`

    try:
        record_grammar(record_format)
    except (LarkError, ValueError, AssertionError) as error:
        return None, f"the forms give no grammar: {error}"
    names = [field.name for field in record_format.fields]
    for record in _samples(record_format):
        for at, form in enumerate(record_format.forms):
            written = form.format(**dict(zip(names, record, strict=True)))
            read = parse_records(written, record_format)
            if read.items != (record,) or read.invalid:
                told = read.invalid[0].message if read.invalid else f"it is read as {read.items}"
                return at, f"{written!r}, of the form {form!r}, does not read as itself: {told}"
    return None


def _samples(record_format: RecordFormat) -> Iterator[tuple[int | str, ...]]:
    """Yield records that hold each value of each closed field at least once."""
    plain: dict[str, Any] = {
        field.name: "x" if field.kind == "open" else field.limits[0] for field in record_format.fields
    }
    for vocabulary in record_format.branches():
        closed = {name: values for name, values in vocabulary.items() if values}
        for turn in range(max(map(len, closed.values()), default=1)):
            yield record_format.make(
                closed[field.name][turn % len(closed[field.name])] if field.name in closed else plain[field.name]
                for field in record_format.fields
            )
