"""What models really write: the same answers in other dialects read the same, and what is not meant is never read.

The case tables hold single texts; here are whole kinds, their combinations, and what must hold of all of them.
"""

import json
import unicodedata
from random import Random
from sys import maxunicode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parsers import records as module
from parsers.choice import Choice, parse_choice, parse_words, parse_yes_no
from parsers.completion import parse_completion
from parsers.formats import FIELD_KEYS, TRANCE, TVR
from parsers.number import Number, parse_number
from parsers.record_grammar import record_grammar
from parsers.records import parse_records
from parsers.references import VIEWER, parse_references, parse_steps, true_name
from parsers.word_set import parse_set
from rewards.targets import read_target
from rewards.tasks import load_task
from tests.strategies import FORMATS, answers, hostile_answers, records

# --- Lists of records -------------------------------------------------------------------------------------------------


def dotted(record):
    return ".".join(map(str, record))


def listed(record):
    """The record as JSON has it; a move is a direction and a number."""
    index, attribute, value = record
    direction, _, step = value.partition(".")
    return [index, attribute, [direction, int(step)] if step else value]


def mapped(record, keys):
    return dict(zip(keys, listed(record), strict=True))


def joined(separator, form="{}"):
    return lambda items: separator.join(form.format(dotted(item)) for item in items)


def numbered(form):
    return lambda items: "\n".join(form.format(number, dotted(item)) for number, item in enumerate(items, 1))


STYLES = {
    "commas": joined(", "),
    "full-width commas": joined("，"),
    "ideographic commas": joined("、"),
    "full-width semicolons": joined("；"),
    "Arabic commas": joined("، "),
    "and": joined(" and "),
    "comma and": joined(", and "),
    "ampersands": joined(" & "),
    "lines": joined("\n"),
    "carriage returns": joined("\r"),
    "both": joined("\r\n"),
    "line separators": joined("\u2028"),
    "next lines": joined("\x85"),
    "form feeds": joined("\x0c"),
    "bullets": joined("\n", "- {}"),
    "stars": joined("\n", "* {}"),
    "dots": joined("\n", "• {}"),
    "dashes": joined("\n", "– {}"),
    "indented bullets in bold": joined("\n", "  - **{}**"),
    "bullets with full stops": joined(".\n", "- {}"),
    "ordinals": numbered("{}. {}"),
    "ordinals in brackets": numbered("{}) {}"),
    "ordinals in two brackets": numbered("({}) {}"),
    "ordinals and commas": numbered("{}. {},"),
    "bold by underscores": joined(", ", "__{}__"),
    "brackets around each": joined(", ", "[{}]"),
    "parentheses around each": joined("\n", "({})"),
    "a set": lambda items: "{" + joined(", ")(items) + "}",
    "curly quotes": joined(", ", "“{}”"),
    "zero-width spaces": lambda items: joined(",\u200b")(items).replace(".", "\u200b.\ufeff"),
    "no-break spaces": joined(",\u00a0"),
    "LaTeX words": lambda items: ", ".join(r"{}.\text{{{}}}.{}".format(*item) for item in items),
    "JSON strings": lambda items: json.dumps([dotted(item) for item in items]),
    "JSON lists": lambda items: json.dumps([listed(item) for item in items]),
    "JSON lists on lines": lambda items: json.dumps([listed(item) for item in items], indent=2),
    "JSON objects": lambda items: json.dumps([mapped(item, ("obj_idx", "attr", "val")) for item in items]),
    "JSON objects on lines": lambda items: json.dumps([mapped(item, TVR_KEYS) for item in items], indent=4),
    "JSON lines": lambda items: "\n".join(json.dumps(mapped(item, TVR_KEYS)) for item in items),
    "tuples": lambda items: repr(tuple(tuple(item) for item in items)),
    "tuples of tuples": lambda items: repr(tuple((i, a, tuple(v) if isinstance(v, list) else v) for i, a, v in map(listed, items))),
    "a list of tuples": lambda items: repr([tuple(item) for item in items]),
    "strings in a tuple": lambda items: repr(tuple(dotted(item) for item in items)),
    "calls on lines": lambda items: "\n".join(f"- change_{a}({i}, {v!r})" for i, a, v in items),
    "full-width tuples": lambda items: "，".join("（{}，{}，{}）".format(*item) for item in items),
}  # fmt: skip
TVR_KEYS = ("index", "attribute", "value")
AROUND = (
    "{}", "{}.", "{}。", "“{}”", '"{}."', "**{}**", "`{}`", "```\n{}\n```", "```json\n{}\n```", "~~~\n{}\n~~~\n", r"\boxed{{{}}}",
    r"\boxed{{{}}}.", r"$\boxed{{{}}}$", "$${}$$", r"\boxed{{\text{{{}}}}}", "Answer: {}", "**Final answer:** {}", "**Answer**: {}", "### Answer\n{}",
    "The answer is {}.", "So, the final answer is: {}", "ans: {}", "The changes are:\n\n{}", "Answer：{}", "Answer:\n```json\n{}\n```",
    "答案：{}", "答案是{}。", "所以，最终答案：{}", "【答案】{}", "答え：{}", "정답: {}", "Respuesta: {}", "**Réponse :** {}", "Die Antwort ist {}.", "Ответ: {}", "<|begin_of_box|>{}<|end_of_box|>",
    "The final answer is \\boxed{{{}}}.", "\ufeff{}\u200b", "\u3000\n{}\u2003\n", "[{}]",
)  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("record_format", [TVR, TRANCE], ids=["tvr", "trance"])
def test_every_style_in_every_wrapper_reads_as_what_was_meant(style, record_format):
    """Also a wrong value reads as itself, so no dialect makes it right."""
    drawn = Random(style)
    vocabulary = [(key, value) for key, values in record_format.fields[2].values_by for value in values]
    for around in AROUND:
        items = [
            record_format.make((drawn.randrange(12), *pair))
            for pair in drawn.sample(vocabulary, drawn.choice([1, 2, 3]))
        ]
        found = parse_records(around.format(STYLES[style](items)), record_format)
        assert (list(found), found.invalid) == (items, ()), around


@given(FORMATS.flatmap(lambda each: st.tuples(st.just(each), answers(each))))
def test_a_plain_answer_is_never_read_as_a_dialect(drawn):
    record_format, (text, items) = drawn
    found = parse_records(text, record_format)
    assert list(found) == items
    assert found == module._as_records(module._plain_items(text, record_format))


@given(hostile_answers(), FORMATS)
def test_a_dialect_only_ever_finds_more_records(text, record_format):
    plain, found = module._as_records(module._plain_items(text, record_format)), parse_records(text, record_format)
    if plain.invalid:
        assert (len(found.items), -len(found.invalid)) >= (len(plain.items), -len(plain.invalid))
    else:
        assert found == plain
    assert all(0 <= fault.offset <= len(text) for fault in (*found.invalid, *found.notes))


@given(hostile_answers() | answers().map(lambda drawn: f"[{drawn[0]}]"))
def test_the_plain_patterns_are_the_grammars_list(text):
    stripped = text.strip()
    cut = module.plain_items(stripped) if stripped else None
    if cut is not None:
        assert cut == [(str(token), token.start_pos) for token in module._tokens()(stripped)]


@given(
    FORMATS.flatmap(
        lambda each: st.tuples(st.just(each), st.lists(records(each), min_size=1, max_size=4, unique=True))
    ),
    st.data(),
)
def test_what_is_accepted_as_a_target_is_accepted_as_an_answer(drawn, data):
    record_format, items = drawn
    keys = [data.draw(st.sampled_from(FIELD_KEYS[name])) for name in TVR_KEYS]
    assume(len(set(keys)) == 3)
    order = data.draw(st.permutations(range(3)))
    objects = [
        {keys[at]: listed(item)[at] for at in order} | data.draw(st.sampled_from([{}, {"note": "x y"}]))
        for item in items
    ]
    indices = st.sampled_from([str, float, int])
    for each in objects:
        each[keys[0]] = data.draw(indices)(each[keys[0]]) if data.draw(st.booleans()) else each[keys[0]]
    forms = [
        objects,
        [tuple(item) for item in items],
        [listed(item) for item in items],
        [dotted(item) for item in items],
    ]
    if any(isinstance(each[keys[0]], str) for each in objects):
        del forms[0]  # a target's index is a number
    for target in forms:
        assert read_target(target, record_format) == tuple(items)
        for text in (
            json.dumps(target),
            json.dumps(target, indent=1),
            repr(target),
            f"```json\n{json.dumps(target)}\n```",
        ):
            assert parse_records(text, record_format).items == tuple(items), text
    assert parse_records(json.dumps(objects), record_format).items == tuple(items)


def test_open_fields_keep_their_words():
    """No words are lead-ins or separators there, and a full stop is none of a field."""
    arrows, graph = load_task("flowchart").record_format, load_task("scene_graph").record_format
    one = (("start", "check", "next"),)
    for text in (
        "- start -> check: next", "1. start -> check: next", "```\nstart -> check: next\n```", "\\boxed{start -> check: next}",
        '[{"source": "start", "target": "check", "label": "next"}]', '["start", "check", "next"]', '[["start", "check", "next"]]',
        "“start” -> “check”: “next”",
    ):  # fmt: skip
        assert parse_records(text, arrows).items == one, text
    assert parse_records("start -> a and b: next", arrows).items == (("start", "a and b", "next"),)
    assert parse_records("(cup and saucer, left of, plate)，(lamp, behind, cup)", graph).items == (
        ("cup and saucer", "plate", "left"), ("lamp", "cup", "behind"),
    )  # fmt: skip
    for text in (
        "Answer: start -> check: next",
        "start -> check: next.",
        "start -> check: next and check -> done: yes",
    ):
        assert parse_records(text, arrows).items != one


def test_words_of_values_have_synonyms():
    assert parse_records("(4, position, rear right, 2)", TRANCE).items == ((4, "position", "behind-right.2"),)
    values = dict(TRANCE.fields[2].values_by)["position"]
    spellings = [spelling for value in values for spelling in TRANCE.spellings(value)]
    assert len({spelling.replace(".", "-") for spelling in spellings}) == len(spellings)
    assert TVR.spellings("gray") == ["gray", "grey"]


def test_a_grammar_knows_whether_its_vocabularies_are_closed():
    assert record_grammar(TVR).closed
    assert not record_grammar(load_task("flowchart").record_format).closed
    assert not record_grammar(load_task("scene_graph").record_format).closed


@pytest.mark.parametrize("form", ["{}", "- {}", "{}.", "The answer is {}.", "**{}**", "Change 1: {}"])
@pytest.mark.parametrize("blanks", [" ", "  ", "\t"])
def test_blanks_may_stand_between_the_fields(form, blanks):
    """Where nothing else is said: then it can mean one record only."""
    for record, record_format in (("2.color.cyan", TVR), ("4.position.front-left.2", TRANCE)):
        spaced = form.format(record.replace(".", blanks))
        assert parse_records(spaced, record_format) == parse_records(form.format(record), record_format)
    for other in (
        "2 color teal",
        "2 cyan",
        "color cyan",
        "2 color cyan red",
        "2 color cyan 0 shape cube",
        "2\ncolor\ncyan",
    ):
        assert not parse_records(form.format(other), TVR).items


# --- Choices, words, numbers ------------------------------------------------------------------------------------------

TEXTS = ["in front of you", "to your right", "behind you", "to your left"]
LETTER_FORMS = [
    "{}", "({})", "**{}**", "{}.", "{}。", "（{}）", "【{}】", "Answer: {}", "**Answer**: {}", "ans: {}", "It is {}.", "So {}", "Therefore, {}.",
    "I would go with {}.", "The answer is clearly {}.", "答案是{}", "答案：{}", "选{}", "故选{}。", "选项{}", "应该是{}", "- {}", "\u200b{}\ufeff", "\\boxed{{{}}}",
]  # fmt: skip
TEXT_FORMS = ["{} {}", "{}. {}", "{}) {}", "{}: {}", "{}：{}", "{}—{}", "{} – {}", "{}. {}.", "({}) {}", "**{} {}**", "{} {}, since it moved", "Answer: {} {}", "选项{}：{}"]  # fmt: skip


@given(st.sampled_from("ABCD"), st.sampled_from(LETTER_FORMS), st.booleans())
def test_a_letter_is_read_in_every_form(letter, form, wide):
    written = chr(ord(letter) + 0xFEE0) if wide else letter
    assert parse_choice(form.format(written), options=TEXTS).letter == letter
    assert parse_choice(form.format(written)).letter == letter


@given(
    st.sampled_from(range(4)),
    st.sampled_from(range(4)),
    st.sampled_from(TEXT_FORMS),
    st.sampled_from(["{}", "\\boxed{{{}}}", "It is {}", "“{}”"]),
)
def test_a_letter_with_the_text_of_another_option_is_never_read(at, other, form, around):
    text = around.format(form.format("ABCD"[at], TEXTS[other]))
    assert parse_choice(text, options=TEXTS).letter in ((None, "ABCD"[at]) if at == other else (None,))
    if around == "{}":
        assert (parse_choice(text, options=TEXTS).letter is None) == (at != other)


@given(
    st.permutations("ABCD"),
    st.sampled_from([" or ", ", ", "/", "、", "或", "还是", " and ", "；"]),
    st.sampled_from(LETTER_FORMS),
)
def test_two_letters_are_no_answer_in_any_form(letters, between, form):
    one, other, *_ = letters
    assert parse_choice(form.format(one + between + other), options=TEXTS).letter is None


@pytest.mark.parametrize("letter", ["А", "В", "С", "Β", "𝐁", "Ⓑ", "ᴮ", "🅱", "ß", "8"])
def test_what_only_looks_like_a_letter_is_none(letter):
    for form in LETTER_FORMS:
        assert parse_choice(form.format(letter), options=TEXTS).letter is None


WORDS = {
    "left": [
        "left", "Left.", "(left)", "left。", "「left」", r"\boxed{left}", r"$\boxed{\text{left}}$", "Answer: left", "**Answer:** left", "The answer is left.",
        "The answer is clearly left", "It is left", "It's left.", "So left", "So, it is left.", "left because the sofa moved", "left, since it moved",
        "left - because x", "答案：left", "答案是left。", "**left**", "_left_", "“left”", "\u200bleft", "Therefore, left", "My final answer is: left\n", "ｌｅｆｔ",
    ],
    "front left": ["front left", "front-left", "front_left", "Front-Left.", "front  LEFT"],
    "-5 degrees": ["-5 degrees"],
    "5 degrees": ["5 degrees"],
    "not left": ["not left", "The answer is not left"],
    "a red chair": ["A red chair.", "It is a red chair"],
    "so": ["so", "So."],
    "because": ["because"],
}  # fmt: skip


@pytest.mark.parametrize(("plain", "text"), [(plain, text) for plain, texts in WORDS.items() for text in texts])
def test_words(plain, text):
    assert parse_words(text) == (plain, None)


def test_alternatives_are_no_single_word():
    assert parse_words("left or right").fault.code == "ambiguous"
    assert parse_words(" ").fault.code == "empty"
    assert parse_words("x" * 64_001).fault.code == "too_long"


@given(
    st.floats(-1e6, 1e6),
    st.sampled_from(["°", "º", "deg", "degs", "degree", "degrees", "度", "^\\circ"]),
    st.sampled_from(["rad", "radians", "弧度"]),
)
def test_angles_convert(value, degrees, radians):
    number = parse_number(f"{value!r} {degrees}")
    assert number.in_unit("degrees") == value
    there = number.in_unit(radians)
    assert Number(there, radians).in_unit("°") == pytest.approx(value)
    assert number.in_unit("m") is number.in_unit("%") is None


@given(st.integers(1, 999), st.integers(1, 99), st.sampled_from(["image", "View", "picture", "camera", "frame", "图"]))
def test_the_number_of_a_label_is_none_beside_another(number, label, noun):
    for form in (
        "In {1} {2}, it is {0} m",
        "{0} m in {1} {2}",
        "{1} {2}: {0} m",
        "{1} #{2} shows {0} m.",
        "{0} m ({1} {2})",
    ):
        assert parse_number(form.format(number, noun, label)) == Number(float(number), "m")
    assert parse_number(f"{noun} {label}") == Number(float(label))


@given(st.integers(0, 12), st.sampled_from(["m", "meters", "degrees", "%"]))
def test_number_words(value, unit):
    word = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"][
        value
    ]
    assert parse_number(f"It is about {word} {unit}.") == Number(float(value), unit)
    assert parse_number(f"**{word.title()}**.") == Number(float(value))
    for text in (f"{word} chairs", f"about {word}", f"There are {word} of them."):
        assert parse_number(text).value == (None if value == 1 else value)  # `one` may be a pronoun
    for text in (f"{word} point five {unit}", f"{word} and a half {unit}"):
        assert parse_number(text).value is None


SMALL = [
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
    ),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def spelled(number, hyphen, linked):
    """Return a number below a million in words."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        return TENS[number // 10 - 2] + (hyphen + SMALL[number % 10] if number % 10 else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    rest = linked + spelled(number % size, hyphen, linked) if number % size else ""
    return f"{spelled(number // size, hyphen, linked)} {name}{rest}"


@given(
    st.integers(2, 120) | st.integers(2, 999_999),
    st.sampled_from(["-", " ", "\u2010"]),
    st.sampled_from([" ", " and "]),
    st.sampled_from([str, str.title, str.upper]),
)
def test_numbers_in_words(value, hyphen, linked, case):
    word = case(spelled(value, hyphen, linked))
    for text, unit in ((f"{word} degrees", "degrees"), (f"It is {word} cm wide.", "cm"), (f"**{word}**", None)):
        assert parse_number(text) == Number(float(value), unit)
    assert parse_number(f"minus {word} m").value == -value
    assert parse_number(f"{word} to {case(spelled(value + 1, hyphen, linked))} m").value is None
    assert parse_number(f"at least {word} m").fault.code == "ambiguous"
    for other in (f"{word} {word}", f"{word}-{word}", f"{word}-degree turn", f"{word} point five", f"{word} million"):
        assert parse_number(other).value is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "one twenty",
            "nineteen eighty",
            "twenty-twenty",
            "forty-fifth",
            "twenty second",
            "thirty first",
            "twelve hundred",
        ),
        *(
            "hundred",
            "two and three hundred",
            "between one hundred and two hundred cm",
            "two-hundred-fifty",
            "twenty\nfive",
        ),
        *("fourty-five", "half a meter", "two thirds", "a dozen", "one million", "hundreds of chairs", "two three"),
        *("5K", "1.2K", "1.2kk", "1.2k-ish", "12k5", "k", "between 1k and 2k", "2k+"),
    ],
)
def test_what_words_are_put_together_otherwise_are_no_number(text):
    assert parse_number(text).value is None


@pytest.mark.parametrize(
    "text", ["1.2k", "1.2 k", "1,200", "1.2 thousand", "one thousand two hundred", "a thousand, two hundred"]
)
def test_thousands(text):
    assert parse_number(text).value == 1200
    assert parse_number(f"{text} m") == Number(1200.0, "m", alone=parse_number(text).alone)
    assert parse_number("1.2km").unit == "km"


@given(
    st.integers(0, 99), st.integers(0, 99), st.sampled_from("+-×*·"), st.sampled_from(["", " cm"]), st.integers(-3, 3)
)
def test_what_terms_come_to(one, two, sign, unit, off):
    """A result that is true is read anywhere, and another where nothing follows."""
    true = {"+": one + two, "-": one - two}.get(sign, one * two)
    equation = f"{one}{unit} {sign} {two}{unit} = {true + off}{unit or ' m'}"
    read = Number(float(true + off), unit.strip() or "m")
    for end in ("", ".", "**", ")", "\n", f". So it is {true + off}{unit or ' m'} wide"):
        assert parse_number(f"It is {equation}{end}")._replace(alone=False) == read
    for end in (" wide", ". That is it.", ", no"):
        found = parse_number(equation + end)
        assert found._replace(alone=False) == read if off == 0 else found.fault.code == "ambiguous"


def test_terms_of_several_units_and_rounded_results():
    for text, value in (
        ("1 m - 45 cm = 55 cm it is", 55),
        ("0.333 + 0.333 = 0.67 m", 0.67),
        ("2 + 3 * 4 = 14 it is", 14),
    ):
        assert parse_number(text).value == value
    assert parse_number("45 - 30 = 60 - 45 = 15 cm so").value == 15
    assert parse_number("45 cm - 45 = 15 cm") == Number(15.0, "cm", alone=True)
    assert parse_number("45 - 30 = 60 - 44 = 15 cm so").value is None


BEFORE = [
    "> {}", ">{}", "< {}", "≥{}", "<= {}", r"$\geq {}$", r"\lt {}", "at least {}", "at most **{}**", "no more than {}", "up to {}", "over {}",
    "less than {}", "greater than or equal to {}", "It is within {}", "a minimum of {}", "至少{}", "不超过{}", "大于{}",
]  # fmt: skip
BEHIND = ["{} or more", "{} or less", "{} and above", "{} at least", "{} maximum", "{} chairs or more", "{}以上"]


@given(
    st.floats(0, 1e6) | st.integers(0, 99),
    st.sampled_from(["", " m", "°", "%"]),
    st.sampled_from([*BEFORE, *BEHIND]),
    st.sampled_from(["{}", "**{}**", r"\boxed{{{}}}", "The answer is {}.", "({})", "<b>{}</b>"]),
)
def test_a_bound_is_no_number(value, unit, form, around):
    number = f"{value}{unit}"
    assert parse_number(around.format(number)).value == value
    assert parse_number(form.format(number)).fault.code == "ambiguous"
    if around != "The answer is {}." and form != "{} at least":
        assert parse_number(around.format(form.format(number))).fault.code == "ambiguous"


@given(st.permutations("ABCD"), st.sampled_from(LETTER_FORMS), st.sampled_from(["{0}? {1}?", "{0}?{1}?", "{0}? Or {1}?", "{0}. Maybe {1}?", "{0}; otherwise {1}", "{0}, then {1}", "{0} = {1}", "{0} → {1}", "{0}, although {1} is possible"]))  # fmt: skip
def test_another_letter_is_another_answer(letters, form, between):
    text = form.format(between.format(*letters))
    assert parse_choice(text, options=TEXTS).letter is None
    assert parse_choice(text).letter is None


@given(st.sampled_from("BCD"), st.sampled_from([" or not {}", ", not {}", ". Not {}.", "/not {}", "。不选{}", ". Option {} is wrong."]))  # fmt: skip
def test_a_letter_that_is_ruled_out_is_not_chosen(letter, form):
    assert parse_choice(letter + form.format(letter)).fault.code == "ambiguous"
    other = "A" if letter != "A" else "B"
    if "/" not in form and " or " not in form:
        assert parse_choice(letter + form.format(other)).letter == letter


TAGS = ["<b>{}</b>", "<p>{}</p>", "<final>{}</final>", "{}<br>", "{}</s>", "{}<|im_end|>", "{}</ans", '<span class="x">{}</span>', "<|begin_of_box|>{}<|end_of_box|>"]  # fmt: skip


@given(st.sampled_from(TAGS), st.sampled_from("ABCD"), st.integers(0, 99), st.sampled_from(["left", "front left"]))
def test_tags_around_an_answer_say_nothing(tag, letter, value, words):
    assert parse_choice(tag.format(letter)) == Choice(letter)
    assert parse_choice(tag.format(TEXTS[1]), options=TEXTS) == Choice("B")
    assert parse_yes_no(tag.format("Yes")).letter == "yes"
    assert parse_number(tag.format(f"{value} m")) == Number(
        float(value), "m", alone=parse_number(tag.format("1 m")).alone
    )
    assert parse_words(tag.format(words)).text == words
    assert parse_set(tag.format("lamp, sofa")).items == {"lamp", "sofa"}
    assert parse_records(tag.format("2.color.cyan"), TVR).items == ((2, "color", "cyan"),)


# --- Reasoning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "truth", "true"),
    [
        ("sofa", {"gray sofa", "lamp"}, "gray sofa"),
        ("gray sofa", {"sofa", "lamp"}, "sofa"),
        ("sofa", {"gray sofa", "sofa"}, "sofa"),
        ("gray sofa", {"gray sofa", "sofa"}, "gray sofa"),
        ("red sofa", {"gray sofa", "sofa"}, "red sofa"),
        ("sofa", {"gray sofa", "red sofa"}, "sofa"),
        ("red sofa", {"gray sofa"}, "red sofa"),
        ("large gray sofa", {"gray sofa", "lamp"}, "gray sofa"),
        ("ofa", {"sofa"}, "ofa"),
        ("sofa bed", {"sofa"}, "sofa bed"),
        (VIEWER, {f"security {VIEWER}"}, VIEWER),
        ("lamp", set(), "lamp"),
    ],
)
def test_a_noun_stands_for_its_modified_form(name, truth, true):
    assert true_name(name, truth) == true


@given(
    st.lists(
        st.sampled_from(["sofa", "gray sofa", "red sofa", "lamp", "desk lamp", "old desk lamp"]),
        min_size=1,
        unique=True,
    )
)
def test_true_names_stand_for_themselves(truth):
    assert [true_name(name, set(truth)) for name in truth] == truth


@pytest.mark.parametrize("word", ["think", "Think", "THINKING", "reason", "Reasoning", "thought", "analysis"])
def test_leniency_never_answers_from_reasoning(word):
    for text in (
        f"<{word}>so <answer>a</answer>",
        f"<{word}>so <answer>a</answer></{word}>",
        f"x<{word}>so<Answer>a</Answer> and",
    ):
        assert parse_completion(text, mode="lenient").answer is None
    text = f"<{word}>so <answer>a</answer></{word}>\n<Answer>b</Answer>"
    assert parse_completion(text, mode="lenient").answer == "b"
    assert parse_completion(f"<{word}>so</{word}>\n\nB", mode="lenient").answer == "\n\nB"


@pytest.mark.parametrize(
    ("opener", "closer"),
    [
        ("◁think▷", "◁/think▷"),
        ("<seed:think>", "</seed:think>"),
        ("<longcat_think>", "</longcat_think>"),
        ("[THINK]", "[/THINK]"),
        ("<think >", "</think >"),
        ("<think>", "</think\n>"),
        ('<think type="x">', "</think>"),
        ("<|think|>", "<|/think|>"),
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
        ("<|START_THINKING|>", "<|END_THINKING|>"),
        ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
        ("<|channel|>analysis<|message|>", "<|channel|>final <|constrain|>json<|message|>"),
        ("<|channel>thought\n", "<channel|>"),
        ("<unused94>thought\n", "<unused95>"),
    ],
)
def test_leniency_knows_the_reasoning_tags_of_other_models(opener, closer):
    for text in (f"{opener}so <answer>a</answer>", f"{opener}so <answer>a</answer>{closer}", f"{opener}so\nB"):
        assert parse_completion(text, mode="lenient").answer is None
    assert parse_completion(f"{opener}A?{closer}B", mode="lenient").answer == "B"
    found = parse_completion(f"{opener}so <answer>a</answer>{closer}\n<answer>b</answer>", mode="lenient")
    assert found.answer == "b"
    assert found.fault is not None


@pytest.mark.parametrize(
    "word", ["[analysis]", "<reasonable>", "<|endoftext|>", "<thinker>", "<channel>", "a < think >= b"]
)
def test_other_words_are_no_reasoning(word):
    assert parse_completion(f"<think>x</think>{word} <answer>b</answer>", mode="lenient").answer == "b"


@pytest.mark.parametrize(
    "opener", ["<thinking>", "</tool>", "<reason>", "<|think|>", "<Think>", "<b>", '<think type="x">']
)
def test_another_tag_in_place_of_the_opener_is_no_missing_opener(opener):
    text = f" {opener}so</think><answer>b</answer>"
    found = parse_completion(text)
    assert (found.fault.code, found.fault.offset, found.answer, found.prefilled) == ("wrong_think_open", 1, None, False)
    assert opener in found.fault.message
    assert parse_completion(text, think_prefilled=True).answer == "b"
    assert parse_completion(text, mode="lenient").answer == "b"


# --- Any character anywhere -------------------------------------------------------------------------------------------

RARE = Random(0)
CHARACTERS = [
    char
    for char in map(chr, range(maxunicode + 1))
    if (category := unicodedata.category(char))[0] == "Z"
    or category in ("Cc", "Cf")
    or (category[0] == "C" and RARE.random() < 1e-4)
]
PARSERS = {
    "records": (lambda text: parse_records(text, TRANCE), ["2.color.cyan, (4, position, left, 1).", "- 1.size.small\n```"]),
    "choice": (lambda text: parse_choice(text, options=["left", "on the right"]), ["The answer is (B) left.", "所以选B"]),
    "yes_no": (parse_yes_no, ["Yes, it is - no"]),
    "words": (parse_words, ["So, it is left."]),
    "number": (parse_number, ["in image 2, 1.5 × 10^3 m", "1 ½ m", "10⁻³", "two m"]),
    "steps": (parse_steps, ['View 1: [a, b, left]\nMapping: ["a"\nSo'] ),
    "completion": (lambda text: parse_completion(text, mode="lenient"), ["<think>a</think> <answer>b</answer>"]),
    "references": (parse_references, ['{"view_1": [["a", "b", "on"]]}\n(a, b, on)']),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS)
def test_blank_and_control_characters_raise_nothing_anywhere(parser):
    parse, texts = PARSERS[parser]
    assert len(CHARACTERS) > 300
    for text in texts:
        for char in CHARACTERS:
            for at in range(len(text) + 1):
                parse(text[:at] + char + text[at:])


@pytest.mark.parametrize(
    "space", [char for char in CHARACTERS if char.isspace()], ids=lambda char: f"U+{ord(char):04X}"
)
def test_any_white_space_is_white_space(space):
    assert parse_number(f"1.5{space}×{space}10{space}^{space}3{space}m{space}") == Number(1500.0, "m", alone=True)
    inside = "" if space == "\n" else space
    assert parse_records(f"{space}2{inside}.color.{inside}cyan,{space}0.shape.cube{space}", TVR).items == (
        (2, "color", "cyan"), (0, "shape", "cube"),
    )  # fmt: skip
    assert parse_choice(f"{space}B{space}").letter == "B"
    assert parse_yes_no(f"{space}yes{space}").letter == "yes"


# --- What is not said -------------------------------------------------------------------------------------------------

STRUCK = ["~~{}~~", "<del>{}</del>", "<strike>{}</strike>", r"\cancel{{{}}}", r"\xcancel{{{}}}", r"\sout{{{}}}"]


@pytest.mark.parametrize("form", STRUCK)
def test_what_is_struck_out_is_not_said(form):
    struck = [form.format(each) for each in ("A", "yes", "3 m", "left", "2.color.cyan")]
    assert parse_choice(struck[0]).letter is None
    assert parse_yes_no(struck[1]).letter is None
    assert parse_number(struck[2]).value is None
    assert not parse_words(struck[3]).text
    assert not parse_records(struck[4], TVR).items
    assert parse_choice(f"{struck[0]} B").letter == "B"
    assert parse_yes_no(f"{struck[1]} no").letter == "no"
    assert parse_number(f"{struck[2]} 4 m").value == 4.0
    assert parse_words(f"{struck[3]} right").text == "right"
    assert parse_records(f"{struck[4]}\n0.shape.cube", TVR).items == ((0, "shape", "cube"),)


@pytest.mark.parametrize("text", ["~~~\nB\n~~~", "<s>B</s>", "~~B", "B~~"])
def test_fences_and_tokens_strike_nothing_out(text):
    assert parse_choice(text).letter == ("B" if text != "B~~" else parse_choice("B~~").letter)


@pytest.mark.parametrize(("key", "letter"), [("wrong", "B"), ("rejected", "C"), ("ruled_out", "D"), ("not", "A")])
def test_a_letter_under_a_key_that_rejects_it_is_not_chosen(key, letter):
    assert parse_choice(f'{{"{key}": "{letter}"}}').letter is None
    other = "A" if letter != "A" else "B"
    assert parse_choice(f'{{"answer": "{other}", "{key}": "{letter}"}}').letter == other
    assert parse_choice(f'{{"answer": "{letter}", "{key}": "{letter}"}}').fault.code == "ambiguous"


@pytest.mark.parametrize(
    "text",
    [
        '{"index": 2, "attribute": "color", "value": "cyan", "val": "red"}',
        '{"index": 2, "obj_idx": 3, "attribute": "color", "value": "cyan"}',
        '[{"index": 2, "attr": "color", "attribute": "size", "value": "cyan"}]',
    ],
)
def test_an_object_with_two_values_for_a_field_is_no_record(text):
    assert not parse_records(text, TVR).items


def test_an_object_may_say_the_same_twice_or_describe_what_it_counts():
    for more in ('"val": "Cyan"', '"object_id": 2', '"object": "the small cube"'):
        text = f'{{"index": 2, "attribute": "color", "value": "cyan", {more}}}'
        assert parse_records(text, TVR).items == ((2, "color", "cyan"),)


@pytest.mark.parametrize(
    "text",
    [
        "因此，B",
        "综上所述，B",
        "La opción correcta es B",
        "La risposta giusta è B",
        "Ответ - B",
        "Đáp án đúng là B",
        "선택: B",
    ],
)
def test_a_letter_is_announced_in_other_languages(text):
    assert parse_choice(text).letter == "B"


@pytest.mark.parametrize("text", ["Clearly left", "Definitely, left.", "answer - left"])
def test_words_are_announced_as_letters_are(text):
    assert parse_words(text).text == "left"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\frac12", 0.5),
        (r"-\frac{3}{4}", -0.75),
        ("1⁄2", 0.5),
        ("第2张图中距离为2.8米", 2.8),
        ("画像2では2.8m", 2.8),
        ("圖3：2.8 m", 2.8),
        ("<image 2> 2.8 m", 2.8),
        ("View (2): 2.8 m", 2.8),
    ],
)
def test_fractions_and_labels_as_they_are_written(text, value):
    assert parse_number(text).value == pytest.approx(value)
