"""A YAML file -> plain values, and a pydantic model's verdict on them as one error that says file, line and key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from rewards.errors import ConfigError, nearest, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails
    from yaml import MappingNode, Node
    from yaml.constructor import SafeConstructor

    Key = Sequence[str | int]


MOST_VALUES: Final = 100_000
"""Of a file."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A YAML file that has been read, and still knows where each of its values stands.

    Attributes:
        path: of the file.
        node: as PyYAML composed it.
        data: its values; keys are text or whole numbers.
    """

    path: str
    node: Node
    data: Any

    def place(self, key: Key = ()) -> str:
        """Return where a value stands: ``file:line: reward.tiers[1].fields[0]``; the line is that of its key."""
        line, words = self.find(key)
        return f"{self.path}:{line}" + (f": {words}" if words else "")

    def find(self, key: Key) -> tuple[int, str]:
        """Return the line of a value and its key in words."""
        node, line, words = self.node, _line(self.node), ""
        for step in key:
            words += f"[{step}]" if isinstance(step, int) and not _is_mapping(node) else f".{step}"
            found = _child(node, step)
            node, line = found if found is not None else (node, line)
        return line, words.removeprefix(".")

    def error(self, message: object, key: Key = ()) -> ConfigError:
        """Return the error ``file:line: key: message``."""
        return ConfigError(f"{self.place(key)}: {' '.join(str(message).split())}")

    def check(self, model: type[BaseModel]) -> None:
        """Check the values against a pydantic model.

        A validator of the model names its own words and place: ``raise problem("unknown field", "tiers", 1)``.

        Raises:
            ConfigError: for the first thing that is wrong.
        """
        from pydantic import ValidationError  # noqa: PLC0415  only files of the user's own need it

        try:
            model.model_validate(self.data)
        except ValidationError as error:
            # The first line that is wrong. A key that is misspelt is also one that is missing, which comes last.
            errors = error.errors(include_url=False)
            found = min(errors, key=lambda each: (each["type"] == "missing", self.find(_key(each))[0]))
            raise self.error(_told(found, model), _key(found)) from None


def problem(message: str, *at: str | int) -> Exception:
    """Return what a validator raises to say *message* of the value at *at*, counted from what it validates."""
    from pydantic_core import PydanticCustomError  # noqa: PLC0415

    return PydanticCustomError("problem", "{message}", {"message": message, "at": at})


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file.

    Raises:
        ConfigError: if it is not one YAML document, a key of a mapping is no word, or a key stands twice.
    """
    import yaml  # noqa: PLC0415  `import rewards` should not wait for it
    from yaml.constructor import SafeConstructor  # noqa: PLC0415

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{line}: {error.context or ''} {error.problem}".replace(":  ", ": ")) from error
    except RecursionError as error:
        raise ConfigError(f"{path}: this is nested too deeply") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if node is None:
        raise ConfigError(f"{path}: the file is empty")
    file = YamlFile(str(path), node, None)
    try:
        return replace(file, data=_Values(file, SafeConstructor()).of(node, ()))
    except RecursionError as error:
        raise ConfigError(f"{path}: this is nested too deeply") from error


@dataclass(frozen=True, slots=True)
class _Values:
    """Makes values of nodes, and finds what YAML itself lets pass: keys that are no words, and keys twice."""

    file: YamlFile
    constructor: SafeConstructor
    made: Iterator[int] = field(default_factory=count)

    def of(self, node: Node, key: tuple[str | int, ...], within: tuple[Node, ...] = ()) -> Any:
        from yaml import SequenceNode, YAMLError  # noqa: PLC0415

        if node in within:
            raise self.file.error("this contains itself", key)
        if next(self.made) >= MOST_VALUES:  # a few lines of aliases of aliases stand for billions of values
            raise self.file.error(f"there are more than {MOST_VALUES:,} values, aliases included", key)
        within = (*within, node)
        if isinstance(node, SequenceNode):
            return [self.of(item, (*key, at), within) for at, item in enumerate(node.value)]
        if not _is_mapping(node):
            return self._scalar(node, key)
        names = [self._name(each, key) for each, _ in node.value]
        for at, name in enumerate(names):
            if name in names[:at]:
                raise self._error_at(node.value[at][0], (*key, name), "this key stands here twice")
        try:
            self.constructor.flatten_mapping(cast("MappingNode", node))  # `<<: *other` becomes the other's keys
        except YAMLError as error:
            raise self.file.error(getattr(error, "problem", None) or error, key) from error
        pairs = [(self._name(each, key), value) for each, value in node.value]
        return {name: self.of(value, (*key, name), within) for name, value in pairs}

    def _name(self, node: Node, key: tuple[str | int, ...]) -> str | int:
        if node.tag == "tag:yaml.org,2002:merge":
            return "<<"
        try:
            value = self.of(node, key)
        except ConfigError as error:
            raise self._error_at(node, key, str(error).rpartition(": ")[2]) from error
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self._error_at(node, key, f"YAML reads this as {shown(value)}, which is no word: write it in quotes")
        return value

    def _error_at(self, node: Node, key: tuple[str | int, ...], message: str) -> ConfigError:
        """Return an error of a key itself: `YamlFile.place` gives the line of the first one of that name."""
        _, words = self.file.find(key)
        return ConfigError(": ".join([f"{self.file.path}:{_line(node)}", *filter(None, [words]), message]))

    def _scalar(self, node: Node, key: tuple[str | int, ...]) -> Any:
        from yaml import YAMLError  # noqa: PLC0415

        try:
            return self.constructor.construct_object(node)
        except (YAMLError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
            # PyYAML itself: `!!timestamp x` is an AttributeError, `!!int ""` an IndexError
            raise self.file.error(getattr(error, "problem", None) or error, key) from error


def _is_mapping(node: Node) -> bool:
    from yaml import MappingNode  # noqa: PLC0415

    return isinstance(node, MappingNode)


def _child(node: Node, step: str | int) -> tuple[Node, int] | None:
    """Return a value inside a mapping or a list, and the line of its key or of itself."""
    from yaml import SequenceNode  # noqa: PLC0415

    if _is_mapping(node):
        return next(((value, _line(key)) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], _line(node.value[step])
    return None


def _line(node: Node) -> int:
    line: int = node.start_mark.line
    return line + 1


def _key(found: ErrorDetails) -> Key:
    """Return which value pydantic found wrong."""
    key = [step for step in found["loc"] if step != "[key]"]  # its mark for the key of a mapping itself
    key += found.get("ctx", {}).get("at", ())
    return key[:-1] if found["type"] == "missing" else key


def _told(found: ErrorDetails, model: type[BaseModel]) -> str:
    """Say in our words what pydantic found."""
    value, name = found["input"], str(found["loc"][-1]) if found["loc"] else ""
    match found["type"]:
        case "problem":
            return found["msg"]
        case "missing":
            return f"the key {name!r} is missing"
        case "extra_forbidden" | "invalid_key":
            return f"unknown key {name!r}{nearest(name, _expected(model, found['loc'][:-1]))}"
        case "literal_error":
            return f"unknown {name} {value!r}{nearest(value, _expected(model, found['loc']))}"
        case "list_type":
            return f"this is {shown(value)}; it is a list"
        case "model_type" | "dict_type":
            return f"this is {shown(value)}; it is a mapping of keys to values"
        case "float_type":
            return f"this is {shown(value)}; it is a number"
    return f"this is {shown(value)}: {found['msg']}"


def _expected(model: Any, loc: Sequence[str | int]) -> list[str]:
    """Return what may stand at a place of a model: the keys of a section, or the words of a choice."""
    for step in loc:
        if isinstance(step, int):
            model = get_args(model)[0]  # of a list
        else:
            fields: Mapping[str, Any] = getattr(model, "model_fields", {})
            model = fields[step].annotation if step in fields else get_args(model)[1]  # of a mapping
    return [str(each) for each in getattr(model, "model_fields", None) or get_args(model)]
