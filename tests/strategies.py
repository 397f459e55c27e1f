"""Hypothesis strategies: records and their written forms, answers, completions, targets, specs, and hostile text."""

from __future__ import annotations

from itertools import combinations

from hypothesis import strategies as st

from parsers.formats import TRANCE, TVR, Field, RecordFormat
from rewards.spec import TieredSpec

TAGS = ("<think>", "</think>", "<answer>", "</answer>")

# Characters that look like, or behave nearly like, those of the grammars.
ODD = (
    "\x00", "\ud800", "\udfff", "\u0130", "\u017f", "\u212a", "\u0662", "\uff12", "\u00b2", "\u200f", "\u202e", "\u2028",
    "\u0085", "\u00a0", "\u3000", "\x1c", "\x0b", "\r", "\ufeff", "\u0301", "\uff0c", "\uff1b", "\u2039", "\uff1c", "\U0001f600",
)  # fmt: skip

# What answers, right and wrong, are made of.
SHARDS = (
    "2", "0", "10", "999999999", "1234567890", "color", "shape", "size", "material", "position", "colour", "COLOR", "cyan", "red",
    "cube", "small", "Glass", "grey", "front-left", "front", "left", "1", ".", ",", ";", "\n", "\r\n", " ", "\t", "(", ")", "[",
    "]", "[[", "]]", '"', "'", "`", "**", "-", "+", "_", ":", "change_color", "change_", "change_color(", "none", "null", "None.",
    "[]", "{", "}", "x", "the", "2.color.cyan", "0.shape.cube", "(1, size, large)", '[3, "color", "red"]', "change_size(4, 'small')",
    "4.position.front-left.2", "2.color.cyna", "3.texture.red", "2.size", "color.red",
)  # fmt: skip


def hostile_text(*pieces: str) -> st.SearchStrategy[str]:
    """Any text at all: arbitrary characters, odd ones, and the given pieces in any order, alone or mixed."""
    mixed = st.lists(st.sampled_from([*pieces, *ODD]) | st.text(max_size=3), max_size=20).map("".join)
    ordered = st.lists(st.sampled_from(pieces), max_size=20).map("".join) if pieces else st.just("")
    decoded = st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape"))
    return st.text(st.characters(exclude_categories=())) | decoded | ordered | mixed


@st.composite
def mutated(draw: st.DrawFn, texts: st.SearchStrategy[str], pieces: tuple[str, ...]) -> str:
    """Text with a few cuts, repeats and insertions."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        middle = draw(st.sampled_from(["", text[start:end] * 2, *pieces, *ODD]))
        text = text[:start] + middle + text[end:]
    return text


# --- records ---------------------------------------------------------------------------------------------------------


@st.composite
def vocabularies(draw: st.DrawFn) -> RecordFormat:
    """A format of its own: a number, a closed field and the vocabulary of a last one for each of its values."""
    words = draw(
        st.lists(
            st.from_regex(r"[a-y]{2,7}(-[a-y0-9]{1,4})?", fullmatch=True),
            min_size=4,
            max_size=9,
            unique_by=lambda word: word.split("-")[0],
        )
    )
    keys, values = words[:2], words[2:]
    split = draw(st.integers(1, len(values) - 1))
    by = ((keys[0], tuple(values[:split])), (keys[1], tuple(values[split:])))
    fields = (
        Field("index", "integer"),
        Field("kind", "closed", tuple(keys)),
        Field("value", "closed", by="kind", values_by=by),
    )
    forms = ("{index}.{kind}.{value}", "({index}, {kind}, {value})", "{kind} of {index} is {value}")
    return RecordFormat(fields, tuple(draw(st.permutations(forms))))


FORMATS = st.sampled_from([TVR, TRANCE])


def vocabulary(record_format: RecordFormat) -> list[tuple[str, str]]:
    """The pairs (attribute, value) of a format of three fields."""
    return [(key, value) for key, values in record_format.fields[2].values_by for value in values]


def records(record_format: RecordFormat = TVR, indices: int = 10) -> st.SearchStrategy[tuple[int, str, str]]:
    """Valid records; few indices make agreement likely."""
    pairs = st.sampled_from(vocabulary(record_format))
    make = record_format.make
    return st.builds(lambda index, pair: make((index, *pair)), st.integers(0, indices - 1), pairs)


def near_records(indices: int = 3) -> st.SearchStrategy[tuple[int, str, str]]:
    """Records of a tiny world, where every degree of agreement and conflict is common."""
    pairs = (
        ("color", "red"),
        ("color", "blue"),
        ("color", "cyan"),
        ("shape", "cube"),
        ("shape", "sphere"),
        ("size", "small"),
    )
    return st.builds(lambda index, pair: TVR.make((index, *pair)), st.integers(0, indices - 1), st.sampled_from(pairs))


def predictions(max_size: int = 6, indices: int = 3) -> st.SearchStrategy[list[tuple[int, str, str]]]:
    """Predicted records: repeats and conflicts welcome."""
    return st.lists(near_records(indices), max_size=max_size)


def targets(min_size: int = 0, max_size: int = 4, indices: int = 3) -> st.SearchStrategy[list[tuple[int, str, str]]]:
    """True records: the same cell twice is allowed, an exact duplicate is not."""
    return st.lists(near_records(indices), min_size=min_size, max_size=max_size, unique=True)


# --- written forms ---------------------------------------------------------------------------------------------------


@st.composite
def _word(draw: st.DrawFn, word: str, record_format: RecordFormat, quote: str) -> str:
    if not word.isdecimal():
        word = draw(st.sampled_from(record_format.spellings(word)))
        word = draw(st.sampled_from([word, word.upper(), word.title()]))
        if "-" in word or "." in word:
            word = draw(
                st.sampled_from([word, word.replace("-", "_"), word.replace("-", " "), word.replace(".", ", ")])
            )
    return f"{quote}{word}{quote}"


@st.composite
def written(draw: st.DrawFn, record: tuple, record_format: RecordFormat) -> str:
    """A record in one of its forms: quotes, case, synonyms and white space as they come."""
    form = draw(st.sampled_from(record_format.forms))
    quote = draw(st.sampled_from(["", "", "'", '"', "`", "**"]))
    space = draw(st.sampled_from(["", "", " ", "  "]))
    values = {}
    for field, value in zip(record_format.fields, record, strict=True):
        word = draw(_word(str(value), record_format, quote))
        bare = ", " not in word or form[0] in "([c"  # "4.position.left, 2" would be two pieces
        inside_name = f"_{{{field.name}}}" in form
        values[field.name] = str(value) if not bare or inside_name else f"{space}{word}{space}"
    return form.format(**values)


SEPARATORS = (", ", ",", ";", "; ", "\n", "\r\n", "\n\n", ",\n", " ,\n\n", "\n;\n", "  \n ")


@st.composite
def answers(draw: st.DrawFn, record_format: RecordFormat = TVR, max_size: int = 5) -> tuple[str, list[tuple]]:
    """An answer's text and the records that it names."""
    items = draw(st.lists(records(record_format), max_size=max_size))
    if not items:
        return draw(st.sampled_from(["", " ", "\n", "none", "None.", "NULL", "[]", "( )", " none\n"])), []
    pieces = [draw(written(item, record_format)) for item in items]
    text = pieces[0]
    for piece in pieces[1:]:
        text += draw(st.sampled_from(SEPARATORS)) + piece
    text += draw(st.sampled_from(["", "", ",", "\n", " ", ";\n"]))
    return text, items


@st.composite
def completions(draw: st.DrawFn, answer: str, *, prefilled: bool | None = None) -> str:
    """A well-formed completion that gives *answer*, with or without the opening tag."""
    space = st.sampled_from(["", " ", "\n", "\n\n", "\u3000", "\x1c"])
    prose = st.sampled_from(
        ["", "a", "It turned blue.\n2 < 3, so", "Perhaps <answer>0.size.small</answer>?", "x <b>y</b>", "\u0662"]
    )
    opener = "" if (draw(st.booleans()) if prefilled is None else prefilled) else draw(space) + "<think>"
    return f"{opener}{draw(prose)}</think>{draw(space)}<answer>{answer}</answer>{draw(space)}"


def hostile_completions() -> st.SearchStrategy[str]:
    """Completions, whole, mutated and meaningless."""
    whole = answers().flatmap(lambda answer: completions(answer[0]))
    pieces = (*TAGS, "<", ">", "</", "<think", "a", " ", "\n", "2.color.cyan", "<ANSWER>", "< answer >")
    return whole | mutated(whole, pieces) | hostile_text(*pieces)


def hostile_answers() -> st.SearchStrategy[str]:
    """Answers, whole, mutated and meaningless."""
    whole = FORMATS.flatmap(answers).map(lambda answer: answer[0])
    return whole | mutated(whole, SHARDS) | hostile_text(*SHARDS)


# --- specs -----------------------------------------------------------------------------------------------------------

_VALUES = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 5.0])


@st.composite
def _options(draw: st.DrawFn, parts: tuple[str, ...]) -> dict[str, object]:
    return {
        "incorrect_penalty": draw(st.sampled_from([0.0, 0.5, 1.0, 5.0])),
        "underprediction_penalty": draw(st.sampled_from([0.0, 1.0, 2.5])),
        "matching": draw(st.sampled_from(["one_to_one", "literal"])),
        "incorrect": draw(st.sampled_from([*(f"not_{part}" for part in parts), "no_tier"])),
        "conflicts": draw(st.sampled_from(["last", "each"])),
        "scale": draw(st.sampled_from([None, "n_gt"])),
        "miss_table": draw(st.sampled_from(["reduced", "full"])),
        "count": draw(st.sampled_from(["shortfall", "difference"])),
        "also_underprediction": draw(st.booleans()),
    }


@st.composite
def specs(draw: st.DrawFn, nested: bool | None = None) -> TieredSpec:
    """Any tiered spec of three fields; *nested* asks for a chain of tiers, or for none."""
    fields = ("index", "attribute", "value")
    chain = draw(st.booleans()) if nested is None else nested
    if chain:
        keys = [
            fields,
            *draw(
                st.sampled_from([(), (fields[:2],), (fields[:1],), (fields[:2], fields[:1]), (fields[1:], fields[1:2])])
            ),
        ]
        values = sorted((draw(_VALUES) for _ in keys), reverse=True)
    else:
        smaller = [key for size in (2, 1) for key in combinations(fields, size)]
        keys = [fields, *draw(st.lists(st.sampled_from(smaller), min_size=2, max_size=4, unique=True))]
        values = [draw(_VALUES) for _ in keys]
    table = tuple(keys)
    paid = {key: value for key, value in zip(keys, values, strict=True) if key == fields or draw(st.integers(0, 3))}
    plain = TieredSpec(fields=fields, tiers=paid, table=table)
    return plain.change(**draw(_options(plain.parts)))
