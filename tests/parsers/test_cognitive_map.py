"""Cognitive maps: what is read, what is none and where, and that any text is one or the other."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.cognitive_map import CognitiveMap, Thing, fold_name, map_json, parse_map
from parsers.records import MAX_ANSWER
from tests.counting import LIMIT, exponent
from tests.measure.families import repeated
from tests.strategies import hostile_text

SOFA = '{"name": "sofa", "position": [2, 5]}'
VIEW = '{"name": "View 1", "position": [5, 9], "facing": "up"}'
WHOLE = f'{{"objects": [{SOFA}], "views": [{VIEW}]}}'
READ = CognitiveMap({"sofa": Thing(2, 5)}, {"view 1": Thing(5, 9, 0)})


def complex_map(text):
    return parse_map(text, layout="complex", grid=10)


def simple_map(text):
    return parse_map(text, layout="simple", grid=10)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"```json\n{WHOLE}\n```",
        f"The map is: {WHOLE} as I see it.",
        f'{{"views": [{VIEW}], "objects": [{SOFA}]}}',
        WHOLE.replace("sofa", " SOFA ").replace("up", " Up "),
        WHOLE.replace("[2, 5]", "[2.0, 5e0]"),
        WHOLE.replace('"position": [2, 5]', '"facing": null, "position": [2, 5]'),
    ],
)
def test_what_is_read(text):
    assert complex_map(text).value == READ
    assert list(complex_map(text).value.things) == ["sofa", "view 1"]


def test_the_simple_layout():
    found = simple_map('{"sofa": {"position": [2, 5], "facing": "left"}, "lamp": {"position": [7.5, 0]}}')
    assert found.value == CognitiveMap({"sofa": Thing(2, 5, 3), "lamp": Thing(7.5, 0)}, {})
    assert str(found.value) == "sofa [2, 5] ←; lamp [7.5, 0]"
    north = parse_map('{"a": {"position": [0, 0], "facing": "East"}}', layout="simple", grid=2, facings=("north", "east", "south", "west"))  # fmt: skip
    assert north.value.objects["a"].facing == 1


FAULTS = {
    "": ("empty", 0),
    " ": ("empty", 0),
    "x" * (MAX_ANSWER + 1): ("too_long", MAX_ANSWER),
    "none": ("no_map", 0),
    "[[2, 5]]": ("no_map", 0),
    '{"objects": [], "views": []}': ("empty", 0),
    WHOLE[:-1]: ("not_json", len(WHOLE) - 1),
    WHOLE.replace("]}", "],}", 1): ("not_json", WHOLE.index("]}") + 2),  # nothing is repaired
    WHOLE.replace('"', "'"): ("not_json", 1),
    "{sofa: [2, 5]}": ("not_json", 1),
    f"{WHOLE} or {WHOLE}": ("ambiguous", len(WHOLE) + 4),
    f"{{}} {WHOLE}": ("ambiguous", 3),
    '{"a":' * 12_000: ("not_json", 0),
    f'{{"objects": [{{"name": "a", "position": [1, {"9" * 5000}]}}]}}': ("not_json", 0),
    "{}": ("wrong_layout", 0),
    '{"sofa": {"position": [2, 5]}}': ("wrong_layout", 0),
    f'{{"objects": [{SOFA}], "cameras": []}}': ("wrong_layout", 16 + len(SOFA)),
    f'{{"objects": [{SOFA}], "views": {{}}}}': ("wrong_layout", 16 + len(SOFA)),
    '{"objects": [3]}': ("wrong_entry", 0),
    '{"objects": [{"position": [2, 5]}]}': ("wrong_entry", 0),
    '{"objects": [{"name": "", "position": [2, 5]}]}': ("wrong_entry", 0),
    '{"objects": [{"name": "sofa"}]}': ("wrong_entry", 22),
    '{"objects": [{"name": "sofa", "position": [2]}]}': ("wrong_entry", 22),
    '{"objects": [{"name": "sofa", "position": [2, 5, 0]}]}': ("wrong_entry", 22),
    '{"objects": [{"name": "sofa", "position": [true, 5]}]}': ("wrong_entry", 22),
    '{"objects": [{"name": "sofa", "position": ["2", 5]}]}': ("wrong_entry", 22),
    '{"objects": [{"name": "sofa", "position": [2, 5], "x": 2}]}': ("wrong_entry", 50),
    '{"objects": [{"name": "sofa", "position": [2, 10]}]}': ("off_grid", 22),
    '{"objects": [{"name": "sofa", "position": [-1, 5]}]}': ("off_grid", 22),
    '{"objects": [{"name": "sofa", "position": [NaN, 5]}]}': ("off_grid", 22),
    '{"objects": [{"name": "sofa", "position": [1e999, 5]}]}': ("off_grid", 22),
    '{"objects": [{"name": "sofa", "position": [2, 5], "facing": "north"}]}': ("unknown_facing", 22),
    '{"objects": [{"name": "sofa", "position": [2, 5], "facing": ["up"]}]}': ("unknown_facing", 22),
    f'{{"objects": [{SOFA}], "views": [{{"name": "View 1", "position": [5, 9]}}]}}': ("no_facing", 71),
    f'{{"objects": [{SOFA}, {SOFA}]}}': ("duplicate_name", 60),
    f'{{"objects": [{SOFA}, {SOFA.replace("sofa", "Sofa ")}]}}': ("duplicate_name", 60),
    f'{{"objects": [{SOFA}], "views": [{VIEW.replace("View 1", "sofa")}]}}': ("duplicate_name", 71),
    '{"objects": [], "objects": []}': ("duplicate_name", 16),
    '{"objects": [{"name": "sofa", "position": [2, 5], "position": [3, 5]}]}': ("duplicate_name", 50),
}


@pytest.mark.parametrize("text", FAULTS, ids=lambda text: text[:60])
def test_faults_have_their_place(text):
    found = complex_map(text)
    assert found.value is None
    assert (found.fault.code, found.fault.offset) == FAULTS[text]
    assert found.fault.message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (WHOLE, "wrong_layout"),
        ("{}", "empty"),
        ('{"sofa": [2, 5]}', "wrong_entry"),
        ('{"sofa": {"name": "x", "position": [2, 5]}}', "wrong_entry"),
        ('{"sofa": {"position": [2, 5]}, "sofa": {"position": [3, 5]}}', "duplicate_name"),
        ('{"sofa": {"position": [2, 5]}, "Sofa": {"position": [3, 5]}}', "duplicate_name"),
        ('{"  ": {"position": [2, 5]}}', "wrong_entry"),
    ],
)
def test_faults_of_the_simple_layout(text, code):
    assert simple_map(text).fault.code == code


PIECES = [WHOLE, SOFA, VIEW, '{"objects": [', '"views": [', "{", "}", "[", "]", ",", '"', ":", '"facing": "up"', "NaN", "-1", "9" * 30, "\\u12"]  # fmt: skip


@given(hostile_text(*PIECES))
def test_any_text_gives_a_map_on_the_grid_or_a_fault(text):
    for read in (complex_map, simple_map):
        found = read(text)
        assert (found.value is None) != (found.fault is None)
        if found.value is not None:
            assert all(0 <= place <= 9 for thing in found.value.things.values() for place in thing[:2])
            assert all(view.facing in range(4) for view in found.value.views.values())
        elif found.fault.offset is not None:
            assert 0 <= found.fault.offset <= len(text)


cells = st.builds(Thing, st.integers(0, 9), st.integers(0, 9), st.none() | st.integers(0, 3))
names = st.text(min_size=1, max_size=12).map(fold_name).filter(lambda name: name not in ("", "view 1"))


@given(st.dictionaries(names, cells, min_size=1, max_size=6), st.integers(0, 3), st.randoms())
def test_what_is_written_is_read_in_any_order(objects, facing, draw):
    views = {"view 1": Thing(5, 9, facing)}
    text = map_json(objects, views)
    assert complex_map(text).value == CognitiveMap(objects, views)
    data = {key: draw.sample(entries, len(entries)) for key, entries in reversed(json.loads(text).items())}
    assert complex_map(json.dumps(data)).value == CognitiveMap(objects, views)


FAMILIES = {"brackets": "[", "braces": "{", "entries": f"{SOFA}, ", "names": '"a", ', "digits": "1", "escapes": "\\", "quotes": '"', "lists": "[1, 2], ", "objects": '{"a": 1}, '}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("wrap", ["{}", '{{"objects": [{}', '{{"objects": [{} 1]}}', '{{"{}": 1}}'])
def test_work_is_linear(family, wrap):
    texts = [wrap.format(repeated(FAMILIES[family], size)) for size in (4_000, 16_000, 60_000)]
    assert exponent(complex_map, texts) < LIMIT
