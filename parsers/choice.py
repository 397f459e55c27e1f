"""The answer to a multiple-choice or yes/no question -> the chosen letter. The grammar is ``choice.lark``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache
from string import ascii_letters, ascii_uppercase
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.grammars import build
from parsers.records import MAX_ANSWER
from parsers.values import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

LETTERS = "ABCDEF"
"""The letters that options have unless more is known."""

_CACHED_LENGTH = 512  # longer texts are parsed anew each time, which bounds the cache's memory

_STRONG = frozenset({"HEAD", "LED", "WRAPPED"})
_WEAK = frozenset({"ALSO", "INNER"})
_WORDS = frozenset({"WORD", "ABBREVIATION", "RULED_OUT"})
_ARTICLES = frozenset({"a", "an", "the"})

Words = tuple[str, ...]
_Phrases = dict[Words, frozenset[str]]


class Choice(NamedTuple):
    """The chosen option.

    Attributes:
        letter: upper-case letter (``"yes"`` or ``"no"`` from `parse_yes_no`), or None where there is no single choice.
        fault: why there is none: ``empty``, ``too_long``, ``no_choice``, ``unknown_letter``, ``ambiguous`` (several
            choices), ``contradiction`` (the letter of one option with the text of another).
    """

    letter: str | None
    fault: Fault | None = None


class _Reading(NamedTuple):
    """What an answer holds: (letter, offset) of its marks, and its runs of words, each a tuple of clauses."""

    strong: tuple[tuple[str, int], ...]
    weak: tuple[tuple[str, int], ...]
    runs: tuple[tuple[Words, ...], ...]


def parse_choice(
    text: str, *, options: Mapping[str, str] | Sequence[str] | None = None, letters: str = LETTERS
) -> Choice:
    r"""Find the one option that an answer chooses, in linear time. Never raises on any text.

    Accepted are ``B``, ``b``, ``(B)``, ``B.``, ``B) left``, ``B: left``, ``Answer: B``, ``option B``, markup and
    ``\boxed{B}`` around these and, where the options are known, an option's own text. Letters in prose do not count.

    Args:
        text: the answer, at most 64,000 characters.
        options: the options' texts by letter, or in the order A, B, C, ... (at most 26).
        letters: the letters that exist where *options* is None.

    >>> parse_choice("The answer is **b**.").letter
    'B'
    >>> parse_choice("A chair is left").fault.code
    'no_choice'
    >>> parse_choice("on the left", options=["on the left", "on the right"]).letter
    'A'
    >>> parse_choice("B. left", options=["left", "right"]).fault.code
    'contradiction'
    """
    if options is None:
        return _choose(text, letters, {})
    pairs = options.items() if isinstance(options, Mapping) else zip(ascii_uppercase, options, strict=False)
    texts = {letter.upper(): option for letter, option in pairs}
    return _choose(text, texts, _phrases(tuple(texts.items())))


_YES_NO: _Phrases = {
    ("yes",): frozenset("Y"),
    ("true",): frozenset("Y"),
    ("no",): frozenset("N"),
    ("false",): frozenset("N"),
}


def parse_yes_no(text: str) -> Choice:
    """Find whether an answer says yes (true, y) or no (false, n); the ``letter`` is ``"yes"`` or ``"no"``.

    The word must begin the answer, a line or what follows ``the answer is``, and be set off by punctuation.

    >>> parse_yes_no("Yes, there is no other chair.").letter
    'yes'
    >>> parse_yes_no("yes and no").fault.code
    'no_choice'
    """
    choice = _choose(text, "YN", _YES_NO)
    return choice._replace(letter={"Y": "yes", "N": "no"}[choice.letter]) if choice.letter else choice


def unreadable(text: str) -> Fault | None:
    """Return the fault of an answer that is empty or longer than `parsers.records.MAX_ANSWER`, else None."""
    if len(text) > MAX_ANSWER:
        message = f"the answer has {len(text):,} characters; {MAX_ANSWER:,} are read"
        return Fault("too_long", message, MAX_ANSWER)
    return None if text and not text.isspace() else Fault("empty", "the answer is empty", 0)


def _choose(text: str, letters: Collection[str], phrases: _Phrases) -> Choice:
    fault = unreadable(text)
    if fault is not None:
        return Choice(None, fault)
    reading = _cached_reading(text) if len(text) <= _CACHED_LENGTH else _read(text)
    if reading.strong:
        return _by_letter(reading, letters, phrases)
    return _by_text(reading, phrases)


def _by_letter(reading: _Reading, letters: Collection[str], phrases: _Phrases) -> Choice:
    letter, offset = reading.strong[0]
    for other, place in sorted(reading.strong + reading.weak, key=lambda mark: mark[1]):
        if other != letter:
            return Choice(None, Fault("ambiguous", f"both {letter} and {other} are named", place))
    if letter not in letters:
        known = ", ".join(letters)
        return Choice(None, Fault("unknown_letter", f"there is no option {letter} (options: {known})", offset))
    for run in reading.runs:
        first, options = next(_named(run, phrases), (0, frozenset(letter)))
        if first == 0 and letter not in options:
            message = f"the letter is {letter}, but the text is that of option {min(options)}"
            return Choice(None, Fault("contradiction", message, offset))
    return Choice(letter)


def _by_text(reading: _Reading, phrases: _Phrases) -> Choice:
    named = [place for run in reading.runs for place in _named(run, phrases)]
    if not any(clause == 0 for clause, _ in named):
        return Choice(None, Fault("no_choice", "no option is named"))
    options = frozenset().union(*(options for _, options in named))
    if len(options) > 1:
        return Choice(None, Fault("ambiguous", f"options {', '.join(sorted(options))} are named"))
    return Choice(min(options))


def _named(run: Sequence[Words], phrases: _Phrases) -> Iterator[tuple[int, frozenset[str]]]:
    """Yield (clause, options) wherever clauses of a run are together the text of options, the longest first."""
    longest = max(map(len, phrases), default=0)
    clause = 0
    while phrases and clause < len(run):
        words: Words = ()
        end, found = clause + 1, None
        for after in range(clause + 1, len(run) + 1):
            words += run[after - 1]
            if len(words) > longest:
                break
            if words in phrases:
                end, found = after, phrases[words]
        if found is not None:
            yield clause, found
        clause = end


@lru_cache(maxsize=4096)
def _phrases(options: tuple[tuple[str, str], ...]) -> _Phrases:
    """Return the letters of the options by the words of their text, without a letter written before it."""
    letters = defaultdict(set)
    for letter, text in options:
        words = tuple(word for run in _read(text).runs for clause in run for word in clause)
        if words:
            letters[words].add(letter)
    return {words: frozenset(found) for words, found in letters.items()}


def _read(text: str) -> _Reading:
    strong: list[tuple[str, int]] = []
    weak: list[tuple[str, int]] = []
    runs: list[list[list[str]]] = [[[]]]
    for token in _parser()(text).children:
        if token.type in _WORDS:
            words = token.casefold().replace(".", " ").split() if token.type != "WORD" else [token.casefold()]
            runs[-1][-1] += [word for word in words if word not in _ARTICLES]
        elif token.type == "STOP":
            runs[-1].append([])
        else:
            runs.append([[]])
            if token.type in _STRONG | _WEAK:
                letter = next(char for char in reversed(token) if char in ascii_letters).upper()
                (strong if token.type in _STRONG else weak).append((letter, token.start_pos))
    clauses = (tuple(tuple(clause) for clause in run if clause) for run in runs)
    return _Reading(tuple(strong), tuple(weak), tuple(run for run in clauses if run))


_cached_reading = lru_cache(maxsize=4096)(_read)


@cache
def _parser() -> Callable[[str], Any]:
    return build("choice", "start").parse
