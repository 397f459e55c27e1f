"""Names of objects and of spatial relations in one spelling, so that they can be compared."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from parsers.values import Relation

VIEWER = "camera"
"""The normalised name of whoever looks at the view; it stands in triplets but is no reference object."""

_VIEWERS = frozenset({"viewer", "observer", "me", "myself", "i", "you", "us", "viewpoint"})

_APOSTROPHES = re.compile(r"['’`]")
_NOT_WORDS = re.compile(r"[\W_]+")

_ARTICLES = frozenset({"a", "an", "the"})

_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot",
    "knives": "knife", "leaves": "leaf", "loaves": "loaf", "scarves": "scarf",
    "cookies": "cookie", "movies": "movie", "hoodies": "hoodie",
    "shoes": "shoe", "canoes": "canoe",
}  # fmt: skip

# Endings of plurals, the first that fits: (ending, what takes its place).
_PLURALS = (
    ("elves", "elf"),  # shelves, bookshelves
    ("ies", "y"),  # batteries
    ("sses", "ss"),  # glasses
    ("buses", "bus"),
    ("ches", "ch"),  # benches
    ("shes", "sh"),  # dishes
    ("xes", "x"),  # boxes
    ("oes", "o"),  # potatoes
    ("ss", "ss"),  # glass
    ("us", "us"),  # bus, cactus
    ("is", "is"),
    ("s", ""),
)


def _words(text: str) -> list[str]:
    """Split into words of lower-case letters and digits of any script; hyphens and other punctuation divide."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _NOT_WORDS.sub(" ", _APOSTROPHES.sub("", folded)).split()


def normalise_name(name: str) -> str:
    """Return an object's name in one spelling: no case, article, punctuation or plural; empty if nothing is left.

    Plurals are those of simple English nouns, in the last word. A name for whoever looks becomes `VIEWER`.

    >>> normalise_name(" The display-shelves. ")
    'display shelf'
    """
    words = _words(name)
    while len(words) > 1 and words[0] in _ARTICLES:
        del words[0]
    if not words:
        return ""
    words[-1] = _singular(words[-1])
    plain = " ".join(words)
    return VIEWER if plain in _VIEWERS else plain


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 3 and word.endswith("s"):
        for ending, instead in _PLURALS:
            if word.endswith(ending) and (len(word) > 4 or ending != "ies"):
                return word.removesuffix(ending) + instead
    return word


class _Basic(NamedTuple):
    axis: str
    opposite: str
    synonyms: str


# Compounds join basic relations by a hyphen in the order of the axes: `above-front-left`.
_BASIC = {
    "above": _Basic("vertical", "below", "on over atop top upper up higher upward upwards"),
    "below": _Basic("vertical", "above", "under beneath underneath bottom lower down downward downwards"),
    "front": _Basic("depth", "behind", "ahead forward forwards"),
    "behind": _Basic("depth", "front", "back rear backward backwards"),
    "left": _Basic("lateral", "right", "leftward leftwards lefthand"),
    "right": _Basic("lateral", "left", "rightward rightwards righthand"),
    "near": _Basic("distance", "near", "next beside adjacent close by nearby alongside"),
    "far": _Basic("distance", "far", "distant away"),
    "closer": _Basic("comparison", "farther", "nearer"),
    "farther": _Basic("comparison", "closer", "further"),
    "inside": _Basic("containment", "contains", "in within"),
    "contains": _Basic("containment", "inside", "containing encloses enclosing"),
    "outside": _Basic("containment", "outside", ""),
}
_BASIC_OF = {word: basic for basic, known in _BASIC.items() for word in (basic, *known.synonyms.split())}
_AXES = list(dict.fromkeys(known.axis for known in _BASIC.values()))

# fmt: off
_FILLERS = frozenset([
    "is", "are", "be", "to", "the", "a", "an", "of", "on", "in", "at", "and", "from", "than", "it", "its",
    "side", "hand", "located", "positioned", "placed", "situated",
    "directly", "slightly", "immediately", "diagonally", "just",
])
# fmt: on


def normalise_relation(relation: str) -> str:
    """Return a relation in one spelling: a basic relation, a compound of them, or else its plain words.

    Known are left, right, front, behind, above, below, near, far, closer, farther, inside, contains, outside and
    their synonyms; ``near left`` and the like are compounds. What contradicts itself or is unknown stays verbatim.

    >>> normalise_relation("to the left of"), normalise_relation("behind and to the right")
    ('left', 'behind-right')
    >>> normalise_relation("leaning against")
    'leaning against'
    """
    words = _words(relation)
    content = [word for word in words if word not in _FILLERS] or words
    basics = {_BASIC_OF.get(word, "") for word in content}
    if not words or "" in basics or len({_BASIC[basic].axis for basic in basics}) < len(basics):
        return " ".join(words)
    return "-".join(sorted(basics, key=lambda basic: _AXES.index(_BASIC[basic].axis)))


def inverse(relation: str) -> str | None:
    """Return the relation of object 2 to object 1; None if the relation is unknown.

    >>> inverse("front-left"), inverse("near"), inverse("leaning against")
    ('behind-right', 'near', None)
    """
    basics = normalise_relation(relation).split("-")
    return "-".join(_BASIC[basic].opposite for basic in basics) if all(map(_BASIC.__contains__, basics)) else None


Cell = tuple[str, str, str]
"""Two objects in alphabetical order and an axis: ``("ball", "sofa", "lateral")``; or an unknown relation as written."""


def cells(relation: Relation) -> tuple[tuple[Cell, str], ...]:
    """Return (cell, what holds there) for each part of a relation, the same for ``[a, b, left]`` and ``[b, a, right]``.

    Two relations contradict each other where they say different things of one cell. The parts must be normalised.

    >>> from parsers.values import Relation
    >>> cells(Relation("sofa", "ball", "front-left"))
    ((('ball', 'sofa', 'depth'), 'behind'), (('ball', 'sofa', 'lateral'), 'right'))
    """
    subject, other, name = relation
    if name.split("-")[0] not in _BASIC:
        return (((subject, other, name), name),)
    basics = [(_BASIC[basic], basic) for basic in name.split("-")]
    if subject <= other:
        return tuple(((subject, other, known.axis), basic) for known, basic in basics)
    return tuple(((other, subject, known.axis), known.opposite) for known, _ in basics)
