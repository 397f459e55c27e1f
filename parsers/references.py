"""Reasoning about several views -> what it says of each. The grammars are ``references.lark`` and ``steps.lark``.

In this order: names of objects and of relations in one spelling, the triplets of each view, and the three steps.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from parsers.grammars import ASCII_MARKS, scanner
from parsers.types import Fault, Relation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

VIEWER = "camera"
"""The normalized name of whoever looks at the view; it stands in triplets but is no reference object."""

_VIEWERS = frozenset({"viewer", "observer", "me", "myself", "i", "you", "us", "viewpoint"})

_APOSTROPHES = re.compile(r"['’`]")
_NOT_WORDS = re.compile(r"[\W_]+")

_ARTICLES = frozenset({"a", "an", "the", "this", "that", "these", "those"})

_SPELLINGS = {"grey": "gray"}

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
    words = [_SPELLINGS.get(word, word) for word in _words(name)]
    while len(words) > 1 and words[0] in _ARTICLES:
        del words[0]
    if not words:
        return ""
    words[-1] = _singular(words[-1])
    plain = " ".join(words)
    return VIEWER if plain in _VIEWERS else plain


def true_name(name: str, truth: Collection[str]) -> str:
    """Return the true name that a written name stands for; the name itself where there is none, or no single one.

    A noun stands for the same noun with modifiers, and the other way round, unless the ground truth tells the two
    apart. All names are normalized.

    >>> true_name("sofa", {"gray sofa", "lamp"}), true_name("red ball", {"ball"})
    ('gray sofa', 'ball')
    >>> true_name("sofa", {"gray sofa", "red sofa"}), true_name("red ball", {"ball", "blue ball"})
    ('sofa', 'red ball')
    """
    if name in truth or VIEWER in (name, *name.split()[-1:]):
        return name
    told_apart = {each for each in truth if any(other.endswith(f" {each}") for other in truth)}
    forms = [each for each in truth if each.endswith(f" {name}")]
    forms += [each for each in truth if name.endswith(f" {each}") and each not in told_apart]
    return forms[0] if len(forms) == 1 else name


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
    if content[:1] == ["right"] and _BASIC_OF.get("".join(content[1:2])) == "near":  # `right next to`
        del content[0]
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

    Two relations contradict each other where they say different things of one cell. The parts must be normalized.

    >>> from parsers.types import Relation
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


MAX_REASONING = 10_000_000
"""Characters of a reasoning beyond which it is the fault ``too_long``."""

_MARKS = {char: mark for char, mark in ASCII_MARKS.items() if mark != "\n"}  # a name may hold any blank
_CACHED_LENGTH = 200  # longer brackets are read anew each time, which bounds the cache's memory


@dataclass(frozen=True, slots=True)
class References:
    """What a reasoning says about each view. Views are numbered as written (usually from 1).

    Attributes:
        relations: the triplets of each view that is written, in the order written, repeats included; names and
            relations are normalized. Under None, those that stand in no view.
        invalid: one fault for each bracket that is no triplet: ``part_count``, ``empty_part``, ``placeholder`` (the
            words of the prompt), ``unclosed`` (one for a run of these).
        notes: what is odd but kept: ``outside_view``, ``self_relation``, ``contradiction``.
        fault: ``empty`` or ``too_long`` where nothing could be read, else None.
    """

    relations: Mapping[int | None, tuple[Relation, ...]] = field(default_factory=dict)
    invalid: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()
    fault: Fault | None = None

    def names(self, view: int | None) -> frozenset[str]:
        """Return the objects that the triplets of a view name; none for a view that is not written."""
        triplets = self.relations.get(view, ())
        return frozenset(name for subject, other, _ in triplets for name in (subject, other))

    @property
    def views(self) -> tuple[int, ...]:
        """The views that are written, with or without triplets, in the order written."""
        return tuple(view for view in self.relations if view is not None)

    def __str__(self) -> str:
        """Return the canonical form, which `parse_references` reads back unless an object is called like a relation."""
        blocks = sorted(self.relations.items(), key=lambda item: item[0] is not None)
        return "\n".join(_render(view, triplets) for view, triplets in blocks)


def _render(view: int | None, triplets: Iterable[Relation]) -> str:
    head = [] if view is None else [f"View {view}:"]
    return " ".join(head + [f"[{', '.join(triplet)}]" for triplet in triplets])


def parse_references(text: str) -> References:
    """Find the triplets ``[object 1, object 2, relation]`` of each view, in linear time. Never raises on any text.

    ``View k:`` and ``Image k:`` begin a view's section (also as markdown headings), any other heading ends it; a view
    that comes twice is one. The brackets that are no triplets are reported, and the others kept.

    Args:
        text: the reasoning without its tags, at most `MAX_REASONING` characters.

    >>> parsed = parse_references("View 1: [the sofa, Balls, to the left of]. View 2: [lamp, sofa]")
    >>> parsed.relations
    {1: (Relation(subject='sofa', object='ball', relation='left'),), 2: ()}
    >>> parsed.invalid[0].message
    'a triplet has 3 parts, this has 2'
    """
    if len(text) > MAX_REASONING:
        message = f"the reasoning has {len(text):,} characters; {MAX_REASONING:,} are read"
        return References(fault=Fault("too_long", message, MAX_REASONING))
    if not text.strip():
        return References(fault=Fault("empty", "the reasoning is empty", 0))
    found: dict[int | None, list[tuple[int, Relation]]] = {}
    invalid: list[Fault] = []
    notes: list[Fault] = []
    for view, token, triplet in _read(text):
        if token is None or triplet is None:
            found.setdefault(view, [])
        elif isinstance(triplet, Fault):
            invalid.append(triplet._replace(offset=token.start()))
        else:
            found.setdefault(view, []).append((token.start(), triplet))
    if None in found:
        message = f"triplets outside any view's section: {len(found[None])}"
        notes.append(Fault("outside_view", message, found[None][0][0]))
    for number, triplets in found.items():
        notes += _odd(number, triplets)
    relations = {number: tuple(triplet for _, triplet in triplets) for number, triplets in found.items()}
    return References(relations, tuple(invalid), tuple(notes))


def _read(text: str) -> Iterator[tuple[int | None, re.Match[str] | None, Relation | Fault | None]]:
    """Yield the view, token and triplet of each bracket; where a view begins, its number alone."""
    view: int | None = None
    begun = False  # whether the section has a triplet
    for token in scanner("references", "start")(text if text.isascii() else text.translate(_MARKS)):
        kind = token.lastgroup
        if kind == "VIEW":
            view, begun = _number(token[0]), False
            yield view, None, None
        elif kind == "HEADING" or (kind == "AFTER" and begun):
            view, begun = None, False
        elif kind in _BRACKETS:
            triplet = _malformed(token[0], kind) if kind in ("BROKEN", "UNCLOSED") else _triplet(token[0])
            if kind in _ONLY_KNOWN and (isinstance(triplet, Fault) or view is None):
                continue  # prose
            begun = begun or not isinstance(triplet, Fault)
            yield view, token, triplet


_COUNTED = {
    word: number
    for words in (
        "one two three four five six seven eight nine ten",
        "first second third fourth fifth sixth seventh eighth ninth tenth",
        "一 二 三 四 五 六 七 八 九 十",
    )
    for number, word in enumerate(words.split(), 1)
}
_NUMBER = re.compile(rf"([0-9]{{1,4}})(?![.)]\s)(?:st|nd|rd|th|\D*+\Z)|{'|'.join(_COUNTED)}", re.IGNORECASE)


def _number(header: str) -> int:
    """Return the view that a header names: its last number or number word; the one of a list, `2.`, is none."""
    *_, found = _NUMBER.finditer(header)
    return int(found[1]) if found[1] else _COUNTED[found[0].casefold()]


def view_number(text: str) -> int | None:
    """Return the view that a text names as headers of a reasoning do, and nothing else; None where it names none.

    >>> view_number("[View-1]"), view_number("the second image"), view_number("sofa")
    (1, 2, None)
    """
    name = text.strip().translate(_MARKS)
    header = next(scanner("references", "start")(f"{name}\n"), None)
    if header is None or header.lastgroup != "VIEW" or name[header.end() :].strip("*_\"'`])>}:."):
        return None
    return _number(header[0])


_BRACKETS = frozenset({"TRIPLET", "QUOTED", "ROUND", "ROW", "KEYED", "BROKEN", "UNCLOSED"})
_ONLY_KNOWN = frozenset({"ROUND", "ROW", "KEYED"})  # what holds a triplet only if its relation is known


class Mention(NamedTuple):
    """A triplet of a reasoning, and where it stands.

    Attributes:
        view: the view in whose section it stands, or None.
        triplet: normalized, as `parse_references` returns it; or the fault of a bracket that is none.
        start: of the bracket.
        end: where it ends.
        parts: (start, end) of object 1, object 2 and the relation as written, quotes aside; empty for a fault.
    """

    view: int | None
    triplet: Relation | Fault
    start: int
    end: int
    parts: tuple[tuple[int, int], ...] = ()


def locate_references(text: str) -> tuple[Mention, ...]:
    """Return the triplets of a reasoning in the order written: what `parse_references` reads, with its place.

    >>> text = "View 1: [the sofa, Balls, to the left of]"
    >>> [text[start:end] for mention in locate_references(text) for start, end in mention.parts]
    ['the sofa', 'Balls', 'to the left of']
    """
    if len(text) > MAX_REASONING or not text.strip():
        return ()
    found = []
    for view, token, triplet in _read(text):
        if token is None or triplet is None:
            continue
        start, end = token.span()
        if isinstance(triplet, Fault):
            found.append(Mention(view, triplet._replace(offset=start), start, end))
        else:
            parts = tuple([(start + begin, start + stop) for begin, stop in _places(token[0])])
            found.append(Mention(view, triplet, start, end, parts))
    return tuple(found)


def _triplet(text: str) -> Relation | Fault:
    return _cached_triplet(text) if len(text) <= _CACHED_LENGTH else _read_triplet(text)


def _read_triplet(text: str) -> Relation | Fault:
    subject, other, relation = [text[start:end] for start, end in _places(text)]
    triplet = Relation(normalise_name(subject), normalise_name(other), normalise_relation(relation))
    plain = text[0] == "[" and "," in text
    if not plain and (inverse(relation) is None or inverse(subject) or inverse(other)):
        return _EMPTY_PART
    if triplet == ("object 1", "object 2", "relation"):
        return Fault("placeholder", "these are the prompt's words, not objects")
    return triplet if all(triplet) else _EMPTY_PART


_cached_triplet = lru_cache(maxsize=8192)(_read_triplet)

_EMPTY_PART = Fault("empty_part", "a part of the triplet is empty")


def _malformed(bracket: str, kind: str) -> Fault:
    if kind == "UNCLOSED":
        return Fault("unclosed", "a bracket is not closed on its line")
    count = len(bracket[1:-1].split(","))
    return _EMPTY_PART if count == 3 else Fault("part_count", f"a triplet has 3 parts, this has {count}")


_QUOTED = re.compile(r"""\"[^\"]*\"|'[^']*'""")


_SUBJECT = re.compile(r"subject|from|(?:obj(?:ect)?|entity)[ _]?[1a]", re.IGNORECASE)
_RELATION = re.compile(r"rel(?:ation(?:ship)?)?|predicate", re.IGNORECASE)


def _places(bracket: str) -> list[tuple[int, int]]:
    """Return where object 1, object 2 and the relation stand in a bracket, without white space and quotes around them.

    An object of JSON has keys. The relation may stand in the middle, ``[sofa, left of, ball]``, if what is known as a
    relation stands there alone.
    """
    quoted = [(found.start() + 1, found.end() - 1) for found in _QUOTED.finditer(bracket)]
    if len(quoted) == 6 and bracket[0] == "{":
        keys = [bracket[start:end] for start, end in quoted[::2]]
        order = sorted(range(3), key=lambda at: (bool(_RELATION.fullmatch(keys[at])), not _SUBJECT.fullmatch(keys[at])))
        return [quoted[1::2][at] for at in order]
    places = quoted
    if len(places) != 3:
        places, start = [], 1
        separator = next((mark for mark in ",;|" if bracket.count(mark, 1, -1) > 1), ",")
        for part in bracket[1:-1].split(separator)[:3]:
            body = part.strip()
            begin = start + part.find(body)
            places.append((begin, begin + len(body)))
            start += len(part) + 1
    _, middle, last = [inverse(bracket[start:end]) is not None for start, end in places]
    return [places[0], places[2], places[1]] if middle and not last else places


def _odd(view: int | None, triplets: Iterable[tuple[int, Relation]]) -> Iterator[Fault]:
    """Yield what is odd among the triplets of one view: an object related to itself, and contradictions."""
    seen: dict[Cell, str] = {}
    for offset, triplet in triplets:
        if triplet.subject == triplet.object:
            yield Fault("self_relation", f"{triplet.subject!r} is related to itself", offset)
            continue
        for cell, basic in cells(triplet):
            if seen.setdefault(cell, basic) != basic:
                where = "outside the views" if view is None else f"in view {view}"
                message = f"{cell[0]!r} is both {seen[cell]} and {basic} of {cell[1]!r} {where}"
                yield Fault("contradiction", message, offset)


_STEP_WORDS = 3  # fewer words are no step but a label's remainder


@dataclass(frozen=True, slots=True)
class Steps:
    """What of the three steps a reasoning shows.

    Attributes:
        references: the first step, see `parsers.references.parse_references`.
        mapping: the text of the second step, None where it is missing.
        reasoning: the text of the third, likewise.
        fault: the first thing that is missing, or None: the references' own fault, ``no_references`` (no view has a
            triplet), ``missing_view``, ``no_mapping``, ``no_reasoning``, ``steps_out_of_order``.
    """

    references: References = field(default_factory=References)
    mapping: str | None = None
    reasoning: str | None = None
    fault: Fault | None = None


def parse_steps(think: str, *, views: int | None = None) -> Steps:
    r"""Find the three steps of a reasoning, in linear time. Never raises on any text.

    The second step begins with a label such as ``Mapping:``, ``2. Cross-view mapping.`` or ``Step 2``, the third with
    ``Reasoning:``, ``Comparison:``, ``Step 3`` and the like; each is told in at least three words.

    Args:
        think: the reasoning without its tags.
        views: how many views the first step must have a section for (``View 3: none`` will do); None: any number.

    >>> parse_steps("View 1: [sofa, ball, left]\nMapping: both show the sofa.\nReasoning: so it is left.").fault
    >>> parse_steps("View 1: [sofa, ball, left]. So it must be B.").fault.code
    'no_mapping'
    """
    references = parse_references(think)
    if references.fault is not None:
        return Steps(references, fault=references.fault)
    spans = _labels(think)
    mapping, reasoning = _text(think, spans, "MAPPING"), _text(think, spans, "REASONING")
    fault = _missing_reference(references, views)
    if fault is None and mapping is None:
        fault = Fault("no_mapping", "there is no second step: a paragraph that begins with `Mapping:`")
    if fault is None and reasoning is None:
        fault = Fault("no_reasoning", "there is no third step: a paragraph that begins with `Reasoning:`")
    return Steps(references, mapping, reasoning, fault or _disorder(spans))


def _labels(think: str) -> list[tuple[str, int, int]]:
    """Return (kind, start, end) of each label."""
    tokens = scanner("steps", "start")(think)
    return [(str(token.lastgroup), *token.span()) for token in tokens if token.lastgroup != "_LINE"]


def _text(think: str, spans: list[tuple[str, int, int]], kind: str) -> str | None:
    """Return the text under the first label of a kind that has any."""
    for (name, _, begin), (_, end, _) in pairwise([*spans, ("", len(think), len(think))]):
        text = think[begin:end].strip(" \t\r\n*_:.-–—")
        if name == kind and len(text.split()) >= _STEP_WORDS:
            return text
    return None


def _missing_reference(references: References, views: int | None) -> Fault | None:
    if not any(references.relations[view] for view in references.views):
        return Fault("no_references", "no view has a triplet [object 1, object 2, relation]")
    for view in range(1, (views or 0) + 1):
        if view not in references.relations:
            return Fault("missing_view", f"view {view} of {views} is not written")
    return None


def _disorder(spans: list[tuple[str, int, int]]) -> Fault | None:
    """Return the fault of labels of both kinds, the first of which stand the wrong way round."""
    first = {kind: start for kind, start, _ in reversed(spans)}
    if first["REASONING"] < first["MAPPING"]:
        return Fault("steps_out_of_order", "the third step comes before the second", first["REASONING"])
    return None
