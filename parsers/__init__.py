"""Text -> typed values. No I/O, linear time, never raises on model text.

>>> from parsers import parse_completion, parse_transformations
>>> parse_transformations(parse_completion("<think>b</think><answer>2.color.cyan</answer>").answer).items
(Transformation(index=2, attribute='color', value='cyan'),)
"""

from parsers.choice import parse_choice
from parsers.completion import parse_completion
from parsers.number import parse_number
from parsers.references import parse_references
from parsers.transformations import parse_transformations
from parsers.values import Completion, Fault, Records, Relation, Transformation

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
