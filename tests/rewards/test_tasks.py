"""Declarations: the package's own, and each mistake in a user's."""

import subprocess
import sys
from pathlib import Path

import pytest

from parsers.formats import FORMATS, TRANCE, TVR
from parsers.types import Transformation
from rewards import TVR as SPEC
from rewards import score_completion
from rewards.errors import ConfigError, DataError
from rewards.spec import QuestionSpec, TieredSpec
from rewards.tasks import load_task, task_names
from rewards.tasks.cases import failed_cases
from rewards.tasks.load import HERE
from rewards.tasks.prompt_template import fill_prompt, prompt_columns
from rewards.tasks.task_file import check_task_file, format_error
from rewards.yaml_files import read_yaml

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


NAMES = [
    *("box", "choice", "cogmap", "flowchart", "mindcube", "mmsi", "multiview", "number", "point", "route"),
    *("scene_graph", "set", "spar_choice", "spar_number", "text", "trajectory", "trance", "tvr"),
]


def test_the_packages_tasks():
    assert task_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_task_of_the_package_passes_its_cases(name):
    task = load_task(name)
    assert failed_cases(task) == []
    assert len(task.cases) >= 2
    assert any(case.correct for case in task.cases)
    assert any(not case.correct for case in task.cases)
    assert task.name == name
    assert task.about
    assert prompt_columns(task.prompt)
    check_task_file(read_yaml(HERE / f"{name}.yaml"))


@pytest.mark.parametrize(("name", "record_format"), [("tvr", TVR), ("trance", TRANCE)])
def test_declared_formats_and_rewards_are_those_of_the_code(name, record_format):
    task = load_task(name)
    declared = task.record_format
    assert format_error(declared) is None
    assert (task.name, task.kind, task.spec) == (name, "records", SPEC)
    assert declared is record_format
    assert type(declared.make((1, "color", "red"))) is Transformation
    assert task.parts == ("format", "exact", "attribute", "object", "incorrect", "underprediction")
    assert load_task(name) is task


NAMED = """\
name: mine
kind: records
format: trance
prompt: "{objects} {form} {values[attribute]}"
reward:
  tiers: [{fields: [index, attribute, value], pays: 3}]
cases:
  - {completion: <think></think><answer>4.position.back-left.1</answer>, target: 4.position.behind-left.1, total: 4}
"""


def test_a_format_by_name(tmp_path):
    task = load(tmp_path, NAMED)
    assert task.record_format is FORMATS["trance"]
    assert task.spec.tiers == {("index", "attribute", "value"): 3.0}
    assert failed_cases(task) == []


NAMED_MISTAKES = {
    "an unknown name": (("format: trance", "format: tvrr"), "3: format: unknown format 'tvrr'; there are tvr, trance, or list fields and forms instead"),
    "no name": (("format: trance", "format: [tvr]"), "3: format: YAML reads this as ['tvr'], which is no word"),
    "forms as well": (("prompt:", "forms: ['{index}']\nprompt:"), "4: forms: the format 'trance' has its own forms"),
    "fields as well": (("prompt:", "fields: []\nprompt:"), "4: fields: the format 'trance' has its own fields"),
    "another misspelt key": (("prompt:", "promt:"), "4: promt: unknown key 'promt' (did you mean 'prompt'?)"),
    "an unknown field in a tier": (("value], pays", "size], pays"), "6: reward.tiers[0].fields[2]: unknown field 'size'"),
    "an unknown vocabulary": (("values[attribute]", "values[size]"), "4: prompt: unknown vocabulary"),
    "no reward": (("reward:\n  tiers: [{fields: [index, attribute, value], pays: 3}]\n", ""), "1: the key 'reward' is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED_MISTAKES)
def test_mistake_beside_a_format_by_name(name, tmp_path):
    (old, new), message = NAMED_MISTAKES[name]
    assert old in NAMED
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, NAMED.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'task.yaml'}:{message}")
    assert "\n" not in str(caught.value)


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
    assert score.fault.message == "'maybe' is not a label (one of yes, no, 2)"


@pytest.mark.parametrize("kind", ["open", "integer"])
def test_a_list_of_names_or_numbers(tmp_path, kind):
    text = f'name: n\nkind: records\nfields: [{{name: thing, kind: {kind}}}]\nforms: ["{{thing}}"]\n'
    task = load(tmp_path, text + "reward: {tiers: [{fields: [thing], pays: 1}]}")
    score = score_completion("<think></think><answer>7, 8</answer>", "7", task=task)
    assert (score.total, score.answer.items) == (1.0, (("7",), ("8",)) if kind == "open" else ((7,), (8,)))


ACTIONS = """\
name: gui
kind: records
fields:
- {name: step, kind: integer, range: [1, 20]}
- {name: element, kind: open}
- {name: action, kind: closed, values: [click, double click, type]}
forms: ['{step}: {action} {element}', '({step}, {action}, "{element}")', '{step} \\ {action} \\ {element}']
reward: {tiers: [{fields: [step, element, action], pays: 5}]}
"""


@pytest.mark.parametrize(
    "form", ["3: double click Save as", '(3, Double Click, "Save as")', r"3 \ double-click \ Save as"]
)
def test_forms_with_white_space_alone_between_fields_with_quotes_and_with_backslashes(tmp_path, form):
    score = score_completion(
        f"<think>b</think><answer>{form}</answer>", "3: double click Save as", task=load(tmp_path, ACTIONS)
    )
    assert (score.total, score.correct, score.fault) == (6.0, True, None)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("3: push Save", "unknown_action"),
        ("3: click", "missing_element"),
        ("3:", "missing_action"),
        ("21: click Save", "unknown_step"),
        ("Save", "not_a_record"),
    ],
)
def test_faults_of_forms_with_white_space_alone_between_fields(tmp_path, answer, code):
    task = load(tmp_path, ACTIONS)
    assert score_completion(f"<think>b</think><answer>{answer}</answer>", [], task=task).fault.code == code


def test_a_question_of_the_users_own(tmp_path):
    task = load(tmp_path, "name: q\nkind: question\nreward: {answer_weight: 2}")
    assert task.spec == QuestionSpec(answer_weight=2)


LABEL = '{name: label, kind: closed, values: ["yes", "no", 2]}'
FORMS = '["{source} -> {target}: {label}", "({source}, {target}, {label})"]'
# What is changed -> line: key: message.
WRONG = {
    "broken YAML": (("name: graph", "name: ["), "3: while parsing a flow sequence expected ',' or ']', but got ':'"),
    "no kind": (("kind: records\n", ""), "1: the key 'kind' is missing"),
    "an unknown key": (("forms:", "froms:"), "8: froms: unknown key 'froms' (did you mean 'forms'?)"),
    "a key of the other kind": (("synonyms:", "answer:"), "7: answer: unknown key 'answer'"),
    "a key twice": (("synonyms:", "name:"), "7: name: this key stands here twice"),
    "an unknown key of a field": (("name: label,", "name: label, value: 3,"), "6: fields[2].value: unknown key 'value' (did you mean 'values'?)"),
    "an unknown key of a tier": (("pays: 2", "pay: 2"), "12: reward.tiers[1].pay: unknown key 'pay' (did you mean 'pays'?)"),
    "a missing key": (("name: graph\n", ""), "1: the key 'name' is missing"),
    "a missing key of a tier": ((", pays: 2", ""), "12: reward.tiers[1]: the key 'pays' is missing"),
    "no reward": ((GRAPH[GRAPH.index("reward:") :], ""), "1: the key 'reward' is missing"),
    "no fields": (("fields:", "synonyms2:"), "3: synonyms2: unknown key 'synonyms2' (did you mean 'synonyms'?)"),
    "an unknown kind": (("kind: records", "kind: record"), "2: kind: unknown kind 'record' (did you mean 'records'?)"),
    "an unknown kind of field": (("target, kind: open", "target, kind: text"), "5: fields[1].kind: unknown kind 'text' (one of integer, closed, open)"),
    "a name of two words": (("name: target,", "name: the target,"), "5: fields[1].name: 'the target' is no name"),
    "an unknown option": (("incorrect_penalty", "incorrect_penalti"), "14: reward.incorrect_penalti: unknown key 'incorrect_penalti' (did you mean 'incorrect_penalty'?)"),
    "a wrong option": (("incorrect_penalty: 0.5", "matching: best"), "14: reward.matching: matching is 'best'; it is one of 'one_to_one', 'literal'"),
    "a penalty that is a word": (("penalty: 0.5", "penalty: some"), "14: reward.incorrect_penalty: incorrect_penalty is 'some'; a penalty is a number from 0 to 1e+18"),
    "a price that is a word": (("pays: 5", "pays: lots"), "11: reward.tiers[0].pays: this is 'lots'; it is a number"),
    "a price below nothing": (("pays: 5", "pays: -5"), "11: reward.tiers[0].pays: this is -5; the reward of a tier is a finite number >= 0"),
    "a tier twice": (("[source, label]", "[source, target]"), "13: reward.tiers[2].fields: there are two tiers of the fields source, target"),
    "a tier of unknown fields": (("[source, label]", "[soruce, label]"), "13: reward.tiers[2].fields[0]: unknown field 'soruce' (did you mean 'source'?)"),
    "no exact tier": (("- {fields: [source, target, label], pays: 5}", ""), "10: reward.tiers: one tier must hold all fields"),
    "a table of unknown fields": (("incorrect_penalty: 0.5", "table: [[source, targte]]"), "14: reward.table[0][1]: unknown field 'targte' (did you mean 'target'?)"),
    "a table without the tiers": (("incorrect_penalty: 0.5", "table: [[source, target, label]]"), "14: reward.table: tier ('source', 'target') is not in the table"),
    "yes without quotes": (('"yes", "no"', "yes, no"), "6: fields[2].values[0]: YAML reads this as True, which is no word: write it in quotes"),
    "a fraction as value": ((", 2]", ", 2.5]"), "6: fields[2].values[2]: YAML reads this as 2.5, which is no word"),
    "values that are no list": (('["yes", "no", 2]', "yeses"), "6: fields[2].values: this is 'yeses'; it is a list"),
    "no values": (('["yes", "no", 2]', "[]"), "6: fields[2].values: there are no values"),
    "forms that are no list": ((FORMS, '"{source} {target}: {label}"'), "8: forms: this is '{source} {target}: {label}'; it is a list"),
    "no forms": ((FORMS, "[]"), "8: forms: there are no forms"),
    "a form without a field": (("{source} ->", "->"), "8: forms[0]: form '-> {target}: {label}' must name each of the fields label, source, target once"),
    "a form with a field twice": (("({source},", "({target},"), "8: forms[1]: form '({target}, {target}, {label})' must name each of the fields"),
    "a form of unknown fields": (("{target}: {label}", "{targt}: {label}"), "8: forms[0]: unknown field 'targt' (did you mean 'target'?)"),
    "a form that is not closed": (("{target}: {label}", "{target}: {label"), "8: forms[0]: '{source} -> {target}: {label': "),
    "a form that separators cut": (("{source} -> {target}", "{source}, {target}"), "8: forms[0]: 'x, x: yes', of the form '{source}, {target}: {label}', does not read as itself"),
    "a form without end of a field": (("{source} -> {target}", "{source} {target}"), "8: forms[0]: form '{source} {target}: {label}': 'source' takes any words, so punctuation must follow it, e.g. ':'"),
    "a form whose words a field takes": (("{source} -> {target}", "{source} to {target}"), "8: forms[0]: form '{source} to {target}: {label}': 'source' takes any words"),
    "a form that only quotes cut": (("{source} -> {target}", "{source} * {target}"), "8: forms[0]: form '{source} * {target}: {label}': 'source' takes any words"),
    "a form of objects": (('"{source} -> {target}: {label}"', """'{{"from": "{source}", "to": "{target}", "by": "{label}"}}'"""), "does not read as itself: the source is missing"),
    "a form with a width": (("{source} ->", "{source:>5} ->"), "8: forms[0]: '{source:>5} -> {target}: {label}': only a name stands between braces: {source}"),
    "a closed field without values": ((LABEL, "{name: label, kind: closed}"), "6: fields[2]: a closed field has values, or else by and values_by"),
    "an open field with values": ((LABEL, "{name: label, kind: open, values: [a]}"), "6: fields[2].values: a field that is open has no values"),
    "a range of words": ((LABEL, '{name: label, kind: closed, values: ["yes"], range: [1, 2]}'), "6: fields[2].range: a field that is closed has no range"),
    "a range upside down": ((LABEL, "{name: label, kind: integer, range: [3, 2]}"), "6: fields[2].range: this is [3, 2]; it is the smallest and the largest number"),
    "values that look alike": (('"yes", "no", 2', '"a b", "A-b"'), "6: fields[2].values[1]: 'A-b' must differ from 'a b' in letters a-z or digits"),
    "values without letters": (('"yes", "no", 2', '"北"'), "6: fields[2].values[0]: '北' must differ in letters a-z or digits"),
    "values that are not read": (('"yes", "no", 2', '"yes", "café"'), "does not read as itself"),
    "a field twice": (("name: target, kind", "name: source, kind"), "5: fields[1]: there are two fields 'source'"),
    "a dependence on open words": ((LABEL, "{name: label, kind: closed, by: source, values_by: {a: [b]}}"), "6: fields[2].values_by: there must be one entry for each value of 'source'"),
    "a dependence on nobody": ((LABEL, "{name: label, kind: closed, by: targte, values_by: {a: [b]}}"), "6: fields[2].by: unknown field 'targte' (did you mean 'target'?)"),
    "a dependence without values": ((LABEL, "{name: label, kind: closed, by: target}"), "6: fields[2]: a closed field has values, or else by and values_by"),
    "a synonym of nothing": (('{"yeah": "yes"}', '{"yeah": "yess"}'), "7: synonyms.yeah: 'yess' is no value of a closed field (did you mean 'yes'?)"),
    "a synonym that is a value": (('{"yeah": "yes"}', '{"NO": "yes"}'), "7: synonyms.NO: 'NO' is a value itself, so it is no other spelling of 'yes'"),
    "a synonym without letters": (('{"yeah": "yes"}', '{"--": "yes"}'), "7: synonyms.--: the spelling '--' has no letters"),
    "a prompt of nothing": (("penalty: 0.5\n", 'penalty: 0.5\nprompt: "{} {form}"\n'), "15: prompt: {} is no name of a column"),
    "a prompt that is not closed": (("penalty: 0.5\n", 'penalty: 0.5\nprompt: "{form"\n'), "15: prompt: the template cannot be read"),
    "a prompt of an unknown vocabulary": (("penalty: 0.5\n", 'penalty: 0.5\nprompt: "{values[lable]}"\n'), "15: prompt: unknown vocabulary 'values[lable]' (did you mean 'label'?)"),
    "a case without a total": (("penalty: 0.5\n", "penalty: 0.5\ncases:\n- completion: a\n  target: b\n"), "16: cases[0]: the key 'total' is missing"),
    "a case of unknown parts": (("penalty: 0.5\n", "penalty: 0.5\ncases:\n- {completion: a, target: b, total: 1, parts: {exat: 1}}\n"), "16: cases[0].parts.exat: unknown part 'exat' (did you mean 'exact'?)"),
    "a case that is perhaps correct": (("penalty: 0.5\n", "penalty: 0.5\ncases:\n- {completion: a, target: b, total: 1, correct: maybe}\n"), "16: cases[0].correct: this is 'maybe'; it is true or false"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_mistake(name, tmp_path):
    (old, new), message = WRONG[name]
    assert old in GRAPH
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GRAPH.replace(old, new))
    assert message in str(caught.value)
    if message[0].isdigit():
        assert str(caught.value).startswith(f"{tmp_path / 'task.yaml'}:{message}")
    assert "\n" not in str(caught.value)


QUESTION = "name: q\nkind: question\nanswer: {kind: choice, letters: ABCD}\nreward: {answer_weight: 2}\n"
WRONG_QUESTION = {
    "an unknown kind of answer": (("choice", "choise"), "3: answer.kind: kind is 'choise'; it is one of choice, yes_no, number, text, set, box, point, map"),
    "letters that are none": (("ABCD", "abcd"), "3: answer.letters: letters is 'abcd'; it is two or more capital letters"),
    "letters twice": (("ABCD", "AABB"), "3: answer.letters: letters is 'AABB'"),
    "an unknown key": (("letters", "leters"), "3: answer.leters: unknown key 'leters' (did you mean 'letters'?)"),
    "an unknown weight": (("answer_weight", "answer_wait"), "4: reward.answer_wait: unknown reward option 'answer_wait'"),
    "a weight below nothing": (("weight: 2", "weight: -1"), "4: reward.answer_weight: answer_weight is -1; it is a number from 0"),
    "fields": (("reward", "fields: []\nreward"), "4: fields: unknown key 'fields'"),
    "a form in the prompt": (("reward", 'prompt: "{form}"\nreward'), "4: prompt: a question has no form"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_QUESTION)
def test_mistake_in_a_question(name, tmp_path):
    (old, new), message = WRONG_QUESTION[name]
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, QUESTION.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'task.yaml'}:{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file is empty"),
        ("- 1", ":1: this is [1]; it is a mapping of keys to values"),
        ("text", ":1: this is 'text'; it is a mapping"),
        ("a: 1\n--- \nb: 2", ":2: "),
        ("? [a]\n: 1", ":1: YAML reads this as ['a'], which is no word"),
        ("kind: {a: b}", ":1: kind: YAML reads this as {'a': 'b'}, which is no word"),
        (GRAPH + "yes: 1", ":15: YAML reads this as True, which is no word"),
        (GRAPH + "cases: &a [*a]", ":15: cases[0]: this contains itself"),
        (GRAPH + "cases:\n- {target: 2020-13-45}", ":16: cases[0].target: month must be in 1..12"),
        (GRAPH + "cases: [{3: x}]", ":15: cases[0].3: unknown key '3' (one of completion, target"),
        (
            GRAPH + "cases: [{completion: a, target: b, total: yes}]",
            ":15: cases[0].total: this is True; it is a number",
        ),
    ],
)
def test_a_file_of_something_else(text, message, tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'task.yaml'}{message}")


def test_aliases_and_merged_keys(tmp_path):
    task = load(tmp_path, QUESTION.replace("reward: {", "reward: {<<: &w {format_weight: 0.5, answer_weight: 1}, "))
    assert task.spec == QuestionSpec(answer_weight=2, format_weight=0.5, kind="choice", letters="ABCD")
    many = "a: &a [1, 2]\nb: &b [*a, *a]\nc: &c {x: *b, y: *b}\nd: [*c, *c]"
    (tmp_path / "many.yaml").write_text(many)
    inner = {"x": [[1, 2]] * 2, "y": [[1, 2]] * 2}
    assert read_yaml(tmp_path / "many.yaml").data == {"a": [1, 2], "b": [[1, 2]] * 2, "c": inner, "d": [inner] * 2}


def test_pydantic_is_loaded_for_files_of_the_users_own_alone(tmp_path):
    (tmp_path / "task.yaml").write_text(GRAPH, encoding="utf-8")
    program = (
        "import sys\nfrom rewards.tasks import load_task, task_names\n"
        "for name in task_names(): load_task(name)\nprint('pydantic' in sys.modules)\n"
        f"load_task({str(tmp_path / 'task.yaml')!r})\nprint('pydantic' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == ["False", "True"]


def test_a_file_of_other_bytes(tmp_path):
    path = tmp_path / "task.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"task.yml: .*decode"):
        load_task(str(path))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tvrr", " (did you mean 'tvr'?)"),
        ("", f"; it is one of {', '.join(NAMES)}, or the path of a YAML file"),
        (str(Path(__file__)), f"; it is one of {', '.join(NAMES)}, or the path of a YAML file"),
        ("missing.yaml", ": there is no such file"),
        ("tvr.yaml", ": there is no such file"),
    ],
)
def test_unknown_tasks(name, says):
    with pytest.raises(ConfigError) as caught:
        load_task(name)
    assert str(caught.value) == f"unknown task {name!r}{says}"


def test_an_integer_with_a_range(tmp_path):
    text = "name: n\nkind: records\nfields: [{name: thing, kind: integer, range: [2, 12]}]\nforms: ['#{thing}']\n"
    task = load(tmp_path, text + "reward: {tiers: [{fields: [thing], pays: 1}]}")
    score = score_completion("<think></think><answer>#2, #12, #13, #1</answer>", "#2, #12", task=task)
    assert score.answer.items == ((2,), (12,))
    assert [fault.message for fault in score.answer.invalid] == [
        "'13' is not a thing (2 to 12)",
        "'1' is not a thing (2 to 12)",
    ]
    assert [(fault.code, fault.offset) for fault in score.answer.invalid] == [
        ("unknown_thing", 10),
        ("unknown_thing", 15),
    ]
    with pytest.raises(DataError, match=r"target\[0\].thing is 13; it is a whole number from 2 to 12"):
        score_completion("", [[13]], task=task)


def test_a_preset_table_of_ones_own(tmp_path):
    table = "table: [[label, target, source], [target, source], [source, label], [source]]"
    task = load(tmp_path, GRAPH.replace("incorrect_penalty: 0.5", table))
    assert task.parts == ("format", "exact", "target", "label", "source", "incorrect", "underprediction")


def test_answers_are_read_as_the_declaration_says(tmp_path):
    task = load(tmp_path, QUESTION)
    assert score_completion("<think></think><answer>C</answer>", "C", task=task).total == 2.0
    assert score_completion("<think></think><answer>E</answer>", "C", task=task).fault.code == "unknown_letter"
    with pytest.raises(DataError, match="cannot be used"):
        score_completion("<think></think><answer>E</answer>", "E", task=task)
    words = QUESTION.replace("choice, letters: ABCD", "text")
    path = tmp_path / "words.yaml"
    path.write_text(words)
    assert score_completion("<think></think><answer>e.</answer>", "E", task=str(path)).correct


GRAPH_FORM = "{source} -> {target}: {label}"


def test_failed_cases_say_what_is_wrong(tmp_path):
    cases = """cases:
  - {completion: "<think></think><answer>a -> b: yes</answer>", target: "a -> b: yes", total: 5, correct: false}
  - {completion: "<think></think><answer>a -> b: yes</answer>", target: "a -> b: yes", total: 6, parts: {target: 1}}
  - {completion: "<think></think><answer>a -> b: yess</answer>", target: "a -> b: yes", total: 0, fault: missing_label}
  - {completion: "", target: "a ->", total: 0}
  - {completion: "<think></think><answer>a -> b: yes</answer>", target: "a -> b: yes", total: 6}
"""
    place = tmp_path / "task.yaml"
    assert failed_cases(load(tmp_path, GRAPH.replace("penalty: 0.5", "penalty: 1") + cases)) == [
        f"{place}:16: cases[0]: the total is 6 (format 1, exact 5), not 5, it is correct",
        f"{place}:17: cases[1]: target is 0, not 1",
        f"{place}:18: cases[2]: the fault is unknown_label ('yess' is not a label (did you mean 'yes'?)), not missing_label",
        f"{place}:19: cases[3]: target 'a ->', character 5: the target is missing: the form is {GRAPH_FORM}",
    ]


def test_prompts(tmp_path):
    text = GRAPH + 'prompt: "{question} Write {form}; {{labels}}: {values[label]}."\n'
    task = load(tmp_path, text)
    row = {"question": "Which {arrows}?", "form": "not this"}
    assert fill_prompt(task, row) == "Which {arrows}? Write source -> target: label; {labels}: yes, no, 2."
    with pytest.raises(DataError, match="needs a column 'question'; there are form"):
        fill_prompt(task, {"form": "x"})
    with pytest.raises(ConfigError, match="declares no prompt"):
        fill_prompt(load_task_without_prompt(tmp_path), row)


def load_task_without_prompt(tmp_path):
    (tmp_path / "bare.yaml").write_text(GRAPH, encoding="utf-8")
    return load_task(str(tmp_path / "bare.yaml"))


def test_a_file_is_read_once(tmp_path):
    task = load(tmp_path, GRAPH)
    (tmp_path / "task.yaml").unlink()
    assert load_task(str(tmp_path / "task.yaml")) is task
