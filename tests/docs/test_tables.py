"""The tables of the documentation say what the code does."""

from __future__ import annotations

import re
import textwrap
from dataclasses import fields

import pytest
from click.testing import CliRunner

from benchmarks.files.columns import ROLES
from benchmarks.files.dialects import DIALECTS
from benchmarks.files.documents import _HOLDERS
from benchmarks.run.reward_scorer import RewardScorer
from parsers.completion import _FAULTS, parse_completion
from parsers.formats import TVR as TVR_FORMAT
from parsers.records import parse_transformations
from parsers.references import parse_references
from rewards import TVR, score_completion
from rewards.answers import infer_kind, score_answer
from rewards.spec import PRESETS, TieredSpec, preset_spec
from rewards.tasks import load_task
from star_cli.doctor import read_adapter
from star_cli.main import COMMANDS, star
from tests.conformance.__main__ import ENVIRONMENTS
from tests.docs.pages import HOME, PAGES, read_table
from trainers.adapters import VERSIONS

CODE = re.compile(r"`([^`]*)`")
EXACT, ATTRIBUTE, OBJECT = ("index", "attribute", "value"), ("index", "attribute"), ("index",)


def code(cell):
    """Return the text of a cell that is code, or the cell."""
    match = CODE.fullmatch(cell)
    return match[1] if match else cell


def test_faults_of_a_completion():
    table = {code(row[0]): code(row[2]) for row in read_table("formats.md", "code", "meaning")}
    assert set(table) == set(_FAULTS) | {"missing_think_open", "wrong_think_open", "too_long"}
    for name, example in table.items():
        if name != "too_long":
            prefilled = False if name == "missing_think_open" else "auto"
            assert parse_completion(example, think_prefilled=prefilled).fault.code == name
    assert parse_completion("a" * 10_000_001).fault.code == "too_long"


@pytest.mark.parametrize("row", read_table("formats.md", "code", "example", "message"), ids=lambda row: row[0])
def test_faults_of_changes(row):
    name, example, message = map(code, row)
    (fault,) = parse_transformations(example).invalid
    assert (fault.code, fault.message) == (name, message)


def test_forms_of_changes():
    for _, example in read_table("formats.md", "form", "example"):
        assert [str(each) for each in parse_transformations(code(example))] == ["2.color.cyan"]


def test_vocabulary():
    table = {row[0]: tuple(row[1].split(", ")) for row in read_table("formats.md", "attribute", "values")}
    assert table == dict(TVR_FORMAT.fields[2].values_by)


@pytest.mark.parametrize("row", read_table("formats.md", "code", "example", "cost"), ids=lambda row: row[0])
def test_faults_of_references(row):
    name, example, cost = map(code, row)
    parsed = parse_references(example)
    found = parsed.notes if cost.startswith("a note") else parsed.invalid
    assert [fault.code for fault in found] == [name]


@pytest.mark.parametrize("row", read_table("formats.md", "code", "kind"), ids=lambda row: f"{row[0]} {row[1]}")
def test_faults_of_answers(row):
    name, kind, target, example = map(code, row)
    assert infer_kind(target) == {"words": "text"}.get(kind, kind)
    assert score_answer(example, target).fault.code == name


def test_columns():
    table = {code(row[0]): tuple(CODE.findall(row[1])) for row in read_table("formats.md", "role", "columns")}
    assert table == ROLES


def test_logs_of_other_systems():
    """Each is named, and so is every column by which it is known."""
    table = {row[0]: row for row in read_table("inputs.md", "written by", "known by")}
    assert set(table) == {dialect.name for dialect in DIALECTS}
    for dialect in DIALECTS:
        known = table[dialect.name][1]
        if "the same with" not in known:
            signs = {sign.removeprefix("response.body.").split(".*")[0] for names in dialect.signs for sign in names}
            assert signs <= {*CODE.findall(known), "gen_step"}


def test_kinds_of_files():
    assert [row[0].partition(",")[0] for row in read_table("inputs.md", "kind", "known by")] == [
        "JSON Lines",
        "a JSON array",
        "a JSON object over several lines",
        "CSV",
        "Excel workbook",
        "Parquet",
        "log of inspect_ai",
    ]
    holders = next(row[1] for row in read_table("inputs.md", "kind", "known by") if "object over" in row[0])
    assert set(CODE.findall(holders)) == {*_HOLDERS, "{", ".json"}


def test_output_rows():
    task = load_task("tvr")
    fields = [code(row[0]) for row in read_table("formats.md", "field", "what")]
    assert sorted(fields) == sorted(RewardScorer(task, task.spec).schema)


def test_parts():
    table = [[code(cell) for cell in row] for row in read_table("rewards.md", "part", "what")]
    assert tuple(row[0] for row in table) == load_task("tvr").parts
    paid = [float(row[2].removesuffix(" each")) for row in table]
    assert paid == [1, *TVR.tiers.values(), -TVR.incorrect_penalty, -TVR.underprediction_penalty]


def test_presets():
    table = {code(row[0]): code(row[1]) for row in read_table("rewards.md", "preset", "changes")}
    assert list(table) == list(PRESETS)
    for name, changes in table.items():
        assert TVR.change(**eval(f"dict({changes})")) == preset_spec(TVR, name), name


def test_options_of_the_reward():
    named = {code(row[0]) for row in read_table("rewards.md", "option", "values")}
    assert named == {each.name for each in fields(TieredSpec) if each.init} - {"fields", "table"}


@pytest.mark.parametrize("name", VERSIONS)
def test_frameworks(name):
    """The page shows what an adapter's first lines say that a user writes, and names its example."""
    page = (HOME / "docs" / "integrations.md").read_text("utf-8")
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", read_adapter(name).about, flags=re.MULTILINE)
    assert blocks
    for block in blocks:
        assert f"```text\n{textwrap.dedent(block).strip()}\n```\n" in page
    assert f"star_r1.{name}" in read_adapter(name).source or name == "trl"


def test_proof_of_frameworks():
    """Every framework that can be installed stands in the table with what was found, and without a mismatch."""
    rows = read_table("integrations.md", "name", "version", "path")
    assert {row[0] for row in rows} == set(ENVIRONMENTS)
    for name, version, _, _, mismatches, _ in rows:
        assert version == " ".join(VERSIONS[name])
        assert mismatches in ("0", "")


def test_every_example_is_named():
    named = set(re.findall(r"`examples/([^`]+)`", (HOME / "docs" / "integrations.md").read_text("utf-8")))
    assert len(named) == len(VERSIONS)
    assert all((HOME / "examples" / each).is_file() for each in named)


VALUES = dict(TVR_FORMAT.fields[2].values_by)
TARGET = "2.color.cyan, 0.shape.cube"


def everything(objects):
    return ", ".join(
        f"{index}.{attribute}.{value}" for index in objects for attribute in VALUES for value in VALUES[attribute]
    )


HOLES = {
    "the exact answer": TARGET,
    "nothing": "none",
    "one of the two": "2.color.cyan",
    "right objects and attributes, wrong values": "2.color.red, 0.shape.sphere",
    "right objects, wrong attributes": "2.size.small, 0.material.metal",
    "two wrong objects": "5.color.cyan, 6.shape.cube",
    "seven items of prose": ", ".join(["the scene looks much the same"] * 7),
    "one of the two and seven items of prose": ", ".join(["the scene looks much the same"] * 7 + ["2.color.cyan"]),
    "the exact answer and one false object": f"{TARGET}, 5.size.small",
    "the exact answer, written twice": f"{TARGET}, {TARGET}",
    "all values of the right attributes (11 changes)": ", ".join(
        [f"2.color.{value}" for value in VALUES["color"]] + [f"0.shape.{value}" for value in VALUES["shape"]]
    ),
    "everything about the two objects (34)": everything([2, 0]),
    "everything about ten objects (170)": everything(range(10)),
}
COLUMNS = {
    "`default`": {},
    '`default`, `conflicts="each"`': {"conflicts": "each"},
    "`calibrated`": {"preset": "calibrated"},
    "`paper`": {"preset": "paper"},
    '`paper`, `incorrect="no_tier"`': {"preset": "paper", "incorrect": "no_tier"},
}


def test_holes_of_the_literal_formula():
    table = read_table("paper.md", "answer", *COLUMNS)
    assert [row[0] for row in table] == list(HOLES)
    for name, *cells in table:
        for cell, options in zip(cells, COLUMNS.values(), strict=True):
            score = score_completion(f"<think>b</think><answer>{HOLES[name]}</answer>", TARGET, **options)
            shown = float(cell.strip("*").replace("−", "-"))
            assert shown == score.total - score.parts["format"], (name, options)
            hole = name != "the exact answer" and shown >= 10
            assert hole == cell.startswith("**"), (name, options)


@pytest.mark.slow
def test_tables_of_the_audit():
    """What stands under a comment with a command is what that command prints."""
    text = (HOME / "docs" / "audit.md").read_text("utf-8")
    tables = re.findall(r"<!-- \w+: star ([^>]+) -->\n(.*?)<!-- end -->", text, flags=re.DOTALL)
    assert len(tables) == 2
    printed = {}
    for command, table in tables:
        if command not in printed:
            printed[command] = CliRunner().invoke(star, command.split(), catch_exceptions=False).stdout
        assert table in printed[command], command


def test_the_map_of_the_house_shows_what_is_there():
    text = (HOME / "CONTRIBUTING.md").read_text("utf-8")
    named = [path for path in CODE.findall(text) if "/" in path and " " not in path]
    assert len(named) > 25
    for path in named:
        assert (HOME / path).exists(), path
    commands = {
        word
        for row in re.findall(r"^\| `star [^|]+", text, flags=re.MULTILINE)
        for word in re.findall(r"`star (\w+)`", row)
    }
    assert commands == set(COMMANDS)


def test_relative_links_lead_somewhere():
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = link.partition("#")
            if "://" in link:
                continue
            goal = (page.parent / path).resolve() if path else page
            assert goal.exists(), f"{page.name}: {link}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", goal.read_text("utf-8"), flags=re.MULTILINE)
                slugs = {re.sub(r"[^\w\s-]", "", each).strip().lower().replace(" ", "-") for each in headings}
                assert anchor in slugs, f"{page.name}: {link}"
