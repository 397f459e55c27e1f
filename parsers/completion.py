"""A completion -> its reasoning and its answer. The grammar is ``completion.lark``."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache, lru_cache
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from parsers.grammars import FaultTable, attempt, build, error_offset, terminals
from parsers.types import Completion, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lark.tree import ParseTree

MAX_COMPLETION = 10_000_000
"""Characters of a completion beyond which it is the fault ``too_long``."""

Mode = Literal["strict", "lenient"]
Prefilled = bool | Literal["auto"]

_HEADS = ("<think>a</think>", "<think></think>", "a</think>", "</think>")
_ANSWERS = [f"{head}<answer>{text}" for head in _HEADS for text in ("", "a")]

# Each fault of a completion: what to tell people, and completions that have it.
_FAULTS: dict[str, tuple[str, list[str]]] = {
    "empty": ("the completion is empty", [""]),
    "no_think": (
        "there is no </think>: the reasoning is missing or was cut off",
        ["a", "<answer>a</answer>"],
    ),
    "unclosed_think": ("<think> is never closed", ["<think>", "<think>a"]),
    "text_before_think": ("there is text before <think>", ["a<think>"]),
    "nested_think": ("<think> is opened again inside the reasoning", ["<think><think>", "<think>a<think>"]),
    "repeated_think": (
        "there is another <think> or </think> after the reasoning",
        [head + tag for head in _HEADS for tag in ("<think>", "</think>")],
    ),
    "text_between": ("there is text between </think> and <answer>", [head + "a" for head in _HEADS]),
    "no_answer": ("there is no <answer> after the reasoning", list(_HEADS)),
    "unopened_answer": ("</answer> comes without <answer>", [head + "</answer>" for head in _HEADS]),
    "unclosed_answer": ("<answer> is never closed", _ANSWERS),
    "tag_in_answer": (
        "there is a tag inside the answer",
        [start + tag for start in _ANSWERS for tag in ("<think>", "</think>", "<answer>")],
    ),
    "several_answers": ("there is more than one answer block", [a + "</answer><answer>" for a in _ANSWERS]),
    "tag_after_answer": (
        "there is a tag after </answer>",
        [a + "</answer>" + tag for a in _ANSWERS for tag in ("<think>", "</think>", "</answer>")],
    ),
    "text_after_answer": ("there is text after </answer>", [a + "</answer>a" for a in _ANSWERS]),
}


def _terminals() -> dict[str, str]:
    return terminals("completion", "strict", "ending", "tags")


@cache
def _strict() -> Callable[[str], re.Match[str] | None]:
    return re.compile(_terminals()["COMPLETION"]).fullmatch


@cache
def _tag() -> Callable[[str, int], re.Match[str] | None]:
    return re.compile(_terminals()["TAG"]).match


def _tags(text: str) -> Iterator[re.Match[str]]:
    """Find the tags of a text. A tag has one ``<``, its first character: looking for that is quicker than matching."""
    match, at = _tag(), text.find("<")
    while at >= 0:
        tag = match(text, at)
        if tag is not None:
            yield tag
        at = text.find("<", at + 1)


@cache
def _lenient() -> Callable[[str], Iterator[re.Match[str]]]:
    patterns = terminals("completion", "lenient")
    return re.compile(f"{patterns['REASONING_TAG']}|{patterns['ANSWER_TAG']}").finditer


@cache
def _other_open() -> Callable[[str], re.Match[str] | None]:
    return re.compile(terminals("completion", "other")["OTHER_OPEN"]).match


@cache
def _outline() -> tuple[Callable[[str], ParseTree], FaultTable]:
    lark = build("completion", "outline")
    return lark.parse, FaultTable(lark, {code: examples for code, (_, examples) in _FAULTS.items()})


def parse_completion(text: str, *, mode: Mode = "strict", think_prefilled: Prefilled = "auto") -> Completion:
    """Split a completion into its reasoning and its answer, in linear time. Never raises on any text.

    Args:
        text: what the model wrote, at most `MAX_COMPLETION` characters.
        mode: ``"strict"`` takes an answer only from exactly ``<think>...</think><answer>...</answer>``, with white
            space allowed between and around. ``"lenient"`` also takes, where that fails, the last complete answer
            block after the reasoning or, where none begins there, the text after it; tags may be in any case there,
            and ``<thinking>``, ``<reasoning>`` and the like enclose reasoning too. In both, an answer is never taken
            from inside the reasoning, and ``fault`` says how the text differs from the strict form.
        think_prefilled: whether the chat template already wrote ``<think>``. ``"auto"`` decides for each completion:
            a missing opener is taken as prefilled unless another tag stands in its place. ``False`` makes a missing
            opener, and ``True`` one that is written all the same, a fault.

    >>> parse_completion("<think>It turned blue.</think><answer>2.color.blue</answer>")
    Completion(think='It turned blue.', answer='2.color.blue', fault=None, prefilled=False)
    >>> parse_completion("<think>Perhaps <answer>0.size.small</answer>").fault.code
    'unclosed_think'
    """
    if think_prefilled is not True and (usual := match_usual(text)) is not None:
        return Completion(text[7 : usual.start()], usual[1] or "")
    think, answer, fault, prefilled = find_sections(text, mode=mode, think_prefilled=think_prefilled)
    return Completion(
        None if think is None else text[think], None if answer is None else text[answer], fault, prefilled
    )


def match_usual(text: str) -> re.Match[str] | None:
    """Match a completion in the usual strict form from ``</think>`` to its end; group 1 is the answer.

    The first tag-like ``</...``, ``<t...`` or ``<a...`` behind an opening ``<think>`` is searched for, so that the
    reasoning is neither matched nor copied; what follows must be `ending` of the grammar. None for all else, which
    may be of the strict form too, such as an ``<answer>`` that is mentioned in the reasoning.

    >>> match_usual("<think>2 < 3</think> <answer>2.color.cyan</answer>")[1]
    '2.color.cyan'
    >>> match_usual("<think>Perhaps <answer>x</answer></think><answer>y</answer>")
    """
    if not text.startswith("<think>") or len(text) > MAX_COMPLETION:
        return None
    end = text.find("<", 7)
    while end > 0 and text[end + 1 : end + 2] not in "/ta":  # an empty string, at the end of the text, is in it
        end = text.find("<", end + 1)
    return _ending()(text, end) if end > 0 else None


def usual_answers(texts: Sequence[str]) -> list[str] | None:
    r"""Return the answers of completions as `match_usual` finds them, (rows,); an empty text where it finds none.

    All texts from the first ``<`` behind the opener on are matched at once, with a character between them that none of
    them holds. Where one does, where the reasoning has a ``<`` of its own or a text is too long, it says nothing:
    the text of that row is empty, or all is None.

    >>> usual_answers(["<think>b</think> <answer>2.color.cyan</answer>", "<think>2 < 3</think><answer>B</answer>", ""])
    ['2.color.cyan', '', '']
    """
    if max(map(len, texts), default=0) > MAX_COMPLETION:
        return None
    ends = [text[text.find("<", 7) :] if text.startswith("<think>") else "" for text in texts]
    found = _endings()("\0".join([*ends, ""]))
    # Each match ends with the character. As many matches as rows, and no other such character: a match is one row's.
    return found if len(found) == len(texts) and "\0" not in "".join(found) else None


@cache
def _endings() -> Callable[[str], list[str]]:
    return re.compile(rf"(?:{_terminals()['ENDING']})\0|[^\0]*+\0").findall


@cache
def _ending() -> Callable[[str, int], re.Match[str] | None]:
    return re.compile(_terminals()["ENDING"]).fullmatch


class Sections(NamedTuple):
    """Where a completion's sections stand in its text; each None where `Completion` has none. The rest is its own."""

    think: slice | None
    answer: slice | None
    fault: Fault | None = None
    prefilled: bool = False


def find_sections(text: str, *, mode: Mode = "strict", think_prefilled: Prefilled = "auto") -> Sections:
    """Find what `parse_completion` returns: where the sections stand, the fault, and whether the opener is prefilled.

    >>> text = "<think>It turned.</think> <answer>2.color.cyan</answer>"
    >>> text[find_sections(text).answer]
    '2.color.cyan'
    """
    if len(text) > MAX_COMPLETION:
        message = f"the completion has {len(text):,} characters; {MAX_COMPLETION:,} are read"
        return Sections(None, None, Fault("too_long", message, MAX_COMPLETION))
    fault = _fault_by_shape(text)
    match = _strict()(text) if fault is None else None
    if match is None:
        found = Sections(None, None, fault or _named(*_outline_fault(text)))
    else:
        opener = match["opener"]
        found = Sections(
            _place(match, "think", max(match.end("opener"), 0)),
            _place(match, "answer", text.rfind("</answer>")),
            None,
            not opener,
        )
        if think_prefilled != "auto" or not opener:
            found = _check_opener(found, text, think_prefilled)
    if found.fault is None or mode == "strict":
        return found
    return _read_lenient(text, found.fault, think_prefilled)


def _place(match: re.Match[str], group: str, empty: int) -> slice:
    """Return where a group of a match stands; at *empty* where it holds nothing."""
    start, end = match.span(group)
    return slice(empty, empty) if start < 0 else slice(start, end)


def _check_opener(found: Sections, text: str, prefilled: Prefilled) -> Sections:
    """Turn a completion that is right but for its opener, or the caller's word on it, into a fault."""
    if prefilled == "auto":
        other = _other_open()(text)
        if other is None:
            return found
        message = f"{other['other']} stands where <think> should"
        return Sections(None, None, Fault("wrong_think_open", message, other.start("other")))
    if prefilled and not found.prefilled:
        message = "<think> is written although the chat template already opened it"
        return Sections(None, None, Fault("nested_think", message, text.index("<think>")))
    if not prefilled and found.prefilled:
        message = "the opening <think> is missing (if the chat template writes it, set think_prefilled)"
        return Sections(None, None, Fault("missing_think_open", message, 0))
    return found


def _fault_by_shape(text: str) -> Fault | None:
    """Name the first deviation from the strict form; None where there is none, or the text has too many tags to tell.

    It is looked up by the completion's shape, its tags and one letter for each text between them: model output has few
    shapes. The first ones are enough, since the grammar takes six tokens at most; reasoning full of answer tags, which
    are text there, may need more.
    """
    shape: list[str] = []
    starts: list[int] = []
    last = 0
    for tag in islice(_tags(text), _SHAPE_LENGTH):
        start, end = tag.span()
        if start > last:
            _add_text(text, last, start, shape, starts)
        shape.append(tag[0])
        starts.append(start)
        last = end
    if last < len(text):
        _add_text(text, last, len(text), shape, starts)
    if len(shape) >= _SHAPE_LENGTH:
        return None
    found = _shape_fault(tuple(shape))
    if found is None:
        return None
    code, number, within = found
    return _named(code, starts[number] + within if number < len(starts) else len(text))


def _add_text(text: str, start: int, end: int, shape: list[str], starts: list[int]) -> None:
    """Add what stands between two tags: the white space that it begins with, and the rest."""
    if text[start].isspace():
        shape.append(" ")
        starts.append(start)
        start = end - len(text[start:end].lstrip())
    if start < end:
        shape.append("a")
        starts.append(start)


def _named(code: str, offset: int) -> Fault:
    return Fault(code, _FAULTS[code][0], 0 if code == "no_think" else offset)


def _outline_fault(text: str) -> tuple[str, int]:
    parse, faults = _outline()
    _, error = attempt(parse, text)
    assert error is not None  # `strict` and `outline` of the grammar are one language; the tests compare them
    return faults.code(error), error_offset(error, text)


_SHAPE_LENGTH = 16


@lru_cache(maxsize=4096)
def _shape_fault(shape: tuple[str, ...]) -> tuple[str, int, int] | None:
    """Return the fault of a shape: its code, at which token it is, and at which character of that token."""
    text = "".join(shape)
    if _strict()(text) is not None:
        return None
    code, at = _outline_fault(text)
    starts = list(accumulate(map(len, shape), initial=0))
    number = bisect_right(starts, at) - 1
    return code, number, at - starts[number]


def _said_by(tag: str) -> tuple[bool, str]:
    """Return whether a tag, in lower case, closes what it encloses, and its word; that of all channels is one."""
    name = re.split(r"\s[\w-]+=", tag)[0]
    words = re.findall(r"[a-z]+", name)
    if "channel" in words or "unused" in words:
        return tag in ("<channel|>", "<unused95>") or "final" in words, "channel"
    return "/" in name or "end" in words, words[-1]


def _read_lenient(text: str, fault: Fault, think_prefilled: Prefilled) -> Sections:
    """Follow the tags: an answer counts only while no reasoning is open, and only after the last of it."""
    opened: str | None = None  # by which word reasoning is open
    first: re.Match[str] | None = None  # the tag that opened it first
    end: re.Match[str] | None = None  # the last one that closed it
    start: int | None = None  # where the answer block begins that is open
    block: slice | None = None  # the last complete one since the reasoning
    mentioned = False  # an answer tag stands after the reasoning
    for tag in _lenient()(text):
        closes, word = _said_by(tag[0].lower())
        if word != "answer":
            if not closes:
                first, opened = first or tag, opened or word
            elif opened in (None, word) or word == "think":
                opened, end = None, tag
            start, block, mentioned = None, None, False
        elif opened is None:
            block = slice(start, tag.start()) if closes and start is not None else block
            start, mentioned = None if closes else tag.end(), True
    if end is None:
        # Without a closer, a prefilled opener leaves everything inside the reasoning.
        return Sections(None, None if opened or think_prefilled is True else block, fault)
    if opened:
        return Sections(None, None, fault)
    if block is None and not mentioned and not text[end.end() :].isspace():
        block = slice(end.end(), len(text)) if end.end() < len(text) else None
    if block is None:
        return Sections(None, None, fault)
    opens = first is not None and not text[: first.start()].strip()
    think = slice(first.end() if first and opens else 0, end.start())
    prefilled = first is None and (think_prefilled is True or (think_prefilled == "auto" and not _other_open()(text)))
    return Sections(think, block, fault, prefilled)
