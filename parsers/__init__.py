"""Text -> typed values. No I/O, linear time, never raises on model text.

>>> from parsers import parse_completion, parse_transformations
>>> parse_transformations(parse_completion("<think>b</think><answer>2.color.cyan</answer>").answer).items
(Transformation(index=2, attribute='color', value='cyan'),)
"""

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from parsers.types import Completion, Fault, Records, Relation, Transformation

if TYPE_CHECKING:
    from parsers.choice import parse_choice
    from parsers.completion import parse_completion
    from parsers.number import parse_number
    from parsers.records import parse_transformations
    from parsers.references import parse_references

__all__ = [
    "Completion",
    "Fault",
    "Records",
    "Relation",
    "Transformation",
    "parse_choice",
    "parse_completion",
    "parse_number",
    "parse_references",
    "parse_transformations",
]

# Terminals are possessive, so that time is linear. CPython before 3.11.5 matches such groups wrongly where they repeat
# (python/cpython#106052): no completion would be read as it should.
if re.fullmatch("(?:ab?c)*+", "a"):
    raise ImportError(
        f"star-r1 needs Python 3.11.5 or later: re of Python {sys.version.split()[0]} misreads possessive groups"
    )

_FILES = {"parse_transformations": "records"}  # the others stand in the file of their own name


def __getattr__(name: str) -> Any:
    """Load a parser when it is first asked for: who scores lists of changes never needs the parser of numbers."""
    if name in __all__ and name.startswith("parse_"):
        return getattr(import_module(f"parsers.{_FILES.get(name, name.removeprefix('parse_'))}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
