"""Names and relations in one spelling."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parsers.references import VIEWER, cells, inverse, normalise_name, normalise_relation
from parsers.types import Relation

NAMES = {
    "sofa": [
        "sofa",
        "Sofa",
        "the sofa",
        "A sofa",
        " sofas ",
        "SOFAS.",
        "'sofa'",
        "the the sofa",
        "**sofa**",
        '"Sofas"',
    ],
    "display shelf": ["display shelves", "Display-Shelf", "the display_shelves", "display  shelf"],
    "box": ["box", "boxes"],
    "glass": ["glass", "glasses"],
    "bus": ["bus", "buses", "the Bus"],
    "house": ["house", "houses"],
    "vase": ["vases", "vase"],
    "bench": ["benches", "a bench"],
    "dish": ["dishes"],
    "battery": ["batteries"],
    "fly": ["flies", "fly"],
    "cookie": ["cookies", "cookie"],
    "tie": ["ties", "tie"],
    "potato": ["potatoes"],
    "shoe": ["shoes", "shoe"],
    "knife": ["knives"],
    "person": ["people", "person", "persons"],
    "cactus": ["cactus"],
    "tennis": ["tennis"],
    "gas": ["gas"],
    "kids toy": ["kid's toy", "kids’ toys"],
    "table with chair": ["table with Chairs"],
    "vitamin c box": ["Vitamin C box"],
    "沙发": ["沙发", " 沙发。"],
    "strasse 3": ["Straße ³"],
    "a": ["A", "a"],
    VIEWER: ["camera", "the viewer", "Observer", "me", "I", "cameras"],
    "": ["", " ", ".", "''", "***", "_"],
}
RELATIONS = {
    "left": [
        "left",
        "LEFT",
        "left of",
        "to the left of",
        "on the left side",
        "at the left-hand side of",
        "is left of",
        "leftward",
    ],
    "right": ["right", "to its right", "directly right of"],
    "front": ["front", "in front of", "in-front-of", "ahead", "front side"],
    "behind": ["behind", "back", "at the back of", "in back of", "rear"],
    "above": ["above", "on", "on top of", "over", "atop"],
    "below": ["below", "under", "beneath", "underneath"],
    "near": ["near", "next to", "beside", "close to", "by", "adjacent to"],
    "far": ["far", "far from", "far away from"],
    "closer": ["closer", "closer than", "nearer to"],
    "farther": ["farther", "further from"],
    "inside": ["inside", "in", "within", "inside of"],
    "contains": ["contains", "containing"],
    "front-left": [
        "front-left",
        "front left",
        "left front",
        "in front and to the left of",
        "left and in front of",
        "front_left",
    ],
    "above-behind-right": ["right behind above", "above, behind and right of"],
    "left-far": ["far left"],
    "leaning against": ["leaning against", "Leaning  AGAINST."],
    "not left": ["not left"],
    "left or right": ["left or right"],
    "left right": ["left/right", "left right"],
    "to the side": ["to the side"],
    "between": ["between"],
    "后面": ["后面"],
    "": ["", " ", "?!"],
}
INVERSES = {"left": "right", "front": "behind", "above": "below", "closer": "farther", "inside": "contains"}
INVERSES |= {
    "near": "near",
    "far": "far",
    "outside": "outside",
    "front-left": "behind-right",
    "above-left": "below-right",
}
KNOWN = st.sampled_from([relation for relation in RELATIONS if inverse(relation) is not None] + ["outside"])
OBJECTS = st.sampled_from(["sofa", "ball", "lamp", "door"])


@pytest.mark.parametrize(("plain", "spelling"), [(plain, each) for plain, all_ in NAMES.items() for each in all_])
def test_names(plain, spelling):
    assert normalise_name(spelling) == plain


@pytest.mark.parametrize(("plain", "spelling"), [(plain, each) for plain, all_ in RELATIONS.items() for each in all_])
def test_relations(plain, spelling):
    assert normalise_relation(spelling) == plain


@given(st.text() | st.text("aeinthslvoxcbu ").map(lambda text: text + "es"))
def test_normalising_twice_changes_nothing(text):
    name, relation = normalise_name(text), normalise_relation(text)
    assert normalise_name(name) == name
    assert normalise_relation(relation) == relation
    assert not set(name + relation) & set("[],，\n")


@pytest.mark.parametrize(("relation", "opposite"), INVERSES.items())
def test_inverses(relation, opposite):
    assert inverse(relation) == opposite
    assert inverse(opposite) == relation


def test_an_unknown_relation_has_no_inverse():
    assert [inverse(relation) for relation in ("between", "", "left or right", "leaning against")] == [None] * 4


@given(OBJECTS, OBJECTS, KNOWN)
def test_both_directions_say_the_same(subject, other, relation):
    assume(subject != other)
    turned = Relation(other, subject, inverse(relation))
    assert set(cells(Relation(subject, other, relation))) == set(cells(turned))
    assert inverse(inverse(relation)) == relation


def test_a_relation_to_itself_is_taken_as_written():
    assert cells(Relation("a", "a", "left")) == ((("a", "a", "lateral"), "left"),)


def test_an_unknown_relation_keeps_its_direction():
    assert cells(Relation("b", "a", "leaning against")) == ((("b", "a", "leaning against"), "leaning against"),)
