"""What policies know of a scene, what they may be unsure of, and what they write, for scenes known and unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.audit.policies import POLICIES, unlike, written
from benchmarks.audit.reward import honest, is_exact, write
from benchmarks.audit.scenes import draw_scenes, read_scenes
from benchmarks.audit.uncertainty import RANGES, Belief, majority_answer, uncertainties
from parsers.completion import parse_completion
from parsers.records import parse_records
from rewards.tasks import load_task

TVR, MULTIVIEW = load_task("tvr"), load_task("multiview")


@pytest.mark.parametrize("scene", draw_scenes(TVR, 8))
def test_uncertainties_of_a_list(scene):
    found = {(uncertainty.about, uncertainty.model): uncertainty for uncertainty in uncertainties(scene, ())}
    assert {model for _, model in found} <= set(RANGES)
    for at, field in enumerate(("index", "attribute", "value")):
        uncertainty = found[field, "two candidates"]
        right, wrong = (world.target[-1] for world in uncertainty.worlds)
        assert uncertainty.worlds[0] is uncertainty.belief.scene is scene
        assert uncertainty.belief.otherwise is uncertainty.worlds[1]
        assert right[:at] == wrong[:at]
        assert right[at] != wrong[at]
        guess = found[field, "one guess"]
        assert guess.belief.otherwise.target == scene.target[:-1]
        assert guess.worlds == uncertainty.worlds
    assert (("existence", "likely there") in found) == (len(scene.target) > 1)


def test_existence_is_believed_in_the_likelier_way():
    scene = draw_scenes(TVR, 1, changes=(2,))[0]
    found = {
        uncertainty.model: uncertainty for uncertainty in uncertainties(scene, ()) if uncertainty.about == "existence"
    }
    there, absent = found["likely there"], found["likely not there"]
    assert there.belief.scene.target == absent.belief.otherwise.target == scene.target
    assert there.worlds == absent.worlds[::-1]


def test_a_wrong_object_is_none_of_the_true_ones():
    for scene in draw_scenes(TVR, 12, changes=(4,)):
        uncertainty = next(each for each in uncertainties(scene, ()) if each.about == "index")
        assert uncertainty.worlds[1].target[-1][0] not in {record[0] for record in scene.target}


def test_uncertainties_of_a_question():
    for scene in draw_scenes(MULTIVIEW, 12):
        found = [(uncertainty.about, uncertainty.model) for uncertainty in uncertainties(scene, ())]
        assert ("answer", "two candidates") in found
        assert (("answer", "one guess") in found) == (len(scene.universe) > 2)
        assert (("reference", "likely there") in found) == (len(scene.references[0]) > 1)


def test_nothing_true_leaves_no_uncertainty():
    from dataclasses import replace

    assert list(uncertainties(replace(draw_scenes(TVR, 1)[0], target=()), ())) == []


def test_the_majority_is_the_most_frequent_answer():
    one, two, *_ = draw_scenes(TVR, 4)
    assert majority_answer([one, two, two]) == two.target
    assert majority_answer([one, two]) == one.target


BY_NAME = {policy.name: policy for policy in POLICIES}
SCENE = read_scenes(TVR, ["2.color.cyan, 0.shape.cube"])[0]


def _write(name, scene=SCENE, **belief):
    return BY_NAME[name].write(Belief(scene, **({"otherwise": scene} | belief)))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["tvr", "trance", "multiview"]))
def test_every_policy_writes_the_same_again_in_every_uncertainty(seed, name):
    (scene,) = draw_scenes(load_task(name), 1, seed=seed)
    for uncertainty in uncertainties(scene, scene.target):
        for policy in POLICIES:
            if policy.is_for(scene.task):
                one, other = (written(policy, uncertainty.belief) for _ in range(2))
                assert one == other
                assert [write(each, scene) for each in one]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_policies_other_than_padding_and_hedging_are_not_exact(policy):
    scenes = [*draw_scenes(TVR, 8, changes=(2, 3)), *draw_scenes(MULTIVIEW, 9)]
    fits = [scene for scene in scenes if policy.is_for(scene.task)]
    exact = [
        is_exact(candidate, scene)
        for scene in fits
        for candidate in written(policy, Belief(scene, scene, (unlike(scene),)))
    ]
    if policy.name in ("padding", "leave_out", "hedge"):
        assert all(exact)
    elif policy.name in (
        "first_k",
        "fragment",
        "lookalikes",
        "foreign_digits",
        "reference_pooling",
        "reference_stuffing",
    ):
        assert not all(exact)  # by chance, or where there is nothing to shorten or to disguise
    elif policy.role == "blind":
        assert not all(exact)
        assert sum(exact) <= len(exact) / 2
    else:
        assert not any(exact)


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("silent", 0),
        ("wrong_answer", 1),
        ("one_of_all", 1),
        ("add_wrong", 3),
        ("repeat", 4),
        ("everything", 170),
        ("values_of_cell", 8 + 3),
        ("values_of_object", 17 + 17),
        ("all_attributes", 4 + 4),
        ("all_cells", 40),
        ("all_objects", 11),
        ("mixed_up", 2),
        ("first_k", 2),
    ],
)
def test_how_much_a_policy_names(name, items):
    found = _write(name).items
    assert len(found) == items
    assert name == "repeat" or len(set(found)) == items


@pytest.mark.parametrize(
    "name", ["everything", "values_of_cell", "values_of_object", "add_wrong", "all_attributes", "all_cells"]
)
def test_enumerations_hold_the_truth(name):
    assert set(SCENE.target) <= set(_write(name).items)


@pytest.mark.parametrize("name", ["everything", "values_of_cell", "values_of_object"])
def test_the_believed_value_of_a_cell_is_named_last(name):
    last = {record[:-1]: record for record in _write(name).items}
    assert set(SCENE.target) <= set(last.values())


def test_mixing_up_keeps_every_field_and_no_record():
    mixed = _write("mixed_up").items
    assert not {*mixed} & {*SCENE.target}
    assert {record[0] for record in mixed} == {record[0] for record in SCENE.target}
    assert sorted(record[1:] for record in mixed) == sorted(record[1:] for record in SCENE.target)
    alone = read_scenes(TVR, ["2.color.cyan"])[0]
    assert _write("mixed_up", alone) == honest(alone)


def test_hedging_names_both_the_likelier_last_and_leaving_out_neither():
    uncertainty = next(
        each for each in uncertainties(SCENE, ()) if (each.about, each.model) == ("value", "two candidates")
    )
    hedge = BY_NAME["hedge"].write(uncertainty.belief).items
    assert hedge == (uncertainty.worlds[1].target[-1], *SCENE.target)
    assert BY_NAME["leave_out"].write(uncertainty.belief).items == SCENE.target[:-1]
    assert BY_NAME["hedge"].write(Belief(SCENE, SCENE)) == honest(SCENE)


def test_texts():
    assert write(_write("nothing"), SCENE) == ""
    assert write(_write("format_only"), SCENE) == "<think></think><answer></answer>"
    assert "<answer>2.color.cyan, 0.shape.cube</answer></think>" in write(_write("answer_in_reasoning"), SCENE)
    assert write(_write("no_tags"), SCENE) == "I compared the views. 2.color.cyan, 0.shape.cube"
    assert write(_write("right_block_last"), SCENE).endswith("</answer><answer>2.color.cyan, 0.shape.cube</answer>")
    assert "<answer>2.color.cyan, 0.shape.cube</answer><answer>" in write(_write("right_block_first"), SCENE)
    assert write(_write("prompt_echo"), SCENE).count("index.attribute.value") == 2
    assert len(write(_write("padding"), SCENE)) > 3000
    assert "<answer> 0.shape.cube</answer>" in write(_write("fragment"), SCENE)
    assert _write("majority", majority=(SCENE.target[0],)).items == SCENE.target[:1]


@pytest.mark.parametrize(("name", "kept"), [("lookalikes", str.isdigit), ("foreign_digits", str.isalpha)])
def test_lookalikes_and_foreign_digits_are_other_characters_in_every_piece(name, kept):
    for item, record in zip(_write(name).items, SCENE.target, strict=True):
        plain = TVR.record_format.render(record)
        assert len(item) == len(plain)
        assert not item.isascii()
        assert all(new == old for new, old in zip(item, plain, strict=True) if kept(old))


def test_what_cannot_be_shortened_or_disguised_stays_honest():
    scene = replace(draw_scenes(MULTIVIEW, 1)[0], target=(("w",),))
    assert _write("fragment", scene) == _write("lookalikes", scene) == _write("foreign_digits", scene) == honest(scene)


def test_references():
    scene = draw_scenes(MULTIVIEW, 1)[0]
    assert _write("reference_stuffing", scene).named == scene.visible
    assert all(names == () for names in _write("reference_omission", scene).named)
    assert len(set(_write("reference_pooling", scene).named)) == 1


def test_policies_that_are_right_on_a_part_or_see_nothing():
    scene = draw_scenes(MULTIVIEW, 1)[0]
    pooled = {name for names in scene.references for name in names}
    wrong = _write("reference_inversion", scene)
    assert wrong.items == scene.target
    assert all(not {*said} & {*true} for said, true in zip(wrong.named, scene.references, strict=True))
    for name in ("references_wrong_answer", "references_empty_answer", "references_no_answer"):
        assert _write(name, scene).named == scene.references
        assert _write(name, scene).items != scene.target
    assert "<answer>" not in write(_write("references_no_answer", scene), scene)
    assert write(_write("contradictory_relations", scene), scene).count("[") == 2 * write(honest(scene), scene).count(
        "["
    )
    assert "Mapping:" in write(_write("mapping_nonsense", scene), scene)
    for name in ("blind_guess", "blind_same_set", "blind_one_view", "blind_assignment", "blind_names"):
        found = _write(name, scene)
        answers = {answer: [each for each in found if each.items == (answer,)] for answer in scene.universe}
        assert len({len(each) for each in answers.values()}) == 1  # every answer as often: it sees nothing
        assert all({*names} <= pooled for each in found for names in each.named)
    assert all(len(set(each.named)) == 1 and {*each.named[0]} == pooled for each in _write("blind_same_set", scene))


def test_what_is_drawn_at_random_comes_with_its_complement():
    for scene in draw_scenes(MULTIVIEW, 6):
        pooled = {name for names in scene.references for name in names}
        drawn = list(dict.fromkeys(each.named for each in _write("blind_names", scene)))
        assert all(
            tuple(pooled - {*names} for names in named) in [tuple(map(set, each)) for each in drawn] for named in drawn
        )


def test_items_that_cannot_be_read():
    text = write(_write("right_and_unparseable"), SCENE)
    read = parse_records(parse_completion(text).answer, TVR.record_format)
    assert (read.items, len(read.invalid)) == (SCENE.target, 7)
    assert parse_records(parse_completion(write(_write("unparseable"), SCENE)).answer, TVR.record_format).items == ()
    assert _write("wrong_and_unparseable").items[0] == unlike(SCENE)
    assert _write("reasons_otherwise").reasoning.endswith("So the answer is 2.color.cyan, 0.shape.cube.")


def test_names_are_unique_and_say_something():
    assert len(BY_NAME) == len(POLICIES)
    assert all(policy.tries and policy.kinds for policy in POLICIES)


@given(st.integers(0, 1000))
def test_unlike_shares_nothing_where_that_is_possible(seed):
    (scene,) = draw_scenes(TVR, 1, seed=seed, changes=(1,))
    assert not set(unlike(scene)) & set(scene.target[0])


def test_records_with_braces_are_written_as_they_are(tmp_path):
    path = tmp_path / "braces.yaml"
    path.write_text(
        "name: braces\nkind: records\nfields: [{name: a, kind: open}, {name: b, kind: open}]\n"
        "forms: ['<{{{a}}}: {b}>']\nreward: {tiers: [{fields: [a, b], pays: 1}]}\n"
    )
    (scene,) = draw_scenes(load_task(str(path)), 1)
    for policy in POLICIES:
        if "records" in policy.kinds:
            text = write(policy.write(Belief(scene, scene, scene.target)), scene)
            assert "{{" not in text
            if policy.name.startswith("right_block"):
                assert text.count("<{") == 2
