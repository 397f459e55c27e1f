"""The references of a reasoning: the case table, properties, limits."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from parsers import references as module
from parsers.references import MAX_REASONING, References, inverse, normalise_name, normalise_relation, parse_references
from parsers.types import Fault, Relation
from tests.case_names import plain

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "cases" / "references.jsonl").read_text(encoding="utf-8").splitlines()
]
PIECES = [
    "View 1:",
    "view 2 -",
    "### Image 3\n",
    "**View 4**",
    "Step 2",
    "Reasoning:",
    "Cross-view",
    "[",
    "]",
    ",",
    "，",
    "sofa",
]
PIECES += [
    "[a, b, left]",
    "[b, a, left]",
    "[a, b]",
    "[1, 2]",
    " ",
    "\n",
    "\r\n",
    "#",
    "*",
    "View",
    "Image",
    "1",
    "٣",
    "\ud800",
    ":",
]
TEXTS = st.text() | st.lists(st.sampled_from(PIECES)).map("".join) | st.lists(st.sampled_from(PIECES)).map(" ".join)
NAMES = (st.sampled_from(["sofa", "Red Balls", "the lamp", "camera", "view 1"]) | st.text(max_size=8)).map(
    normalise_name
)
WORDS = (st.sampled_from(["left", "front right", "near", "leaning on"]) | st.text(max_size=8)).map(normalise_relation)
TRIPLETS = st.builds(Relation, NAMES.filter(bool), NAMES.filter(bool), WORDS.filter(bool))
VIEWS = st.dictionaries(st.integers(0, 9999), st.lists(TRIPLETS, max_size=4).map(tuple), max_size=4)


def codes(faults):
    return [fault.code for fault in faults]


@pytest.mark.parametrize("case", CASES, ids=lambda case: plain(case["text"]))
def test_case(case):
    parsed = parse_references(case["text"])
    found = {str(view): [list(triplet) for triplet in triplets] for view, triplets in parsed.relations.items()}
    assert found == case["views"]
    assert (codes(parsed.invalid), codes(parsed.notes)) == (case["invalid"], case["notes"])
    assert (parsed.fault and parsed.fault.code) == case["fault"]


def test_every_view_is_apart():
    parsed = parse_references("[x, y, on] View 2: [sofa, ball, left] View 1:\nView 7: [lamp, me, near]")
    assert parsed.views == (2, 1, 7)
    assert parsed.names(2) == {"sofa", "ball"}
    assert parsed.names(1) == parsed.names(3) == frozenset()
    assert parsed.names(7) == {"lamp", "camera"}
    assert parsed.names(None) == {"x", "y"}


def test_a_fault_has_its_place():
    text = "View 1: [sofa, ball, left] [a, b]\n[b, c, on] [c, b, on]"
    parsed = parse_references(text)
    assert parsed.invalid[0].offset == text.index("[a, b]")
    assert parsed.notes[0].offset == text.index("[c, b, on]")
    assert parsed.notes[0].message == "'b' is both above and below of 'c' in view 1"


@given(TEXTS)
@example("[" * 1000 + "]" * 1000)
@example("View 1: [" + "a" * 300 + ", b, left]")
def test_any_text_gives_normalised_triplets(text):
    parsed = parse_references(text)
    for triplets in parsed.relations.values():
        for subject, other, relation in triplets:
            assert (normalise_name(subject), normalise_name(other)) == (subject, other) != ("", "")
            assert normalise_relation(relation) == relation != ""
    assert all(0 <= fault.offset <= len(text) for fault in parsed.invalid + parsed.notes)
    assert pickle.loads(pickle.dumps(parsed)) == parsed


@given(VIEWS, st.lists(TRIPLETS, max_size=3).map(tuple))
def test_what_is_rendered_is_read_back(views, outside):
    relations = ({None: outside} if outside else {}) | views
    for triplets in relations.values():
        assume(("object 1", "object 2", "relation") not in triplets)
        assume(not any(all(part.replace(" ", "").isdigit() for part in triplet) for triplet in triplets))
        assume(not any(inverse(other) and not inverse(relation) for _, other, relation in triplets))  # the middle is it
    assert parse_references(str(References(relations))).relations == relations


@given(TEXTS)
def test_parsing_its_own_rendering_changes_nothing(text):
    parsed = parse_references(text)
    assume(
        not any(all(part[0].isdigit() for part in triplet) for each in parsed.relations.values() for triplet in each)
    )
    again = parse_references(str(parsed))
    assert dict(again.relations) == dict(parsed.relations)


@given(TRIPLETS)
def test_a_triplet_and_its_contrary_are_a_contradiction(triplet):
    opposite = inverse(triplet.relation)
    assume(triplet.subject != triplet.object and opposite not in (None, triplet.relation))
    assume(triplet != ("object 1", "object 2", "relation"))
    twisted = Relation(triplet.object, triplet.subject, triplet.relation)
    parsed = parse_references(str(References({1: (triplet, twisted)})))
    assert set(codes(parsed.notes)) == {"contradiction"}
    parsed = parse_references(str(References({1: (triplet, Relation(triplet.object, triplet.subject, opposite))})))
    assert parsed.notes == ()


@pytest.mark.slow
def test_a_megabyte_of_brackets():
    assert parse_references("View 1: [sofa, ball, left] " + "[" * 1_000_000).names(1) == {"sofa", "ball"}
    assert parse_references("[]" * 500_000 + "\nView 1: [sofa, ball, left]").names(1) == {"sofa", "ball"}


def test_a_reasoning_has_a_greatest_length():
    head = "View 1: [sofa, ball, left]"
    assert parse_references(head + " " * (MAX_REASONING - len(head))).fault is None
    too_long = parse_references(head + " " * (MAX_REASONING - len(head) + 1))
    assert (too_long.fault.code, too_long.relations) == ("too_long", {})


@pytest.mark.parametrize(
    ("text", "invalid", "notes"),
    [
        ("View 1: [a, b]", [("part_count", "a triplet has 3 parts, this has 2", 8)], []),
        ("View 1: [a, b, c, d]", [("part_count", "a triplet has 3 parts, this has 4", 8)], []),
        ("[a, , left]", [("empty_part", "a part of the triplet is empty", 0)], []),
        (" [ , , ]", [("empty_part", "a part of the triplet is empty", 1)], []),
        (
            "View 1: [object 1, object 2, relation]",
            [("placeholder", "these are the prompt's words, not objects", 8)],
            [],
        ),
        ("View 1: [a, b, left", [("unclosed", "a bracket is not closed on its line", 8)], []),
        (
            "x [a, b, left] [c, d, on]\nView 2: [a, a, on]",
            [],
            [
                ("outside_view", "triplets outside any view's section: 2", 2),
                ("self_relation", "'a' is related to itself", 34),
            ],
        ),
        (
            "View 1: [b, a, left] [a, a, on] [a, b, left]",
            [],
            [
                ("self_relation", "'a' is related to itself", 21),
                ("contradiction", "'a' is both right and left of 'b' in view 1", 32),
            ],
        ),
        (
            "[a, b, near] [b, a, far]",
            [],
            [
                ("outside_view", "triplets outside any view's section: 2", 0),
                ("contradiction", "'a' is both near and far of 'b' outside the views", 13),
            ],
        ),
    ],
    ids=plain,
)
def test_words_and_places_of_faults(text, invalid, notes):
    parsed = parse_references(text)
    assert (list(parsed.invalid), list(parsed.notes), parsed.fault) == (invalid, notes, None)


def test_nothing_is_read_of_nothing():
    assert parse_references(" \n") == References(fault=Fault("empty", "the reasoning is empty", 0))
    message = "the reasoning has 10,000,001 characters; 10,000,000 are read"
    assert parse_references("x" * 10_000_001) == References(fault=Fault("too_long", message, 10_000_000))


def test_triplets_outside_the_views_are_written_first():
    triplet, other = Relation("sofa", "ball", "left"), Relation("lamp", "door", "near")
    parsed = References({3: (triplet, other), None: (other,), 1: ()})
    assert str(parsed) == "[lamp, door, near]\nView 3: [sofa, ball, left] [lamp, door, near]\nView 1:"


def test_only_short_triplets_are_remembered():
    module._cached_triplet.cache_clear()
    for length in (199, 200, 201, 1000):
        text = f"[{'a' * (length - 14)}, ball, left]"
        assert parse_references(text).relations[None][0].object == "ball"
    assert module._cached_triplet.cache_info()[2:] == (8192, 2)


KEYS = ["View {}", "view_{}", "image-{}", "{}", "camera_{}", "Photo {}", "view {}, front", "image {} (left)", "图{}", "视图 {}", "frame {}"]  # fmt: skip


@pytest.mark.parametrize("key", [*KEYS, "ordinal"])
@pytest.mark.parametrize("indent", [None, 2])
def test_keys_of_json_name_views(key, indent):
    keys = ["first view", "the second image"] if key == "ordinal" else [key.format(1), key.format(2)]
    text = json.dumps(
        {keys[0]: [["sofa", "ball", "left"]], keys[1]: [["door", "lamp", "left"]]}, ensure_ascii=False, indent=indent
    )
    for written in (text, f"Triplets: {text}", text.replace('"', "'")):
        found = parse_references(written)
        assert (found.names(1), found.names(2), found.views) == ({"sofa", "ball"}, {"door", "lamp"}, (1, 2))


@pytest.mark.parametrize("key", ["step 1", "view 1 to view 2", "camera", "first", "sofa 1"])
def test_other_keys_name_no_view(key):
    assert parse_references(json.dumps({key: [["sofa", "ball", "left"]]})).views == ()


def test_the_name_of_an_image_file_is_no_view():
    assert parse_references('{"image": "1.png", "triplets": [["sofa", "ball", "left"]]}').views == ()
    assert parse_references('{"image": "1", "triplets": [["sofa", "ball", "left"]]}').views == (1,)


@pytest.mark.parametrize("header", ["Triplets (view {}):", "View No {}:", "Let me look at view {}:"])
def test_more_headers(header):
    found = parse_references(f"{header.format(1)} [sofa, ball, left]\n{header.format(2)} [door, lamp, left]")
    assert (found.names(1), found.names(2)) == ({"sofa", "ball"}, {"door", "lamp"})
