"""Declarations: the package's own, and each mistake in a user's."""

from pathlib import Path

import pytest

from parsers.formats import TRANCE, TVR
from parsers.values import Transformation
from rewards import score_completion
from rewards.errors import ConfigError
from rewards.questions import QuestionSpec
from rewards.spec import TVR as SPEC
from rewards.spec import TieredSpec
from rewards.tasks import load_task, task_names
from rewards.tasks.check import check_format

GRAPH = """\
name: graph
kind: records
fields:
  - {name: source, kind: open}
  - {name: target, kind: open}
  - {name: label, kind: closed, values: ["yes", "no", 2]}
synonyms: {"yeah": "yes"}
forms: ["{source} -> {target}: {label}", "({source}, {target}, {label})"]
reward:
  tiers:
    - {fields: [source, target, label], pays: 5}
    - {fields: [source, target], pays: 2}
    - {fields: [source, label], pays: 1}
  incorrect_penalty: 0.5
"""


def load(tmp_path, text):
    path = tmp_path / "task.yaml"
    path.write_text(text, encoding="utf-8")
    return load_task(str(path))


def test_the_package_declares_three_tasks():
    assert task_names() == ["multiview", "trance", "tvr"]


@pytest.mark.parametrize(("name", "record_format"), [("tvr", TVR), ("trance", TRANCE)])
def test_declared_formats_and_rewards_are_those_of_the_code(name, record_format):
    task = load_task(name)
    declared = task.record_format
    check_format(declared)
    assert (task.name, task.kind, task.spec) == (name, "records", SPEC)
    assert (declared.fields, declared.forms, declared.synonyms) == (
        record_format.fields,
        record_format.forms,
        record_format.synonyms,
    )
    assert type(declared.make((1, "color", "red"))) is Transformation
    assert task.parts == ("format", "exact", "attribute", "object", "incorrect", "underprediction")
    assert load_task(name) is task


def test_questions():
    task = load_task("multiview")
    assert (task.name, task.kind, task.spec, task.record_format) == ("multiview", "question", QuestionSpec(), None)
    assert task.parts == ("format", "answer", "reference")


def test_a_task_of_the_users_own(tmp_path):
    task = load(tmp_path, GRAPH)
    assert (task.name, task.kind) == ("graph", "records")
    assert task.parts == ("format", "exact", "target", "label", "incorrect", "underprediction")
    assert task.spec == TieredSpec(
        fields=("source", "target", "label"),
        tiers={("source", "target", "label"): 5.0, ("source", "target"): 2.0, ("source", "label"): 1.0},
        incorrect_penalty=0.5,
    )
    assert task.record_format.synonyms == (("yeah", "yes"),)
    answer = "<think></think><answer>a b -> c: YEAH, (b, c, no), d -> e: maybe</answer>"
    score = score_completion(answer, "a b -> c: yes\nb -> c: 2", task=str(tmp_path / "task.yaml"))
    assert dict(score.parts) == {
        "format": 1,
        "exact": 5,
        "target": 2,
        "label": 0,
        "incorrect": -1,
        "underprediction": 0,
    }
    assert score.answer.items == (("a b", "c", "yes"), ("b", "c", "no"))
    assert (
        score.fault.message == "'maybe' is not a label (did you mean 'yeah'?)"
        or "is not a label" in score.fault.message
    )


@pytest.mark.parametrize("kind", ["open", "integer"])
def test_a_list_of_names_or_numbers(tmp_path, kind):
    text = f'name: n\nkind: records\nfields: [{{name: thing, kind: {kind}}}]\nforms: ["{{thing}}"]\n'
    task = load(tmp_path, text + "reward: {tiers: [{fields: [thing], pays: 1}]}")
    score = score_completion("<think></think><answer>7, 8</answer>", "7", task=task)
    assert (score.total, score.answer.items) == (1.0, (("7",), ("8",)) if kind == "open" else ((7,), (8,)))


def test_a_question_of_the_users_own(tmp_path):
    task = load(tmp_path, "name: q\nkind: question\nreward: {answer_weight: 2}")
    assert task.spec == QuestionSpec(answer_weight=2)


LABEL = '{name: label, kind: closed, values: ["yes", "no", 2]}'
WRONG = {
    "broken YAML": (("name: graph", "name: ["), "while parsing a flow sequence"),
    "an unknown key": (("forms:", "froms:"), "unknown key 'froms' in the declaration (did you mean 'forms'?)"),
    "an unknown key of a field": (("name: label,", "name: label, value: 3,"), "unknown key 'value' in a field (did you mean 'values'?)"),
    "an unknown key of a tier": (("pays: 2", "pay: 2"), "unknown key 'pay' in a tier (did you mean 'pays'?)"),
    "a missing key": (("name: graph\n", ""), "the declaration lacks or misuses 'name'"),
    "no reward": ((GRAPH[GRAPH.index("reward:") :], ""), "the declaration lacks or misuses 'reward'"),
    "an unknown kind": (("kind: records", "kind: record"), "kind is 'record'; it is 'records' or 'question'"),
    "an unknown kind of field": (("target, kind: open", "target, kind: text"), "field 'target' is of kind 'text'; it is one of integer, closed, open"),
    "an unknown option": (("incorrect_penalty", "incorrect_penalti"), "unknown reward option 'incorrect_penalti' (did you mean 'incorrect_penalty'?)"),
    "a wrong option": (("incorrect_penalty: 0.5", "matching: best"), "matching is 'best'; it is one of 'one_to_one', 'literal'"),
    "a price that is a word": (("pays: 5", "pays: lots"), "could not convert string to float: 'lots'"),
    "a tier twice": (("[source, label]", "[source, target]"), "there are two tiers of the fields source, target"),
    "a tier of unknown fields": (("[source, label]", "[source, lable]"), "tier ('source', 'lable') must be a tuple of some of the fields"),
    "no exact tier": (("- {fields: [source, target, label], pays: 5}", ""), "one tier must hold all fields"),
    "yes without quotes": (('"yes", "no"', "yes, no"), "the values of field 'label' hold True, which YAML reads as no word: write it in quotes"),
    "a fraction as value": ((", 2]", ", 2.5]"), "the values of field 'label' hold 2.5, which YAML reads as no word"),
    "values that are no list": (('["yes", "no", 2]', "yeses"), "the values of field 'label' are 'yeses'; they are a list"),
    "forms that are no list": (('["{source} -> {target}: {label}", "({source}, {target}, {label})"]', '"{source} {target}: {label}"'), "they are a list"),
    "no forms": (('["{source} -> {target}: {label}", "({source}, {target}, {label})"]', "[]"), "there are no forms"),
    "a form without a field": (("{source} ->", "->"), "form '-> {target}: {label}' must name each of the fields label, source, target once"),
    "a form with a field twice": (("({source},", "({target},"), "form '({target}, {target}, {label})' must name each of the fields"),
    "a form of unknown fields": (("{target}: {label}", "{goal}: {label}"), "form '{source} -> {goal}: {label}' must name each of the fields"),
    "a form that separators cut": (("{source} -> {target}", "{source}, {target}"), "'x, x: yes', of the form '{source}, {target}: {label}', does not read as itself"),
    "a form without end of a field": (("{source} -> {target}", "{source} {target}"), "does not read as itself"),
    "a form of backslashes": (("->", r"\\"), "give no grammar"),
    "a closed field without values": ((LABEL, "{name: label, kind: closed}"), "field 'label': a closed field has values, and no other does"),
    "an open field with values": ((LABEL, "{name: label, kind: open, values: [a]}"), "field 'label': a closed field has values, and no other does"),
    "values that look alike": (('"yes", "no", 2', '"a b", "A-b"'), "field 'label': the values a b, A-b must differ in letters a-z or digits"),
    "values without letters": (('"yes", "no", 2', '"北"'), "field 'label': the values 北 must differ in letters a-z or digits"),
    "values that are not read": (('"yes", "no", 2', '"café"'), "does not read as itself"),
    "a field twice": (("name: target, kind", "name: source, kind"), "each with a name of its own"),
    "a dependence on nothing": ((LABEL, "{name: label, kind: closed, by: source, values_by: {a: [b]}}"), "field 'label': values_by must have one entry for each value of 'source'"),
    "a dependence on nobody": ((LABEL, "{name: label, kind: closed, by: other, values_by: {a: [b]}}"), "values_by must have one entry for each value of 'other'"),
    "two dependences": ((LABEL, "{name: label, kind: closed, by: x}\n  - {name: y, kind: closed, by: x}"), "only one field can depend on another one"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_mistake(name, tmp_path):
    (old, new), message = WRONG[name]
    assert old in GRAPH
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GRAPH.replace(old, new))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'task.yaml'}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- 1", "text", "5"])
def test_a_file_of_something_else(text, tmp_path):
    with pytest.raises(ConfigError, match=r"task\.yaml: "):
        load(tmp_path, text)


def test_a_file_of_other_bytes(tmp_path):
    path = tmp_path / "task.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"task.yml: .*decode"):
        load_task(str(path))


@pytest.mark.parametrize("name", ["tvrr", "", "missing.yaml", "tvr.yaml", str(Path(__file__))])
def test_unknown_tasks(name):
    with pytest.raises(ConfigError) as caught:
        load_task(name)
    assert (
        str(caught.value) == f"unknown task {name!r}; it is one of multiview, trance, tvr, or the path of a YAML file"
    )
