"""Building lark parsers from the package's ``.lark`` files, and naming their errors by examples."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any
from zlib import crc32

from parsers.first_time import FIRST_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lark import Lark, Transformer
    from lark.exceptions import UnexpectedInput

# What stands for a mark of ASCII in another script or typeface, one character for one, so that places in a text stay.
_MARKS = {
    ",": "，、､・﹐﹑︐︑،߸፣᠂꘍՝",
    ";": "；︔﹔؛⁏፤",
    ":": "：︓﹕꞉∶׃։፥፦",
    ".": "。｡．﹒︒۔।॥።",
    "!": "！﹗", "?": "？﹖؟", "(": "（﹙⟨", ")": "）﹚⟩", "[": "［【〔〖", "]": "］】〕〗", "{": "｛﹛", "}": "｝﹜",
    '"': "“”„‟«»〝〞＂「」『』《》〈〉", "'": "‘’‚‛‹›＇", "`": "｀", "*": "＊﹡", "#": "＃", "&": "＆", "/": "／⁄∕",
    "=": "＝", "+": "＋", "~": "～", "$": "＄", "%": "％", "^": "＾", "_": "＿", "|": "｜", "\\": "＼",
    "-": "\u2010\u2011﹣－",
    "—": "\u2012\u2013\u2015\u2e3a\u2e3b﹘〜〰᐀᠆",
    "•": "‣◦▪●∙▸►➢➤✓✔",
    "\n": "\x85\u2028\u2029",
    " ": "\xad\u034f\u061c\u180b\u180c\u180d\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060"
         "\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u2800\u3164\ufe0e\ufe0f\ufeff\ufff9"
         "\ufffa\ufffb",
}  # fmt: skip
ASCII_MARKS = {ord(char): mark for mark, others in _MARKS.items() for char in others}
"""For `str.translate`: punctuation and invisible characters of any script -> those of ASCII, a dash and a bullet."""
ASCII_LETTERS = {ord(char) + 0xFEE0: char for char in digits + ascii_letters}
"""Likewise letters and digits of full width; other letters only look like them."""
_TAG = re.compile(
    r"</[A-Za-z][^<>\n]{0,40}> | <\|[^<>\n]{0,40}> | <(?P<name>[A-Za-z][\w-]{0,20})(?:\s[^<>\n]{0,40})?/?>"
    r"| <[/|]\w{0,20}\Z",
    re.VERBOSE,
)
_CLOSED = re.compile(r"</([A-Za-z][\w-]{0,20})")
_NAMES = """
    answer b bos br center code div em end_of_turn eos final font h1 h2 h3 h4 hr i li mark ol output p pad pre reasoning
    response result s small span start_of_turn strong sub sup table td th think thinking thought tr u ul unk
"""
_TAGS = frozenset(_NAMES.split())
_VIEWS = frozenset({"image", "img", "view", "picture", "photo", "frame"})
_INSTEAD = {
    "<|begin_of_box|>": "(",
    "<|end_of_box|>": ")",
    **dict.fromkeys(("<br>", "<br/>", "<br />", "</p>", "</li>"), "\n"),
}


def without_tags(text: str) -> str:
    """Blank the tags of HTML and of chat templates in an answer, cut off or not, so that places in it stay.

    GLM's box is one pair of brackets, as is ``<B>``, and what ends a line a new line. Other words in angle brackets are
    tags where they are closed.

    >>> without_tags("<b>B</b>.</answer"), without_tags("<|begin_of_box|>B<|end_of_box|>").split()
    ('   B    .        ', ['(B)'])
    >>> without_tags("<B>"), without_tags("<left>"), without_tags("<num>2</num>").strip()
    ('(B)', '<left>', '2')
    """
    text = without_struck(text)
    if "<" not in text:
        return text
    closed = {name.lower() for name in _CLOSED.findall(text)}

    def instead(found: re.Match[str]) -> str:
        tag, name = found[0], found["name"]
        if name is not None and name.lower() in _VIEWS and tag[-2].isdigit():
            return f"({tag[1:-1]})"  # `<image 2>`
        if name is not None and name.lower() not in closed and (name.isupper() or name.lower() not in _TAGS):
            return f"({name})" if tag == f"<{name}>" and len(name) == 1 and name.isupper() else tag
        mark = _INSTEAD.get(tag, "")
        return mark.rjust(len(tag)) if mark == "(" else mark.ljust(len(tag))

    return _TAG.sub(instead, text)


# `<s>` is none: it is the token with which texts of Llama and Mistral begin.
_STRUCK = re.compile(
    r"(?<!~)~~(?![~\s])[^~\n]{1,200}~~(?!~) | <(del|strike)>[^<>\n]{0,200}</\1>"
    r"| \\(?:[bx]?cancel|sout)\{[^{}\n]{0,200}\}",
    re.VERBOSE | re.IGNORECASE,
)


def without_struck(text: str) -> str:
    r"""Blank what is struck out, which is not said, so that places in the text stay.

    >>> without_struck("~~A~~ B"), without_struck(r"\cancel{A}B").strip()
    ('      B', 'B')
    """
    if "~~" in text or "\\" in text or "</" in text:
        return _STRUCK.sub(lambda found: " " * len(found[0]), text)
    return text


def build(grammar: str, *start: str, more: str = "", transformer: Transformer[Any, Any] | None = None) -> Lark:
    """Build the LALR parser of a rule of ``parsers/<grammar>.lark``.

    Args:
        grammar: name of the file.
        start: the rule. One parser a rule keeps the terminals of other rules out of error messages.
        more: grammar text that is filled in from a declaration.
        transformer: what is done with each rule's children while parsing.
    """
    # lark reads literals with `ast`, in which threads of CPython 3.11 disturb each other: "AST constructor recursion
    # depth mismatch". Trainers that score in a thread pool build their first grammars at the same time.
    with FIRST_TIME:
        from lark import Lark  # noqa: PLC0415  lark takes 70 ms to import, which `import rewards` should not wait for

        return Lark(
            grammar_text(grammar) + more,
            parser="lalr",
            start=list(start),
            transformer=transformer,
            maybe_placeholders=True,
        )


@cache
def terminals(grammar: str, *start: str) -> dict[str, str]:
    """Return the terminals of some rules as patterns for `re`. Where a language is regular, matching one is parsing."""
    made = compiled(grammar).get(" ".join(start))
    return compose_terminals(grammar, *start) if made is None else made


@cache
def scanner(grammar: str, start: str) -> Callable[[str], Iterator[re.Match[str]]]:
    """Return what finds the tokens of a text, for a rule that any sequence of its terminals derives.

    There scanning is parsing. The terminals are tried in lark's order, in one pattern as lark has it; ``lastgroup`` of
    a match is the name of its terminal. Ignored ones are among them, under their names.
    """
    return re.compile("|".join(f"(?P<{name}>{each})" for name, each in terminals(grammar, start).items())).finditer


def compose_terminals(grammar: str, *start: str) -> dict[str, str]:
    """Let lark compose the terminals of some rules, in the order in which it tries them."""
    found = build(grammar, *start).terminals
    order = sorted(found, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    return {terminal.name: terminal.pattern.to_regexp() for terminal in order}


# --- what lark has composed, kept in a file ---------------------------------------------------------------------------
#
# Importing lark and composing the grammars takes longer than scoring thousands of rows. ``compiled.json`` holds what
# came of it; `python -m parsers.compile` writes it, and a test compares it with the grammars. It is used only for
# grammars that are word for word those that it was made of.

COMPILED = Path(__file__).with_name("compiled.json")


@cache
def _compiled() -> dict[str, Any]:
    return json.loads(COMPILED.read_bytes()) if COMPILED.exists() else {"grammars": {}, "records": {}}


def grammar_text(grammar: str) -> str:
    """Return ``parsers/<grammar>.lark``."""
    return Path(__file__).with_name(f"{grammar}.lark").read_text(encoding="utf-8")


@cache
def compiled(grammar: str) -> dict[str, dict[str, str]]:
    """Return the terminals of a grammar by its start rules, as they are kept; nothing if the grammar has changed."""
    kept = _compiled()["grammars"].get(grammar, {})
    return kept["terminals"] if kept and kept["digest"] == digest(grammar_text(grammar)) else {}


def compiled_records(described: str) -> dict[str, list[Any]]:
    """Return the records that items of a format are, as they are kept; nothing for a format that is not among them.

    Args:
        described: what tells the format from all others.
    """
    kept: dict[str, list[Any]] = _compiled()["records"].get(digest(described + grammar_text("record")), {})
    return kept


def digest(text: str) -> str:
    """Return what tells a text from one that was changed."""
    return f"{len(text)}-{crc32(text.encode()):08x}"


class FaultTable:
    """Names an error by the examples that fail in the same parser state, on the same kind of token if there are any.

    This is lark's `match_examples` with its answers kept in a table: every example is parsed once, not once for every
    error, and an error's name cannot depend on which one came first.
    """

    def __init__(self, lark: Lark, examples: Mapping[str, Sequence[str]]) -> None:
        self._codes: dict[tuple[Any, ...], str] = {}
        for code, texts in examples.items():
            for text in dict.fromkeys(texts):
                _, error = attempt(lark.parse, text)
                if error is None:
                    raise AssertionError(f"{text!r} is meant as an example of a fault, but it parses")
                self._codes.setdefault(_place(error), code)
                self._codes.setdefault(_place(error)[:2], code)

    def code(self, error: UnexpectedInput, otherwise: str = "malformed") -> str:
        """Return the label of the examples that fail as *error* does, or *otherwise* if none does."""
        place = _place(error)
        return self._codes.get(place) or self._codes.get(place[:2], otherwise)


def attempt(parse: Callable[[str], Any], text: str) -> tuple[Any, UnexpectedInput | None]:
    """Return what *parse* makes of *text*, or else the error. Model text raises nothing: its faults are values."""
    with FIRST_TIME:
        from lark.exceptions import UnexpectedInput  # noqa: PLC0415  lazy, as in `build`

    try:
        return parse(text), None
    except UnexpectedInput as error:
        return None, error


def error_offset(error: UnexpectedInput, text: str) -> int:
    """Return the character of *text* at which the parse failed; its length where more was expected."""
    at_end = getattr(getattr(error, "token", None), "type", None) == "$END"
    return len(text) if at_end or error.pos_in_stream is None else error.pos_in_stream


def _place(error: UnexpectedInput) -> tuple[Any, ...]:
    """Return where a parse failed: the state, the depth of the stack, the kind of token."""
    state: Any = error.state
    return state.position, len(state.state_stack), getattr(getattr(error, "token", None), "type", None)
