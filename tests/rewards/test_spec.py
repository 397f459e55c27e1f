"""Specs: what is refused and with which words, presets, parts, changes, pickling."""

import pickle
from dataclasses import fields
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import TVR
from rewards.errors import ConfigError, nearest
from rewards.spec import PRESETS, TieredSpec, preset_spec
from tests.strategies import specs

FULL, PAIR, INDEX = ("index", "attribute", "value"), ("index", "attribute"), ("index",)
NAN, INF = float("nan"), float("inf")


def test_tvr_is_the_papers():
    assert TVR.tiers == {FULL: 5.0, PAIR: 1.5, INDEX: 0.5}
    assert (TVR.incorrect_penalty, TVR.underprediction_penalty) == (1.0, 1.0)
    assert (TVR.matching, TVR.incorrect, TVR.conflicts, TVR.scale) == ("one_to_one", "not_exact", "last", None)
    assert (TVR.miss_table, TVR.count, TVR.also_underprediction) == ("reduced", "shortfall", False)
    assert (TVR.rule, TVR.multiset) == ("tiered", False)
    assert TVR.parts == ("exact", "attribute", "object")
    assert TVR.nested


# What each preset changes of TVR, and nothing else.
CHANGES = {
    "default": {},
    "paper": {"matching": "literal", "conflicts": "each"},
    "calibrated": {
        "tiers": {FULL: 5.0},
        "incorrect": "not_attribute",
        "incorrect_penalty": 5.0,
        "underprediction_penalty": 5.0,
    },
    "no_object_tier": {"tiers": {FULL: 5.0, PAIR: 1.5}},
    "no_attribute_tier": {"tiers": {FULL: 5.0, INDEX: 0.5}},
    "no_underprediction_penalty": {"underprediction_penalty": 0.0},
    "no_incorrect_penalty": {"incorrect_penalty": 0.0},
    "count_difference": {"incorrect_penalty": 0.0, "count": "difference"},
    "naive_binary": {"rule": "binary"},
}


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_changes_only_what_it_says(preset):
    spec = preset_spec(TVR, preset)
    names = [each.name for each in fields(TieredSpec) if each.init]
    changed = {name: getattr(spec, name) for name in names if getattr(spec, name) != getattr(TVR, name)}
    assert changed == CHANGES[preset]
    assert spec.table == TVR.table
    assert spec.parts == TVR.parts


@pytest.mark.parametrize("preset", PRESETS)
def test_every_override_applies_to_every_preset(preset):
    spec = preset_spec(
        TVR, preset, matching="literal", incorrect="no_tier", conflicts="each", scale="n_gt", incorrect_penalty=3
    )
    assert (spec.matching, spec.incorrect, spec.conflicts, spec.scale) == ("literal", "no_tier", "each", "n_gt")
    assert spec.incorrect_penalty == 3


def test_presets_know_other_specs():
    two = TieredSpec(fields=("name", "color"), tiers={("name", "color"): 2.0, ("name",): 1.0})
    one = TieredSpec(fields=("name",), tiers={("name",): 3.0})
    assert two.parts == ("exact", "name")
    assert preset_spec(two, "calibrated") == two.change(
        tiers={("name", "color"): 2.0}, incorrect="not_name", incorrect_penalty=2.0, underprediction_penalty=2.0
    )
    assert preset_spec(one, "calibrated").incorrect == "not_exact"
    for preset, part in (("no_object_tier", "object"), ("no_attribute_tier", "attribute")):
        with pytest.raises(
            ConfigError, match=f"^this preset drops the tier '{part}', and the task's tiers are exact, name$"
        ):
            preset_spec(two, preset)


WRONG = {
    "unknown field": (
        {"tiers": {FULL: 5.0, ("colour",): 1.0}},
        r"tier \('colour',\) must be a tuple of some of the fields",
    ),
    "a tier that is text": (
        {"tiers": {FULL: 5.0, "index": 1.0}},
        r"tier 'index' must be a tuple of some of the fields",
    ),
    "an empty tier": ({"tiers": {FULL: 5.0, (): 1.0}}, r"tier \(\) must be a tuple"),
    "a wrong table": ({"table": (FULL, "index")}, r"tier 'index' must be a tuple"),
    "no exact tier": ({"tiers": {PAIR: 5.0}}, r"one tier must hold all fields .*: that is the exact match"),
    "no tiers": ({"tiers": {}}, "one tier must hold all fields"),
    "a field twice": ({"tiers": {FULL: 5.0, ("index", "index"): 1.0}}, "a tier or a field of it stands twice"),
    "a tier twice": ({"tiers": {FULL: 5.0, PAIR: 1.0, PAIR[::-1]: 2.0}}, "a tier or a field of it stands twice"),
    "a tier twice in the table": (
        {"tiers": {FULL: 5.0}, "table": (FULL, INDEX, INDEX)},
        "a tier or a field of it stands twice",
    ),
    "a tier outside the table": ({"table": (FULL, PAIR)}, r"tier \('index',\) is not in the table"),
    "a negative tier": ({"tiers": {FULL: -5.0}}, r"tier .* has the reward -5\.0; a tier's is a number from 0 to"),
    "an infinite tier": ({"tiers": {FULL: INF}}, "reward inf"),
    "a tier that is no number": ({"tiers": {FULL: NAN}}, "reward nan"),
    "a negative penalty": (
        {"incorrect_penalty": -1.0},
        r"incorrect_penalty is -1\.0; a penalty is a number from 0 to",
    ),
    "an infinite penalty": (
        {"underprediction_penalty": INF},
        "underprediction_penalty is inf; a penalty is a number from",
    ),
    "a penalty that is no number": ({"incorrect_penalty": NAN}, "incorrect_penalty is nan"),
    "matching": ({"matching": "greedy"}, r"^matching is 'greedy'; it is one of 'one_to_one', 'literal', 'aligned'$"),
    "conflicts": ({"conflicts": "first"}, r"^conflicts is 'first'; it is one of 'last', 'each'$"),
    "scale": ({"scale": "n_pred"}, r"^scale is 'n_pred'; it is one of None, 'n_gt'$"),
    "miss_table": ({"miss_table": "all"}, r"^miss_table is 'all'; it is one of 'reduced', 'full'$"),
    "count": ({"count": "ratio"}, r"^count is 'ratio'; it is one of 'shortfall', 'difference'$"),
    "rule": ({"rule": "soft"}, r"^rule is 'soft'; it is one of 'tiered', 'binary'$"),
    "incorrect": (
        {"incorrect": "not_obj"},
        r"^incorrect is 'not_obj'; it is one of not_exact, not_attribute, not_object, no_tier$",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_specs_are_refused(name):
    options, message = WRONG[name]
    with pytest.raises(ConfigError, match=message):
        TieredSpec(**({"fields": FULL, "tiers": dict(TVR.tiers)} | options))


@pytest.mark.parametrize(
    ("field", "value"), [("incorrect_penalty", 0), ("underprediction_penalty", 0.0), ("incorrect_penalty", 1e9)]
)
def test_bounds_are_allowed(field, value):
    assert getattr(TVR.change(**{field: value}), field) == value
    assert TVR.change(tiers={"object": 0}).tiers[INDEX] == 0.0


# --- parts -----------------------------------------------------------------------------------------------------------


@given(specs())
def test_parts_are_distinct_and_the_first_is_exact(spec):
    assert len(set(spec.parts)) == len(spec.parts) == len(spec.table)
    assert spec.parts[0] == "exact"
    assert not {"format", "incorrect", "underprediction"} & set(spec.parts)


def test_tiers_that_end_in_the_same_field_are_named_by_all():
    spec = TieredSpec(fields=FULL, tiers={FULL: 5.0, ("index", "value"): 2.0, ("value",): 1.0, PAIR: 1.0, INDEX: 0.5})
    assert spec.parts == ("exact", "attribute", "index_value", "object", "value")
    spec = TieredSpec(fields=("index", "object"), tiers={("index", "object"): 1.0, ("index",): 0.5, ("object",): 0.5})
    assert spec.parts == ("exact", "index", "object")


@pytest.mark.parametrize("name", ["format", "incorrect", "underprediction"])
def test_no_tier_may_be_called_like_another_part(name):
    with pytest.raises(ConfigError, match="must differ from each other and from"):
        TieredSpec(fields=("index", name), tiers={("index", name): 1.0, (name,): 0.5})


def test_tiers_come_best_first_and_their_fields_in_order():
    for keys in permutations([FULL[::-1], PAIR[::-1], INDEX, ("value",)]):
        spec = TieredSpec(fields=FULL, tiers=dict.fromkeys(keys, 1))
        assert spec.table == (FULL, PAIR, INDEX, ("value",))
        assert list(map(type, spec.tiers.values())) == [float] * 4
        assert set(spec.tiers) == set(spec.table)


# --- values ----------------------------------------------------------------------------------------------------------


def test_a_dropped_tier_is_paid_as_the_best_one_within_it():
    spec = preset_spec(TVR, "no_attribute_tier")
    assert [spec.paid_as(level) for level in range(3)] == [0, 2, 2]
    assert [spec.value(level) for level in range(3)] == [5.0, 0.5, 0.5]
    spec = preset_spec(TVR, "no_object_tier")
    assert [spec.paid_as(level) for level in range(3)] == [0, 1, None]
    assert [spec.value(level) for level in range(3)] == [5.0, 1.5, 0.0]
    apart = TieredSpec(fields=FULL, tiers={FULL: 5.0, ("value",): 1.0}, table=(FULL, PAIR, ("value",)))
    assert [apart.paid_as(level) for level in range(3)] == [0, None, 2]


@pytest.mark.parametrize(
    ("options", "correct"),
    [
        ({"incorrect": "not_exact"}, [True, False, False]),
        ({"incorrect": "not_attribute"}, [True, True, False]),
        ({"incorrect": "not_object"}, [True, True, True]),
        ({"incorrect": "no_tier"}, [True, True, True]),
        ({"incorrect": "no_tier", "tiers": {"object": 0.0}}, [True, True, False]),
        ({"incorrect": "no_tier", "tiers": {"object": 0.0}, "miss_table": "full"}, [True, True, True]),
        ({"incorrect": "not_object", "tiers": {"object": 0.0}}, [True, True, True]),
    ],
)
def test_what_counts_as_correct(options, correct):
    assert [TVR.change(**options).counts_as_correct(level) for level in range(3)] == correct


def test_a_tier_beside_the_threshold_is_incorrect():
    spec = TieredSpec(fields=FULL, tiers={FULL: 5.0, PAIR: 1.0, ("value",): 1.0}, incorrect="not_value")
    assert [spec.counts_as_correct(level) for level in range(3)] == [True, False, True]


@given(specs())
def test_nested_means_a_chain_worth_less_and_less(spec):
    chain = all(set(b) < set(a) for a, b in zip(spec.table, spec.table[1:], strict=False))
    values = [spec.value(level) for level in range(len(spec.table))]
    assert spec.nested == (chain and values == sorted(values, reverse=True))


# --- changes ---------------------------------------------------------------------------------------------------------


def test_tiers_may_be_changed_by_part_or_by_key():
    assert TVR.change(tiers={"object": 0.25}).tiers == {FULL: 5.0, PAIR: 1.5, INDEX: 0.25}
    assert TVR.change(tiers={"object": 0.25, "exact": 4}).tiers == {FULL: 4.0, PAIR: 1.5, INDEX: 0.25}
    assert TVR.change(tiers={FULL: 1.0}).tiers == {FULL: 1.0}
    assert TVR.change(tiers={FULL: 1.0, "object": 0.5}).tiers == {FULL: 1.0, INDEX: 0.5}
    assert TVR.change(tiers={}).tiers == TVR.tiers
    assert TVR.change() == TVR


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"incorect_penalty": 2}, r"^unknown reward option 'incorect_penalty' \(did you mean 'incorrect_penalty'\?\)$"),
        (
            {"zzz": 2},
            r"^unknown reward option 'zzz' \(one of fields, tiers, incorrect_penalty, .*consistency_weight\)$",
        ),
        ({"tiers": {"atribute": 1}}, r"^unknown tier 'atribute' \(did you mean 'attribute'\?\)$"),
        ({"tiers": 5}, "^reward options: "),
        ({"tiers": {"exact": "lots"}}, "^reward options: could not convert string to float"),
        ({"incorrect_penalty": "1"}, "^incorrect_penalty is '1'; a penalty is a number from 0 to"),
        ({"underprediction_penalty": [1]}, r"^underprediction_penalty is \[1\]; a penalty is"),
        ({"matching": "greedy"}, "^matching is 'greedy'"),
    ],
)
def test_wrong_changes_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TVR.change(**changes)


def test_unknown_presets_are_refused():
    with pytest.raises(ConfigError, match=r"^unknown preset 'papers' \(did you mean 'paper'\?\)$"):
        preset_spec(TVR, "papers")
    with pytest.raises(ConfigError, match=r"^unknown reward option 'matchin' \(did you mean 'matching'\?\)$"):
        preset_spec(TVR, "paper", matchin="literal")


@given(specs())
def test_specs_are_values(spec):
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert spec.change() == spec
    with pytest.raises(AttributeError):
        spec.matching = "literal"


@given(st.text(), st.lists(st.text(min_size=1), min_size=1))
def test_nearest_names_what_is_known(name, known):
    hint = nearest(name, known)
    assert hint.startswith(" (did you mean ") or hint == f" (one of {', '.join(known)})"
