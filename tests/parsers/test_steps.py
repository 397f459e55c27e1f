import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.references import MAX_REASONING, Steps, parse_references, parse_steps
from tests.case_names import plain

VIEW = "View 1: [sofa, ball, left]"
LABELS = {
    "plain": ("Mapping: ", "Reasoning: "),
    "numbered": ("2. Mapping. ", "3. Comparison. "),
    "step": ("Step 2: ", "Step 3: "),
    "bare step": ("Step 2\n", "Step 3\n"),
    "markdown": ("### Step 2: Cross-view mapping\n", "### Step 3: Spatial reasoning\n"),
    "bold": ("**Cross-View Spatial Mapping**\n", "**Reasoning:** "),
    "numbered bold": ("2. **Correspondences:** ", "3) **Conclusion** - "),
    "capitals": ("MAPPING:\n", "REASONING:\n"),
    "dash": ("Mapping of the views – ", "Final comparison – "),
}


@pytest.mark.parametrize(("second", "third"), LABELS.values(), ids=LABELS)
def test_the_steps_are_found_under_the_labels_that_models_write(second, third):
    steps = parse_steps(f"{VIEW}\n{second}both show the sofa.\n\n{third}so it is left.", views=1)
    assert (steps.mapping, steps.reasoning, steps.fault) == ("both show the sofa", "so it is left", None)
    assert steps.references.names(1) == {"sofa", "ball"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("x" * (MAX_REASONING + 1), "too_long"),
        (f"{VIEW}\nThe map shows that all is well. Reasoning is hard.", "no_mapping"),
        (f"{VIEW}\nThis is what I call the Mapping: one two three\nReasoning: one two three", "no_mapping"),
        (f"{VIEW}\nMapping:\nReasoning: one two three", "no_mapping"),
        (f"{VIEW}\nMapping: one two\nReasoning: one two three", "no_mapping"),
        (f"{VIEW}\nMapping: one two three", "no_reasoning"),
        (f"{VIEW}\nMapping: one two three\nReasoning: yes.", "no_reasoning"),
        (f"{VIEW}\nReasoning: one two three\nMapping: one two three", "steps_out_of_order"),
        ("Mapping: one two three\nReasoning: one two three", "no_references"),
        ("[sofa, ball, left]\nMapping: one two three\nReasoning: one two three", "no_references"),
        ("View 1: none\nMapping: one two three\nReasoning: one two three", "no_references"),
    ],
)
def test_what_is_missing_is_named(text, code):
    assert parse_steps(text).fault.code == code


def test_every_view_needs_its_section_but_not_a_triplet():
    text = f"{VIEW}\nView 2: none\nMapping: one two three\nReasoning: one two three"
    assert parse_steps(text, views=2).fault is None
    assert parse_steps(text, views=3).fault == ("missing_view", "view 3 of 3 is not written", None)


@given(st.text(alphabet="Mapping: Reasoning.\n*#-23Step [a,b]View1", max_size=200), st.none() | st.integers(0, 4))
def test_any_text_is_read(text, views):
    steps = parse_steps(text, views=views)
    assert (steps.fault is None) <= (steps.mapping is not None and steps.reasoning is not None)
    assert all(part is None or part in text for part in (steps.mapping, steps.reasoning))


@pytest.mark.parametrize("piece", ["Mapping ", "# ", "Step 2 ", "step 2 : ", "- mapping ", "\n", "* * ", "map map. "])
def test_a_megabyte_of_labels_is_read(piece):
    text = (piece * (1_000_000 // len(piece)))[:1_000_000]
    assert parse_steps(text).fault is not None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x", ("no_references", "no view has a triplet [object 1, object 2, relation]", None)),
        (
            f"{VIEW}\nReasoning: one two three",
            ("no_mapping", "there is no second step: a paragraph that begins with `Mapping:`", None),
        ),
        (
            f"{VIEW}\nMapping: one two three",
            ("no_reasoning", "there is no third step: a paragraph that begins with `Reasoning:`", None),
        ),
        (
            f"{VIEW}\nReasoning: one two three\nMapping: one two three",
            ("steps_out_of_order", "the third step comes before the second", 27),
        ),
        ("x" * (MAX_REASONING + 1), parse_references("x" * (MAX_REASONING + 1)).fault),
    ],
    ids=lambda value: plain(value)[:30],
)
def test_words_and_places_of_faults(text, fault):
    assert parse_steps(text).fault == fault


def test_what_is_missing_does_not_hide_the_rest():
    steps = parse_steps("Mapping: one two three\nReasoning: four five six")
    assert (steps.mapping, steps.reasoning) == ("one two three", "four five six")
    steps = parse_steps(f"{VIEW}\nMapping: one two three\nMapping: four five six", views=2)
    assert (steps.references.views, steps.mapping, steps.reasoning) == ((1,), "one two three", None)
    assert steps.fault == ("missing_view", "view 2 of 2 is not written", None)
    later = "View 2: [sofa, ball, left]\nMapping: one two three\nReasoning: four five six"
    assert parse_steps(later).fault is None
    assert parse_steps(later, views=2).fault == ("missing_view", "view 1 of 2 is not written", None)
    assert parse_steps(" ") == Steps(parse_references(" "), fault=("empty", "the reasoning is empty", 0))


@pytest.mark.parametrize("mark", " \t\r\n*_:.-–—")
def test_marks_around_a_step_are_no_part_of_it(mark):
    steps = parse_steps(f"{VIEW}\nMapping: {mark}one two three{mark}\nReasoning: {mark}X one two X{mark}")
    assert (steps.mapping, steps.reasoning) == ("one two three", "X one two X")
