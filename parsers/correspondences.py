"""Reasoning about several views -> where it names a correspondence: which object of one view is which of another.

The rule is a list of word forms, not a model; docs/evaluation.md says it in full, with its precision and recall. A
sentence, or a line, names a correspondence if it names an object and at least two views, and one of these holds:

``link``       a word links the two: the same, corresponds to, matches, is the one, becomes, reappears, ->, =
``plural``     the object is in both, all or several views by number: "both images show the table"
``beside``     both views are told of one object side by side: "the cube is red in image 1 and blue in image 2",
               "Object 0: initial: red cube, final: red sphere", a row of a table whose columns are views
``numbered``   an object is told by its number in a later view; objects are numbered in the first ("object 3 is at the
               left in image 2")

It does not if that is negated, asked, or planned ("let me match ..."), if the views are told of different objects, or
if what they share is no object ("both views show the same room").
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.grammars import ASCII_LETTERS, ASCII_MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Correspondence(NamedTuple):
    """Where a correspondence is named.

    Attributes:
        kind: ``link``, ``plural``, ``beside`` or ``numbered``.
        start: of the sentence or line.
        end: where it ends.
    """

    kind: str
    start: int
    end: int


class _View(NamedTuple):
    """A view that a sentence names: ``"1"``, ``"left"``; or ``"*"`` for several at once."""

    key: str
    start: int
    end: int


def _words(text: str) -> list[str]:
    return text.split()


_LONGEST: Final = 600  # characters of a sentence; what is longer is cut there, so that time is linear
_SEVERAL: Final = "*"
_MARKS: Final = {char: mark for char, mark in ASCII_MARKS.items() if mark != "\n"} | ASCII_LETTERS

_NOUN = r"(?:views?|images?|pictures?|photos?|photographs?|frames?|panels?)"
_STATE = r"(?:view|image|picture|photo|photograph|frame|panel|state|scene)"
_SAID = {  # what people call a view -> its key; the initial state is the first of two, the final one the second
    **dict.fromkeys(_words("1 a first initial initially original originally before start starting 1st one"), "1"),
    **dict.fromkeys(_words("2 b second final finally after afterwards end ending 2nd two"), "2"),
    **dict.fromkeys(_words("3 c third 3rd three"), "3"),
    **dict.fromkeys(_words("4 d fourth 4th four"), "4"),
}
# Each of the longer patterns begins with a look at the first letter: most words cannot begin what is looked for.
_VIEWS = re.compile(
    rf"""(?ix) \b (?=[a-cefilm-pr-tv1-4]) (?:
      (?P<several> (?:both|all|each|every|(?:the\s)?two|several|across|between)\b
                   (?:\s(?:of\s)?(?:the|these|those|two|three|four|other)){{0,2}} \s (?:views|images|pictures
                       |photos|frames|perspectives)\b
                 | (?:first|initial|original|before) \s and \s (?:the\s)? (?:second|final|last
                     |after) \s {_STATE}s? \b
                 | (?:both|each|every)\s {_NOUN} \b
                 | {_NOUN} \s? \#? [0-9]{{1,2}} (?:\s?,\s?\#?[0-9]{{1,2}}){{0,6}} \s?(?:,?\sand\s|&
                     |,)\s?\#?[0-9]{{1,2}}\b )
    | V (?P<letter> [1-9] ) \b
    | {_NOUN} \s? [\#(_]? (?P<number> [0-9]{{1,2}} | (?-i:[A-D]) | one | two | three | four ) \b
    | (?P<ordinal> first|second|third|fourth|1st|2nd|3rd|4th|initial|original|starting|final|last|before
        |after ) [\s-]{_STATE}s?\b
    | (?: in | of | from ) \s the \s (?P<one> first|second|third|fourth ) \s one \b
    | (?P<side> left|right|front|back|rear|side|top|center|central|middle|overhead|frontal ) [\s-] (?:view
        |image|picture|photo|camera\sview)\b
    | (?P<other> other|another|next|previous ) \s (?:view|image|picture|photo|frame)\b
    | (?P<label> initial|final|before|after ) (?= \s? [:=(] )
    | (?P<adverb> initially|originally|finally|afterwards ) \b
    )"""
)
_JOINED = re.compile(r"(?i)\s?(?:,|and|&|,\s?and)\s(?:(?:in|of|to|from)\s)?(?:the\s)?")

_SENTENCE = re.compile(r"[.!?;](?=[\s)\"'*]|$)|\n")
_ABBREVIATION = re.compile(r"\b(?:vs|etc|e\.g|i\.e|approx|fig)$")
_ORDINAL = re.compile(
    r"[\s\-*•#>(]*[0-9]{1,2}"
)  # before an item of a list; behind other words a number ends a sentence

_NEGATED = re.compile(
    r"(?i)\b(?=[acdgmnuw])(?:not?|none|never|neither|nor|nothing|cannot|without|unclear|unknown|unsure|uncertain"
    r"|missing|absent|gone|different (?:from|to|than|objects?)|differs? from|disappear\w*|distinct|unlike)\b|n't\b"
)
_NO_NEGATION = re.compile(
    r"(?i)\b(?=n)(?:no (?:change|changes|difference|doubt|longer)|not (?:only|changed?|moved?|altered))\b"
    r"|\bn[o']t (?:change|move)\w*"
)
_PLANNED = re.compile(
    r"""(?ix) ^\W* (?: (?:so|now|first|next|then|thus|ok|okay|second|again|finally|mapping|step\s[0-9]
        |(?:[\w-]+\s){1,3}mapping)\b[,:.]?\s* ){0,3}
        (?: let(?:\sme|\sus|'s)\b | (?:i|we)(?:'ll|'d|\s(?:will|need|have\sto|want|must|should|shall|try
            |am\sgoing|are\sgoing|look\sfor|compare|
            start|begin|would)\b) | to\s(?:answer|solve|find|determine|identify|decide|do|see|match|establish)\b
          | (?:the|my|our)\s(?:question|task|goal|aim|problem|prompt|instructions?)\b | (?:question|task)\b
              | say\b | find\b | identify\b
          | determine\b | compare\b | match\b | check\b | which\b | if\b )
      | \b(?: whether | asks? | asked | needs?\sto | must\sbe\s(?:found|matched|identified|established)
          | should\sbe\s(?:found|matched|identified)
          | see\sif | in\sorder\sto | look(?:ing)?\sfor | find\sout )\b
    """
)

_ALIKE: Final = _words("""
    number amount count size sizes color colors colour shape shapes material materials kind type sort way style
    lighting light brightness quality resolution scene room direction orientation camera angle distance height time
    background area space environment kitchen hallway office building house place places location viewpoint
    perspective view image picture set texture order attribute attributes arrangement layout category
""")
_LINK = re.compile(
    rf"""(?ix)
      \b same \b (?! \s (?: \w+ \s )?? (?:{"|".join(_ALIKE)}) \b )
    | \b (?: identical\s(?:to|with|in) | correspond(?:s|ed|ing)?\s(?:to|with) | correspond(?:ing|s)?\b
        | match(?:es|ed)?\b | (?<!\bthe\s)(?<!\ba\s)matching\b
           | counterparts? | equivalent\sto | equals? | maps?\sto | mapped\sto | is\sthe\sone | are\sthe\sones
               | the\sone\s(?:that|which|at|in|on)
           | becomes? | became | turns?\sinto | turned\sinto | reappears? | re-appears? | paired\swith
               | linked\sto | aligns?\swith
           | common\s(?:to|in|between) | shared\s(?:by|between) | (?:is|are|was|were)\sunchanged | stays?\b
               | remains?\b | moved\b | shifted\b | recogni[sz]ed?\s(?:as|in)
           | refers?\sto\sthe\ssame | (?:links?|connects?|joins?|anchors?) (?=\s(?:the\s)?(?:{_NOUN}|two|both|all)) )\b
    | \b (?:shows?|contains?|has|sees?) \s (?:also\s)? (?:the|that) \s (?:[\w-]+\s){{1,5}}? (?:of
        |from) \s (?:the\s)? (?={_NOUN}|first|second|initial)
    | -> | => | → | ⇒ | ↔ | <-> | ⟷ | (?<![<>=!:]) = (?!=) | ≡
    """
)
_COPULA = re.compile(
    r"""(?ix) (?:'s)? (?:[\s,)]+[\w-]+){0,5}? [\s,)]+ (?:is|are|was|were|must\sbe|should\sbe|has\sto\sbe
        |could\sbe|appears\sas|looks\slike|shows\sup\sas|seen\sas|now)
        \s (?:also\s|still\s|now\s|probably\s|likely\s|clearly\s|actually\s)? (?:the|that|a|an|seen\sas)\b"""
)

_LABEL = re.compile(r"(?i)(?:[\w.'\-:]+[ ,]+){0,7}[\w.'\-:]*\w(\W*)(?:\b(?:in|on|from)(?:\sthe)?|\bthe)?")
"""An object's label before what is said of it in each view; group 1 is the punctuation behind it."""

_IS = re.compile(
    r"(?i)\b(?:is|are|was|were|has|have|stays?|remains?|stands?|sits?|lies?|hangs?|keeps?|appears?|changed|turned|moved"
    r"|became)\b"
)

_GOES_ON = re.compile(
    r"""(?ix)\W*(?:and\s|but\s|now\s|then\s)?(?:is|are|stands?|sits?|lies?|hangs?|appears?|can\sbe|faces?|ends?\sup
        |has\s(?:moved|turned|become|changed))\b(?!\sin\s)"""
)
"""The object named before goes on being the subject: "the cube in image 1 is behind the ball in image 2"."""

_PRONOUN = re.compile(
    r"(?i)[,:]?\s(?:(?:has|shows?|is|we see|i see)\s)?(?:it|they|them)\b"
    r"(?!\s(?:is|seems|appears)\s(?:\w+ly\s)?(?:clear|likely|hard|not|possible|evident|obvious|that)\b)"
)
"""What follows a view where the sentence goes on about the object of the sentence before."""

_PRESENT = re.compile(
    r"""(?ix) \b (?: is | are | was | were | appears? | visible | seen | present | found | shown | occurs?
        | stands? | stays? | remains? | exists?
        | shared | common | recogni[sz]able | identified | there | same | be )
        (?: \s [\w-]+ ){0,3}? (?: \s (?:in|across|to|from|by|on|between|throughout) )? \s? (?:the\s)? $"""
)
_SHOW = re.compile(
    r"(?i)^[\s,:]*(?:both|all|also|clearly|each|still|\s){0,3}"
    r"(?:show|contain|include|have|has|share|feature|depict|display|see)\w*\b"
)

_NUMBERED = re.compile(
    r"""(?ix) (?: \b (?=[oi\#]) (?:object|index|item|\#) \s? [0-9]{1,2} \b (?P<after> [^.;]{0,120}? ) \b
        (?: is | are | was | stands? | appears? | looks | shows | remains? | stays? | has | sits | lies
            | can\sbe\s(?:found|seen) )\b )"""
)
_OBJECT_NUMBER = re.compile(r"(?i)\b(?=[oi#])(?:objects?|index|item|#)\s?#?([0-9]{1,2})\b|^\W*([0-9]{1,2})(?=[\s.):-])")
_DIGIT = re.compile(r"[0-9]")
_WORD = re.compile(r"[^\W\d_][\w'-]*")

# Words that name no object. Whatever is left of a sentence is taken for objects, of any vocabulary.
_NOT_OBJECTS: Final = frozenset(
    _words("""
    a an the this that these those it its itself they them their he she his her i we you me my our us one ones who
    which what is are was were be been being has have had do does did can could may might must shall should will
    would and or but nor so because since as if while whereas although though when where then than thus hence
    therefore however both either in on at of to from by with without within into onto over under above below
    between among across behind before after beside besides near next along around through toward towards against up
    down out off for about per via relative not no none never neither nothing cannot only just also too still again
    now already very quite rather slightly almost nearly exactly directly approximately roughly clearly probably
    likely maybe perhaps apparently obviously actually indeed yes left right front back rear top bottom middle
    center centre central upper lower side sides edge corner far close closer farther further nearest nearby distant
    ahead leftmost rightmost frontmost backmost hand foreground background place position positions places location
    spot point here there inside outside beyond opposite facing first second third fourth last other another
    previous same different initial final original starting initially originally finally afterwards two three four
    five six seven eight nine ten all each every any some several many few more most less least view views image
    images picture pictures photo photos photograph frame frames panel perspective perspectives viewpoint viewpoints
    angle angles camera cameras scene scenes state states shot side-view direction directions orientation room rooms
    space area environment kitchen hallway office lighting light brightness quality resolution number numbers count
    amount total time times way ways kind type sort part parts thing things object objects item items element
    elements feature features detail details index attribute attributes property properties value values size sizes
    color colors colour colours shape shapes material materials texture look looks appearance name label change
    changes difference differences similarity correspondence correspondences relation relations relationship mapping
    map layout arrangement order distance height width degree degrees turn rotation movement small large medium big
    little tiny huge tall short long wide thin thick red blue green yellow purple cyan gray grey brown black white
    orange pink golden silver dark bright metal metallic rubber glass wooden shiny matte round empty see sees seen
    saw looking looked show shows shown showing contain contains containing include includes share shares appear
    appears appeared visible present found find finds located stand stands standing stood sit sits sitting lie lies
    move moves moved moving shift shifted turned turns become becomes became remain remains stay stays changed
    unchanged reappear reappears match matches matched matching correspond corresponds corresponding identical equal
    equals equivalent counterpart compare comparing compared comparison observe observed notice noticed identify
    identified recognize recognized recognise recognised differ differs taken capture captured photographed hidden
    depict depicts display displays common shared perpendicular parallel brighter darker larger smaller taller
    shorter answer question option reasoning analysis step steps summary conclusion note observation observations
    references reference triplet think know means called give given go goes going come comes get make made take let
    like based according used using use mean say says said tell told well even such own done
    """)
)


def find_correspondences(text: str) -> tuple[Correspondence, ...]:
    """Return each sentence or line of a reasoning that names a correspondence across views, in linear time.

    Never raises on any text.

    Args:
        text: the reasoning without its tags.

    >>> text = "View 1: a cube. View 2: a ball. The cube in view 1 is the one behind the ball in view 2."
    >>> [(each.kind, text[each.start : each.end]) for each in find_correspondences(text)]
    [('link', 'The cube in view 1 is the one behind the ball in view 2.')]
    >>> find_correspondences("Is the cube in view 1 the same as the cube in view 2? Both views show the same room.")
    ()
    """
    return tuple(_find(text.translate(_MARKS)))


def _find(text: str) -> Iterator[Correspondence]:
    heading = False  # whether lines stand under a heading, or a table's head, that names two views
    section = ""  # the view under whose label the sentences stand
    told: dict[str, set[str]] = {}  # the objects of each section so far
    for start, end in _sentences(text):
        said = text[start:end]
        views = _views(said)
        if not (views or section or heading):
            continue
        keys = {view.key for view in views}
        objects = _objects(said)
        kind = _kind(said, views, objects, section=section, told=told)
        if kind is None and heading and _under(said):
            kind = "beside" if _row(said, objects) else None
        elif kind is None:
            heading = len(keys - {_SEVERAL}) > 1 and _heads(said)
        if len(keys) == 1 and _SEVERAL not in keys:
            section = next(iter(keys))
        elif keys:
            section = ""
        if section:
            told.setdefault(section, set()).update(objects)
        if kind is not None:
            yield Correspondence(kind, start, end)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield where sentences and lines begin and end, without white space and bullets around them."""
    start = 0
    depth = 0
    counted = 0
    for mark in (*_SENTENCE.finditer(text), None):
        end = len(text) if mark is None else mark.end()
        if mark is not None and mark[0] != "\n":
            depth += text.count("(", counted, end) - text.count(")", counted, end)
            counted = end
            if mark[0] == ";" and depth > 0:
                continue
            if mark[0] == "." and (
                _ABBREVIATION.search(text[max(start, end - 12) : end - 1]) or _ORDINAL.fullmatch(text, start, end - 1)
            ):
                continue
        else:
            depth, counted = 0, end
        for begin in range(start, end, _LONGEST):
            stop = min(begin + _LONGEST, end)
            first = begin + len(text[begin:stop]) - len(text[begin:stop].lstrip())
            if first < stop:
                yield first, begin + len(text[begin:stop].rstrip())
        start = end


def _views(said: str) -> list[_View]:
    """Return the views that a sentence names."""
    found: list[_View] = []
    adverbs: list[_View] = []
    for match in _VIEWS.finditer(said):
        kind = match.lastgroup or ""
        name = match[kind].lower()
        if kind == "several":
            key = _SEVERAL
        elif kind in ("other", "side"):
            key = name
        else:
            key = _SAID.get(name, name)
        (adverbs if kind == "adverb" else found).append(_View(key, match.start(), match.end()))
    # adverbs alone are no views: "Finally, I look at image 2" names one
    known = {view.key for view in found}
    if len(known) == 1 and _SEVERAL not in known:
        found += [view for view in adverbs if view.key not in known and view.start == min(v.start for v in adverbs)]
    return sorted(found, key=lambda view: view.start)


def _objects(said: str) -> set[str]:
    """Return the words of a sentence that may name objects, and numbered objects as ``#3``."""
    found = set(map(_object, _WORD.findall(said)))
    found.discard("")
    if _DIGIT.search(said):
        found |= {f"#{one or two}" for one, two in _OBJECT_NUMBER.findall(said)}
    return found


@lru_cache(1 << 12)
def _object(word: str) -> str:
    """Return how an object of this name is called, in the singular; "" where the word names none."""
    word = word.lower()
    word = word.rstrip("'s") if word.endswith("'s") else word
    if len(word) < 2 or word in _NOT_OBJECTS:
        return ""
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return "" if word in _NOT_OBJECTS else word


def _kind(
    said: str, views: Sequence[_View], objects: set[str], *, section: str, told: dict[str, set[str]]
) -> str | None:
    """Return how a sentence names a correspondence, or None."""
    if not views and not section:
        return None
    if said.rstrip(" \t)\"'*").endswith("?") or _PLANNED.search(said):
        return None
    keys = {view.key for view in views}
    if len(keys) > 1 or _SEVERAL in keys:
        if _linked(said, views, objects):
            return "link"
        if _plural(said, views):
            return "plural"
        if any(_beside(said, views, at) for at in range(len(views) - 1)):
            return "beside"
    if _again(said, keys, section, told):
        return "link"
    if section and _told_on(said, views, section, told):
        return "beside"
    if _numbered(said, keys or {section}):
        return "numbered"
    return None


def _denied(said: str, start: int, end: int) -> bool:
    """Return whether the clause around a part of a sentence has a negation up to where the part ends."""
    clause = max(said.rfind(mark, 0, start) for mark in (",", ":", " but ", "("))
    return _NEGATED.search(_NO_NEGATION.sub(" ", said[max(clause, 0) : end])) is not None


def _linked(said: str, views: Sequence[_View], objects: set[str]) -> bool:
    """Return whether a word links an object of one view with one of another."""
    if len({view.key for view in views} - {_SEVERAL}) < 2:
        return False  # what is said of all views at once is for `_plural`
    if not objects and not re.search(r"(?i)\bsame (?:objects?|items?|ones?)\b", said):
        return False
    first, last = views[0], views[-1]
    for link in _LINK.finditer(said):
        if not _denied(said, min(first.start, link.start()), max(last.end, link.end())):
            return True
    for view, following in pairwise(views):
        if view.key == following.key or _SEVERAL in (view.key, following.key):
            continue
        between = _COPULA.match(said, view.end, following.start)
        owned = said.startswith("'s", view.end)
        if between and (owned or _objects(said[: view.start])) and not _denied(said, view.start, following.end):
            return True
    return False


def _plural(said: str, views: Sequence[_View]) -> bool:
    """Return whether an object is said to be in several views at once."""
    for at, view in enumerate(views):
        start, end = view.start, view.end
        if view.key != _SEVERAL:
            # `image 1 and image 2` are several views, too
            following = views[at + 1] if at + 1 < len(views) else None
            if following is None or following.key == view.key or not _JOINED.fullmatch(said, view.end, following.start):
                continue
            end = following.end
        if _denied(said, start, len(said)):
            continue
        before, behind = said[:start], said[end:]
        if _SHOW.match(behind) and _objects(behind):
            return True
        if (_PRESENT.search(before) or (_SHOW.match(behind) and before.endswith(("which ", "that ")))) and _objects(
            before
        ):
            return True
        opens = re.fullmatch(
            r"(?i)\W*(?:\w+:\s*)?(?:so |thus )?(?:in|across|on|throughout|between)?\s*(?:both\s*)?(?:the\s*)?", before
        )
        if (
            opens
            and re.match(r"\s*[,:]?\s", behind)
            and (before.strip() or said[start:end].lower().startswith(("across", "between")))
        ):
            verb = _IS.search(behind)
            if verb and _objects(behind[: verb.start()]):
                return True
    return False


def _beside(said: str, views: Sequence[_View], at: int) -> bool:
    """Return whether a sentence tells one object in two views that it names one after the other."""
    one, two = views[at], views[at + 1]
    if one.key == two.key or _SEVERAL in (one.key, two.key):
        return False
    before = said[views[at - 1].end if at else 0 : one.start]
    between = said[one.end : two.start]
    after = said[two.end : views[at + 2].start if at + 2 < len(views) else len(said)]
    if _denied(said, one.start, two.end + (len(after) if not _objects(before) else 0)):
        return False
    if _JOINED.fullmatch(between):  # `image 1 and image 2`: nothing is told of either
        return False
    named, here, there = _objects(before), _objects(between), _objects(after)
    if not named and at:
        return False
    if named:
        if _labels(before):
            return bool(re.search(r"\w", between) and re.search(r"\w", after or between))
        return not here or bool(named & here) or _GOES_ON.match(between) is not None
    if between.startswith("'s") and " and " not in between and not there:
        return bool(here)
    return bool(here) and (bool(here & there) or (not there and re.search(r"\w", after) is not None))


def _labels(before: str) -> bool:
    """Return whether what stands before the views is an object's label: ``Red cube:``, ``3.``, ``Object 7 (``."""
    label = _LABEL.fullmatch(before.lstrip(" \t-*•(|").rstrip())
    return label is not None and any(mark in label[1] for mark in ":(-–—|")


def _again(said: str, keys: set[str], section: str, told: dict[str, set[str]]) -> bool:
    """Return whether a sentence about one view has `the same X` of which another view's sentences tell."""
    here = next(iter(keys)) if len(keys) == 1 else section if not keys else ""
    if not here or here == _SEVERAL:
        return False
    for match in re.finditer(r"(?i)\bthe same ((?:[\w-]+ ?){1,4})", said):
        named = _objects(match[1])
        elsewhere = any(named & objects for view, objects in told.items() if view != here)
        if elsewhere and not _denied(said, match.start(), match.end()):
            return True
    return False


def _told_on(said: str, views: Sequence[_View], section: str, told: dict[str, set[str]]) -> bool:
    """Return whether a sentence about another view goes on with `it`."""
    if len(views) != 1 or views[0].key == section or not told.get(section):
        return False
    goes_on = _PRONOUN.match(said, views[0].end) is not None and not _objects(said[: views[0].start])
    return goes_on and not _denied(said, 0, len(said))


def _numbered(said: str, keys: set[str]) -> bool:
    """Return whether an object of the first view is told, by its number, in another."""
    if keys & {"", "1", _SEVERAL} and not keys - {"", "1", _SEVERAL}:
        return False
    match = _NUMBERED.search(said) if _DIGIT.search(said) else None
    return match is not None and not _denied(said, match.start(), len(said))


def _heads(said: str) -> bool:
    """Return whether a line with two views is a heading or the head of a table."""
    return said.count("|") >= 2 or said.rstrip("*_ ").endswith(":")


def _under(said: str) -> bool:
    """Return whether a line can stand under such a heading."""
    return said.count("|") >= 2 or re.search(r"->|=>|→|⇒|↔|=|\bsame\b", said) is not None


def _row(said: str, objects: set[str]) -> bool:
    """Return whether a line under such a heading sets both views of an object side by side."""
    if said.count("|") >= 2:
        cells = [cell.strip() for cell in said.strip().strip("|").split("|")]
        return len(cells) > 1 and any(re.search(r"\w", cell) for cell in cells[1:]) and not _NEGATED.search(said)
    return bool(objects) and _under(said) and not _NEGATED.search(said)
