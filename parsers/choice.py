"""The answer to a multiple-choice or yes/no question -> the chosen letter. The grammar is ``choice.lark``."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache
from string import ascii_letters, ascii_uppercase
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.grammars import ASCII_LETTERS, ASCII_MARKS, build, terminals, without_tags
from parsers.records import MAX_ANSWER
from parsers.types import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

LETTERS = "ABCDEF"
"""The letters that options have unless more is known."""

_CACHED_LENGTH = 512  # longer texts are parsed anew each time, which bounds the cache's memory

_STRONG = frozenset({"HEAD", "LED", "WRAPPED"})
_WORDS = frozenset({"WORD", "HAN", "REPLY", "ABBREVIATION", "RULED_OUT"})
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
    """What an answer holds: (letter, offset) of its marks, and its runs of words, each a tuple of clauses.

    Articles are left out of the words, but for an ``A`` in capitals, which may be a letter. Letters that are ruled out
    stand among the words. Of marks that are called wrong right behind, as in ``B: incorrect``, ``judged`` holds the
    offset, and the words that say so.
    """

    strong: tuple[tuple[str, int], ...]
    said: tuple[tuple[str, int], ...]
    weak: tuple[tuple[str, int], ...]
    ruled: tuple[tuple[str, int], ...]
    runs: tuple[tuple[Words, ...], ...]
    judged: Mapping[int, Words]


def parse_choice(
    text: str, *, options: Mapping[str, str] | Sequence[str] | None = None, letters: str = LETTERS
) -> Choice:
    r"""Find the one option that an answer chooses, in linear time. Never raises on any text.

    Accepted are ``B``, ``b``, ``(B)``, ``B.``, ``B) left``, ``B: left``, ``Answer: B``, ``option B``, ``So B.``,
    ``答案是B``, markup and ``\boxed{B}`` around these and, where the options are known, an option's own text, with or
    without its letter before it. Letters in prose do not count, nor do those that are ruled out (``B: incorrect``),
    unless that is what the option says.

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
        return _cached_choice(text, letters) if len(text) <= _CACHED_LENGTH else _choose(text, letters, {})
    pairs = options.items() if isinstance(options, Mapping) else zip(ascii_uppercase, options, strict=False)
    texts = {letter.upper(): option for letter, option in pairs}
    return _choose(text, texts, _phrases(tuple(texts.items())))


_YES_NO: _Phrases = {
    tuple(words.split()): frozenset(letter)
    for letter, said in (
        ("Y", "yes|yep|yeah|true|是|是 的|对|对 的|没 错|正 确|正 确 的|は い|네|예"),
        ("N", "no|nope|false|否|不|不 是|不 是 的|不 对|不 正 确|没 有|错|错 误|い い え|아 니 요|아 니 오"),
    )
    for words in said.split("|")
}
_CONNECTIVES = frozenset({"and", "or", "but"})
_OTHERWISE = _CONNECTIVES | {"maybe", "perhaps", "possibly", "alternatively", "otherwise", "else", "actually", "then"}
_RETRACTING = frozenset(
    ["not", "actually", "really", "rather", "probably", "maybe", "wait", "but", "or", "well", "on", "second", "thought"]
)
_NEGATIONS = frozenset({"not", "no", "never", "neither", "nor", "isn't", "不", "没"})


def parse_yes_no(text: str) -> Choice:
    """Find whether an answer says yes (true, y) or no (false, n); the ``letter`` is ``"yes"`` or ``"no"``.

    The word must begin the answer, a line or what follows ``the answer is``, and be set off by punctuation or begin a
    sentence (``Yes it is``). The other one must not stand by itself further on.

    >>> parse_yes_no("Yes, there is no other chair.").letter
    'yes'
    >>> parse_yes_no("Yes, but actually no").fault.code
    'ambiguous'
    """
    choice = _choose(text, "YN", _YES_NO)
    if choice.fault is None or choice.fault.code == "no_choice":
        said = frozenset().union(*(_standing(clause) for run in _reading(text).runs for clause in run))
        if len(said | frozenset(choice.letter or "")) > 1:
            return Choice(None, Fault("ambiguous", "both yes and no are said"))
    return choice._replace(letter={"Y": "yes", "N": "no"}[choice.letter]) if choice.letter else choice


def _standing(clause: Words) -> Iterator[str]:
    """Yield yes or no where it stands for itself in a clause: at its end or before *and*, and not as in *no chair*.

    A clause of nothing but *not*, as in *yes, actually not*, says no.
    """
    if "not" in clause and _RETRACTING.issuperset(clause):
        yield from _YES_NO["no",]
    for before, word, after in zip(("", *clause), clause, (*clause[1:], "and"), strict=False):
        if after in _CONNECTIVES and before not in _NEGATIONS:
            yield from _YES_NO.get((word,), ())


class Answer(NamedTuple):
    """An answer in words.

    Attributes:
        text: in lower case, with single spaces, without what announces it, markup and punctuation around it, and a
            reason behind it; ``front-left`` is ``front left``. None where nothing may be read.
        fault: ``empty``, ``too_long``, or ``ambiguous``: alternatives (``left or right``), right only if asked for.
    """

    text: str | None
    fault: Fault | None = None


_AROUND = " .,;:!?'\"`*_()[]{}$—#"


def parse_words(text: str) -> Answer:
    r"""Read an answer in words, so that it can be compared with the right one. Never raises on any text.

    >>> parse_words(r"The answer is \boxed{Front-left}."), parse_words("left, because the sofa moved").text
    (Answer(text='front left', fault=None), 'left')
    """
    fault = unreadable(text)
    if fault is not None:
        return Answer(None, fault)
    led_in, reason, latex = _words_patterns()
    plain = unicodedata.normalize("NFKC", latex.sub(" ", without_tags(text))).translate(ASCII_MARKS).casefold()
    plain = " ".join(plain.split()).strip(_AROUND)
    for _ in range(2):  # `So, the answer is left`
        before = led_in.match(plain)
        if before is not None and before.end() < len(plain):
            plain = plain[before.end() :].strip(_AROUND)
    behind = reason.search(plain)
    plain = plain[: behind.start()].strip(_AROUND) if behind is not None and behind.start() else plain
    plain = re.sub(r"(?<=[^\W\d_])[-_—−](?=[^\W\d_])", " ", plain)
    return Answer(plain, Fault("ambiguous", "alternatives are named") if " or " in plain else None)


@cache
def _words_patterns() -> tuple[re.Pattern[str], ...]:
    patterns = terminals("choice", "words", "start")
    return tuple(re.compile(patterns[name]) for name in ("LED_IN", "REASON", "_LATEX"))


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
    reading = _reading(text)
    if reading.judged and phrases is not _YES_NO:  # `N: wrong` says no twice
        reading = _without_judged(reading, phrases)
    if reading.strong:
        return _by_letter(reading, letters, phrases)
    return _by_text(reading, letters, phrases)


@lru_cache(maxsize=4096)
def _cached_choice(text: str, letters: str) -> Choice:
    """Return what `_choose` does where no options are known: a batch has few answers, and each is asked for often."""
    return _choose(text, letters, {})


def _without_judged(reading: _Reading, phrases: _Phrases) -> _Reading:
    """Return a reading in which marks that are called wrong are ruled out, but where an option's text is that word."""
    wrong = {at for at, words in reading.judged.items() if words not in phrases}
    strong, said, weak = (
        tuple(mark for mark in marks if mark[1] not in wrong) for marks in (reading.strong, reading.said, reading.weak)
    )
    marks = (*reading.strong, *reading.said, *reading.weak)
    ruled = tuple(mark for mark in dict.fromkeys(marks) if mark[1] in wrong)
    return reading._replace(strong=strong or said, weak=weak, ruled=reading.ruled + ruled)


def _by_letter(reading: _Reading, letters: Collection[str], phrases: _Phrases) -> Choice:
    letter, offset = reading.strong[0]
    for other, place in sorted(reading.strong + reading.weak, key=lambda mark: mark[1]):
        if other != letter:
            return Choice(None, Fault("ambiguous", f"both {letter} and {other} are named", place))
    for other, place in reading.ruled:
        if other == letter:
            return Choice(None, Fault("ambiguous", f"{letter} is named and ruled out", place))
    if letter not in letters:
        known = ", ".join(letters)
        return Choice(None, Fault("unknown_letter", f"there is no option {letter} (options: {known})", offset))
    for run in reading.runs:
        first, options, _ = next(iter(_names(run, phrases)), (0, frozenset(letter), False))
        if first == 0 and letter not in options:
            message = f"the letter is {letter}, but the text is that of option {min(options)}"
            return Choice(None, Fault("contradiction", message, offset))
    return Choice(letter)


def _by_text(reading: _Reading, letters: Collection[str], phrases: _Phrases) -> Choice:
    named = [each for run in reading.runs for each in _names(run, phrases)]
    if not any(clause == 0 for clause, _, _ in named):
        return Choice(None, Fault("no_choice", "no option is named"))
    options = frozenset().union(*(options for _, options, _ in named))
    letter = min(options)
    if len(options) > 1:
        return Choice(None, Fault("ambiguous", f"options {', '.join(sorted(options))} are named"))
    other, place = next(
        ((other, place) for other, place in reading.weak if other in letters and other != letter), ("", None)
    )
    if other:
        return Choice(None, Fault("ambiguous", f"both {letter} and {other} are named", place))
    if letter != "A" and "A" in letters and any(lettered for _, _, lettered in named):
        return Choice(None, Fault("contradiction", f"the letter is A, but the text is that of option {letter}"))
    return Choice(letter)


# What may announce an option's text; `choice.lark` says what may announce a letter.
_SAYINGS = tuple(
    tuple(f"{consequence} {saying}".split())
    for consequence in ("so", "thus", "hence", "therefore", "then", "")
    for saying in (
        *("it is", "it's", "that is", "that's", "this is", "it must be", "it should be"),
        *("i think", "i believe", "i guess", "i'd say", "my guess is", "definitely", "certainly", "clearly"),
        *("probably", "likely", "most likely", "maybe", "perhaps", "possibly", ""),
    )
    if consequence or saying
)


_Named = tuple[int, frozenset[str], bool]


def _names(run: Sequence[Words], phrases: _Phrases) -> Sequence[_Named]:
    """Return what `_named` yields, of the run as it stands or else without what announces an answer: ``it is left``."""
    named = list(_named(run, phrases))
    if phrases and not (named and named[0][0] == 0):
        for saying in _SAYINGS:
            if run[0][: len(saying)] == saying:
                rest = run[0][len(saying) :]
                return list(_named([rest, *run[1:]] if rest else run[1:], phrases)) or named
    return named


def _named(run: Sequence[Words], phrases: _Phrases) -> Iterator[_Named]:
    """Yield (clause, options, lettered) wherever clauses of a run are together the text of options, the longest first.

    They are lettered if an ``A`` stands before the text of options that do not begin with an article themselves:
    ``A chair`` may be ``a chair``, but ``A to your left`` is option A with the text of another one.
    """
    longest = max(map(len, phrases), default=0)
    clause = 0
    while phrases and clause < len(run):
        words: Words = ()
        end, found = clause + 1, None
        for after in range(clause + 1, len(run) + 1):
            another = 0 < clause == after - 1 and run[clause][0] in _OTHERWISE  # `left? Or right?`
            words += tuple(word for word in run[after - 1][another:] if word != "A")
            if len(words) > longest:
                break
            if words in phrases:
                lettered = run[clause][0] == "A" and not phrases[words] & phrases.get(("a", *words), frozenset())
                end, found = after, (clause, phrases[words], lettered)
        if found is not None:
            yield found
        clause = end


@lru_cache(maxsize=4096)
def _phrases(options: tuple[tuple[str, str], ...]) -> _Phrases:
    """Return the letters of the options by the words of their text, and by their letter and these.

    Under ``a`` and the words stand the options whose text begins with an article: texts have no articles here.
    """
    letters = defaultdict(set)
    for letter, text in options:
        words = tuple(word for run in _read(text).runs for clause in run for word in clause if word != "A")
        if words:
            letters[words].add(letter)
            articled = text.split(maxsplit=1)[0].casefold() in _ARTICLES
            if articled or letter.casefold() not in _ARTICLES:
                letters["a" if articled else letter.casefold(), *words].add(letter)
    return {words: frozenset(found) for words, found in letters.items()}


def _reading(text: str) -> _Reading:
    return _cached_reading(text) if len(text) <= _CACHED_LENGTH else _read(text)


def _read(text: str) -> _Reading:
    strong: list[tuple[str, int]] = []
    said: list[tuple[str, int]] = []
    weak: list[tuple[str, int]] = []
    doubted: list[tuple[str, int]] = []
    ruled: list[tuple[str, int]] = []
    runs: list[list[list[str]]] = [[[]]]
    judged: dict[int, Words] = {}
    plain = without_tags(text.translate(ASCII_MARKS).translate(ASCII_LETTERS))
    tokens = _parser()(plain).children
    for token in tokens:
        if token.type in _WORDS:
            several = token.type in ("ABBREVIATION", "RULED_OUT")
            words = token.casefold().replace(".", " ").split() if several else [token.casefold()]
            runs[-1][-1] += ["A"] if str(token) == "A" else [word for word in words if word not in _ARTICLES]
            if token.type == "REPLY":
                runs[-1].append([])
            elif token.type == "RULED_OUT" and _SET_OFF(plain, token.end_pos):  # not the article of `not a chair`
                ruled += [(letter.upper(), token.start_pos) for letter in _LETTER_ALONE.findall(token)]
        elif token.type == "STOP":
            runs[-1].append([])
        else:
            runs.append([[]])
            if token.type not in ("LEAD", "NEWLINE"):
                letter = next(char for char in reversed(token) if char in ascii_letters).upper()
                mark = (letter, token.start_pos)
                verdict = _JUDGED(plain, token.end_pos)
                if verdict is not None:
                    words = verdict["words"].casefold().split()
                    judged[token.start_pos] = tuple(word for word in words if word not in _ARTICLES)
                if token.type in _STRONG:
                    strong.append(mark)
                elif token.type in ("SAID", "DOUBTED"):
                    said.append(mark)
                elif token.type != "OTHER":
                    weak.append(mark)
                if token.type in ("OTHER", "DOUBTED"):
                    doubted.append(mark)
    chosen = strong or said
    # `either C or D. Answer: B` weighs before it answers; `B, maybe D` does not
    weak += [mark for mark in doubted if not chosen or mark[1] > chosen[0][1]]
    clauses = (tuple(tuple(clause) for clause in run if clause) for run in runs)
    found = tuple(run for run in clauses if run)
    return _Reading(tuple(chosen), tuple(said), tuple(weak), tuple(ruled), found, judged)


_LETTER_ALONE = re.compile(r"(?<![A-Za-z0-9'’])[A-Za-z](?![A-Za-z0-9'’])")
_SET_OFF = re.compile(
    r"[)\]}`*_$\"'”’]*+\s*+(?:[.,;:!?)/—]|\Z|(?:and|or|but|so)\b|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])"
).match


# What calls a letter wrong right behind it. `B: false` and `B: no` may be what the option says, `B is false` is not.
_JUDGED = re.compile(
    r"""[^\S\r\n]*+[)\]}`*_$"'”’]{0,8}(?:[^\S\r\n]*+[.,:;)=(→—-]){0,4}[^\S\r\n]*+[(\[{`*_$"'“‘]{0,4}
    (?P<words> (?i:
        (?: (?:which|it|this|that)\s )?
        (?: (?: (?: (?:is|was|seems|looks|appears) | (?:must|would|should|has\sto|can)\sbe )\s )? (?: \w{1,12}ly\s )?
            (?: (?:(?:the|an?)\s )? (?:wrong|incorrect) (?: \s(?:answer|option|choice) )?
              | ruled\sout | eliminated | excluded | rejected )
          | (?:is|was|seems|looks|must\sbe)\s (?: \w{1,12}ly\s )? (?: false | out | impossible | invalid )
          | (?: (?: (?:is|was|can|could|does|do)\s )? (?:not|never) | (?:isn|wasn|can|couldn|doesn)['’]t | cannot )\s
            (?: (?:be|seem|look)\s )? (?: (?:the|an?)\s )?
            (?: (?: (?:right|correct|best|valid|possible)\s )? (?:answer|option|choice|one)
              | right | correct | true | possible | plausible | valid | it ) ) )
      | 是?(?:错|錯|不对|不對|不正[确確]|错误|錯誤|有误)的? | [✗✘❌✖] )
    (?! ["'] \s*+ : )  # the next key of an object: `"A", "wrong": "B"`
    (?= [)\]}`*_$"'”’]{0,8} [^\S\r\n]*+ (?: [.,;:!?)—\r\n] | -\s | \Z | (?i:because|since|as|and|but|so)\b ) )""",
    re.VERBOSE,
).match


_cached_reading = lru_cache(maxsize=4096)(_read)


@cache
def _parser() -> Callable[[str], Any]:
    return build("choice", "start").parse
