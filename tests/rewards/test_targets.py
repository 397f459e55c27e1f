"""Gold: every form that files have it in, and the words in which wrong gold is refused."""

import json
from collections import UserDict
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.formats import LARGEST, TRANCE, TVR, Field, RecordFormat
from parsers.types import Transformation
from rewards.errors import DataError
from rewards.targets import _known, _read_text, read_target
from tests.strategies import FORMATS, answers, hostile_answers, records

GOLD = ((2, "color", "cyan"), (0, "shape", "cube"))
TRIPLES = [list(record) for record in GOLD]
TRANCES_OWN = [{"obj_idx": i, "attr": a, "val": v} for i, a, v in GOLD]
MOVE = (4, "position", "front-left.2")

FORMS = {
    "tuples": list(GOLD),
    "a tuple of tuples": GOLD,
    "lists": TRIPLES,
    "canonical": "2.color.cyan, 0.shape.cube",
    "lines": "2.color.cyan\n0.shape.cube\n",
    "calls": "change_color(2, 'cyan')\nchange_shape(0, 'cube')",
    "behind a reasoning": "<think>1.size.small is not.</think> <answer> 2.color.cyan, 0.shape.cube </answer> ",
    "in tags": " <answer> 2.color.cyan, 0.shape.cube </answer> ",
    "strings": ["2.color.cyan", "change_shape(0, cube)"],
    "strings in tags": ["<answer>2.color.cyan</answer>", "0.shape.cube"],
    "mappings": TRANCES_OWN,
    "other names": [{"object": 2, "attribute": "color", "value": "cyan"}, {"id": 0, "attr": "shape", "val": "cube"}],
    "our names first": [
        {"index": 2, "id": 7, "attr": "color", "val": "cyan"},
        {"index": 0, "attr": "shape", "val": "cube"},
    ],
    "mixed": [TRANCES_OWN[0], "0.shape.cube"],
    "other spellings": [(2, "Colour", "CYAN"), (0, " shape ", "'cube'")],
    "numbers as text": [("2", "color", "cyan"), ("00", "shape", "cube")],
    "whole floats": [(2.0, "color", "cyan"), (np.float32(0), "shape", "cube")],
    "numpy numbers": [(np.int64(2), "color", "cyan"), (np.uint8(0), np.str_("shape"), "cube")],
    "a numpy array": np.array(TRIPLES, dtype=object),
    "a numpy array of text": np.array(TRIPLES),
    "a numpy array of strings": np.array(["2.color.cyan", "0.shape.cube"]),
    "a numpy string": np.array("2.color.cyan, 0.shape.cube"),
    "mappings that are no dict": [MappingProxyType(TRANCES_OWN[0]), UserDict(TRANCES_OWN[1])],
    "JSON triples": json.dumps(TRIPLES),
    "JSON triples on lines": json.dumps(TRIPLES, indent=2),
    "JSON mappings": json.dumps(TRANCES_OWN),
    "JSON mappings on lines": json.dumps(TRANCES_OWN, indent=2),
    "JSON mappings with space": f" [ {json.dumps(TRANCES_OWN)[1:]} ",
    "JSON mappings in tags": f"<answer>{json.dumps(TRANCES_OWN)}</answer>",
    "JSON strings": json.dumps(["2.color.cyan", "0.shape.cube"]),
}


@pytest.mark.parametrize("name", FORMS)
def test_form(name):
    found = read_target(FORMS[name], TVR)
    assert found == GOLD
    assert isinstance(found, tuple)
    assert all(type(record) is Transformation for record in found)
    assert all(type(index) is int for index, *_ in found)


@pytest.mark.parametrize(
    "form",
    [
        [MOVE],
        "4.position.front_left.2",
        [(4, "position", ["front-left", 2])],
        [{"obj_idx": 4, "attr": "position", "val": ["front-left", 2]}],
    ],
)
def test_moves(form):
    assert read_target(form, TRANCE) == (MOVE,)


def test_one_mapping_as_json():
    assert read_target(json.dumps(TRANCES_OWN[0]), TVR) == GOLD[:1]


@pytest.mark.parametrize("nothing", [[], (), "", " ", "none", "[]", "<answer></answer>", np.array([])])
def test_no_change(nothing):
    assert read_target(nothing, TVR) == ()


def test_the_same_cell_twice_is_allowed():
    assert read_target("2.color.cyan, 2.color.red", TVR) == ((2, "color", "cyan"), (2, "color", "red"))


WRONG = {
    "value": ([(2, "color", "cyna")], r"target[0].value 'cyna' is not a color (did you mean 'cyan'?)"),
    "value of another attribute": (
        [(0, "shape", "cube"), (2, "size", "cube")], r"target[1].value 'cube' is not a size (one of small, medium, large)"),
    "attribute": ([(2, "colr", "cyan")], r"target[0].attribute 'colr' is not an attribute (did you mean 'color'?)"),
    "far attribute": (
        [(2, "zzz", "cyan")], r"target[0].attribute 'zzz' is not an attribute (one of color, shape, size, material)"),
    "position": ([MOVE], r"target[0].attribute 'position' is not an attribute (one of color, shape, size, material)"),
    "negative index": ([(-1, "color", "cyan")], r"target[0].index is -1; it is a whole number from 0"),
    "large index": ([(10**9, "color", "cyan")], r"target[0].index is 1000000000; it is a whole number from 0"),
    "half an index": ([(2.5, "color", "cyan")], r"target[0].index is '2.5'; it is a whole number from 0"),
    "infinite index": ([(float("inf"), "color", "cyan")], r"target[0].index is 'inf'; it is a whole number from 0"),
    "no number": ([(None, "color", "cyan")], r"target[0].index is 'None'; it is a whole number from 0"),
    "yes": ([(True, "color", "cyan")], r"target[0].index is 'True'; it is a whole number from 0"),
    "no value": ([(2, "color", None)], r"target[0].value 'None' is not a color"),
    "value that is a number": ([(2, "color", 5)], r"target[0].value 5 is not a color"),
    "two records in one": ([(2, "color", "cyan, 0.shape.cube")], r"target[0].value 'cyan, 0.shape.cube' is not a color"),
    "a number for a record": ([2, "color", "cyan"], r"target[0] 2 is not (index, attribute, value)"),
    "short record": ([(2, "color")], r"target[0] (2, 'color') is not (index, attribute, value)"),
    "long record": ([(2, "color", "cyan", 1)], r"target[0] (2, 'color', 'cyan', 1) is not (index, attribute, value)"),
    "nested list": ([["2.color.cyan"]], r"target[0] ['2.color.cyan'] is not (index, attribute, value)"),
    "two in a string": (["2.color.cyan, 0.shape.cube"], r"target[0] '2.color.cyan, 0.shape.cube' is not one record"),
    "none in a string": ([""], r"target[0] '' is not one record"),
    "missing key": ([{"obj_idx": 2, "attr": "color"}], r"target[0] has no 'value'; it has 'obj_idx', 'attr'"),
    "no keys": ([{}], r"target[0] has no 'index'; it has no keys"),
    "half a mapping": ({"obj_idx": 2}, r"target[0] has no 'attribute'; it has 'obj_idx'"),
    "nothing": (None, r"target is NoneType None; it is a list of records or a string of them"),
    "not a number": (float("nan"), r"target is float nan; it is a list of records or a string of them"),
    "numpy's not a number": (np.float64("nan"), r"target is float nan; it is a list of records or a string of them"),
    "a numpy number": (np.int64(3), r"target is int 3; it is a list of records or a string of them"),
    "bytes": (b"2", r"target[0] 50 is not (index, attribute, value)"),
    "text": ("2.color.cyan, 3.texture.red", r"target '2.color.cyan, 3.texture.red', character 17: 'texture' is not an attribute"),
    "text that starts wrong": ("x", r"target 'x', character 1: this is not of the form"),
    "long text": ("x" * 90, f"target '{'x' * 60}', character 1: "),
    "too long text": (" " * 70_000 + "x" * 64_001, "character 64001: the answer has 64,001 characters; 64,000 are read"),
    "doubled": ("2.color.cyan, 2.Colour.CYAN", r"target holds 2.color.cyan twice; a change is named once"),
    "doubled among others": (
        [(0, "shape", "cube"), (2, "color", "cyan"), (0, "size", "small"), (2, "color", "cyan")], "target holds 2.color.cyan twice"),
    "broken JSON": ('[{"obj_idx": 2', "target is not valid JSON: "),
    "deep JSON": ('[{"a":' + "[" * 200_000, "target is not valid JSON: "),
    "JSON of something else": ('[{"a": 1}]', "target[0] has no 'index'; it has 'a'"),
    "infinite JSON": ('[{"obj_idx": 1e400, "attr": "color", "val": "red"}]', "target[0].index is 'inf'"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gold(name):
    value, message = WRONG[name]
    for _ in range(2):  # the second time around, from the caches
        with pytest.raises(DataError) as caught:
            read_target(value, TVR)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400
        assert caught.value.row is None


def test_a_record_that_no_field_explains():
    """Each field is fine by itself, and the record still has no writing that reads as it."""
    open_format = RecordFormat((Field("name", "open"), Field("color", "closed", ("red",))), ("{name}: {color}",))
    assert read_target([("a ball", "Red")], open_format) == (("a ball", "red"),)
    with pytest.raises(DataError) as caught:
        read_target([("a, b", "red")], open_format)
    assert str(caught.value) == "target[0] ('a, b', 'red') is not of the form {name}: {color}"
    with pytest.raises(DataError, match=r"^target\[0\]\.color 'blue' is not a color \(one of red\)$"):
        read_target([("a", "blue")], open_format)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ((0, "color", "cyna"), "value 'cyna' is not a color (did you mean 'cyan'?)"),
        ((LARGEST, "color", "CYNA"), "value 'CYNA' is not a color (did you mean 'cyan'?)"),
        ((-1, "color", "cyan"), "index is -1; it is a whole number from 0"),
        ((LARGEST + 1, "color", "cyan"), "index is 1000000000; it is a whole number from 0"),
    ],
)
def test_words_for_wrong_fields(record, message):
    with pytest.raises(DataError) as caught:
        read_target([(1, "color", "red"), record], TVR)
    assert str(caught.value) == f"target[1].{message}"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (("cube", 0), "target[0].n is 0; it is a whole number from 1 to 20"),
        (("cube", 21), "target[0].n is 21; it is a whole number from 1 to 20"),
        (("lamp", 1), "target[0].Xaxis 'lamp' is not a Xaxis (one of cube)"),
        (("lamp", 20), "target[0].Xaxis 'lamp' is not a Xaxis (one of cube)"),
    ],
)
def test_words_for_fields_with_limits(record, message):
    count = RecordFormat(
        (Field("Xaxis", "closed", ("cube",)), Field("n", "integer", limits=(1, 20))), ("{Xaxis}: {n}",)
    )
    with pytest.raises(DataError) as caught:
        read_target([record], count)
    assert str(caught.value) == message
    assert read_target([("cube", 1), ("cube", 20)], count) == (("cube", 1), ("cube", 20))


@given(
    FORMATS.flatmap(lambda each: st.tuples(st.just(each), st.lists(records(each), unique=True, max_size=6))), st.data()
)
def test_every_form_of_any_records(drawn, data):
    record_format, items = drawn
    maps = [{"obj_idx": i, "attr": a, "val": v} for i, a, v in items]
    forms = [
        items,
        [list(item) for item in items],
        maps,
        json.dumps(maps),
        [record_format.render(item) for item in items],
    ]
    forms += [", ".join(map(record_format.render, items)), json.dumps([list(item) for item in items], indent=1)]
    assert read_target(data.draw(st.sampled_from(forms)), record_format) == tuple(items)


@given(FORMATS.flatmap(lambda each: st.tuples(st.just(each), answers(each))))
def test_whatever_the_answers_parser_accepts(drawn):
    record_format, (text, items) = drawn
    if len(set(items)) == len(items):
        assert read_target(text, record_format) == tuple(items)
    else:
        with pytest.raises(DataError, match=r" twice; a change is named once$"):
            read_target(text, record_format)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | hostile_answers() | st.sampled_from(["color", "red", 2]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["obj_idx", "attr", "val", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JUNK)
def test_anything_else_is_a_data_error_and_nothing_worse(value):
    try:
        found = read_target(value, TVR)
    except DataError as error:
        message = str(error)
    else:
        message = "target"
        assert read_target([tuple(record) for record in found], TVR) == found
    assert message.startswith("target")


def test_caches_are_bounded():
    assert _read_text.cache_info().maxsize == _known.cache_info().maxsize == 4096
