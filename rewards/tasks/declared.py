"""A value of a declaration that knows its line and key, so that every error can say where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewards.errors import ConfigError
from rewards.spec import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yaml import Node


@dataclass(frozen=True, slots=True)
class Declared:
    """One value of a YAML file.

    Attributes:
        node: as PyYAML composed it.
        file: where it stands.
        line: of its key, from 1; of an item of a list, its own.
        key: where in the file, e.g. ``"reward.tiers[1].fields[0]"``; empty for the whole of it.
    """

    node: Node
    file: str
    line: int
    key: str = ""

    def error(self, message: object) -> ConfigError:
        """Return the error ``file:line: key: message``."""
        place = f"{self.file}:{self.line}: " + (f"{self.key}: " if self.key else "")
        return ConfigError(f"{place}{' '.join(str(message).split())}")

    @property
    def value(self) -> Any:
        """The value as YAML reads it.

        Raises:
            ConfigError: if YAML cannot read it.
        """
        from yaml import YAMLError  # noqa: PLC0415  `import rewards` should not pay for it
        from yaml.constructor import SafeConstructor  # noqa: PLC0415

        try:
            return SafeConstructor().construct_document(self.node)
        except (YAMLError, ValueError, TypeError) as error:
            raise self.error(getattr(error, "problem", None) or error) from error

    def entries(self) -> dict[str, Declared]:
        """Return the values of a mapping by key.

        Raises:
            ConfigError: if it is no mapping, a key is no text, or a key stands twice.
        """
        from yaml import MappingNode  # noqa: PLC0415

        if not isinstance(self.node, MappingNode):
            raise self.error(f"this is {_shown(self.value)}; it is a mapping of keys to values")
        found: dict[str, Declared] = {}
        for key_node, node in self.node.value:
            line = _line(key_node)
            name = Declared(key_node, self.file, line, self.key).text()
            entry = Declared(node, self.file, line, f"{self.key}.{name}" if self.key else name)
            if name in found:
                raise entry.error("this key stands here twice")
            found[name] = entry
        return found

    def fields(self, known: Sequence[str], needed: Sequence[str] = ()) -> dict[str, Declared]:
        """Return the values of a mapping whose keys are known.

        Raises:
            ConfigError: also if a key is not known, or one that is needed is not there.
        """
        found = self.entries()
        for name, value in found.items():
            if name not in known:
                raise value.error(f"unknown key {name!r}{nearest(name, list(known))}")
        for name in needed:
            if name not in found:
                raise self.error(f"the key {name!r} is missing")
        return found

    def items(self) -> list[Declared]:
        """Return the values of a list.

        Raises:
            ConfigError: if it is none.
        """
        from yaml import SequenceNode  # noqa: PLC0415

        if not isinstance(self.node, SequenceNode):
            raise self.error(f"this is {_shown(self.value)}; it is a list")
        return [Declared(node, self.file, _line(node), f"{self.key}[{at}]") for at, node in enumerate(self.node.value)]

    def text(self) -> str:
        """Return a word or a text. YAML reads a bare ``yes``, ``no``, ``on`` or ``off`` as something else.

        Raises:
            ConfigError: if it is neither text nor a whole number.
        """
        value = self.value
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(f"YAML reads this as {_shown(value)}, which is no word: write it in quotes")
        return str(value)

    def words(self) -> tuple[str, ...]:
        """Return the words of a list."""
        return tuple(item.text() for item in self.items())

    def number(self) -> float:
        """Return a number.

        Raises:
            ConfigError: if it is none.
        """
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"this is {_shown(value)}; it is a number")
        return float(value)

    def choice(self, known: Sequence[str]) -> str:
        """Return one of some words.

        Raises:
            ConfigError: if it is none of them.
        """
        word = self.text()
        if word not in known:
            raise self.error(f"unknown {self.key.rpartition('.')[2]} {word!r}{nearest(word, list(known))}")
        return word


def read_declared(path: Path) -> Declared:
    """Read a YAML file.

    Raises:
        ConfigError: if it is not one YAML document.
    """
    import yaml  # noqa: PLC0415  `import rewards` should not pay for it

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{line}: {error.context or ''} {error.problem}".replace(":  ", ": ")) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if node is None:
        raise ConfigError(f"{path}: the file is empty")
    return Declared(node, str(path), _line(node))


def _line(node: Node) -> int:
    line: int = node.start_mark.line
    return line + 1


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
