"""What a command or a page shows of hostile text: all of it as text, and no control character but newline and tab."""

import ast
import io
import json
import os
import re
import tempfile
import unicodedata
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.table import Table
from rich.text import Text

from benchmarks.page import CONTENT_POLICY
from benchmarks.plain_text import plain
from star_cli.main import star
from star_cli.screen import Screen
from tests.benchmarks.report.report_inputs import tvr_rows
from tests.json_lines import write

HOME = Path(__file__).parents[2]
TITLE, RED, C1, TURN = "\x1b]0;owned\x07", "\x1b[31m", "\x9b2J", "\u202e"
MARKS = (
    "[/INST] motion",
    "[red]",
    "[link=x]y[/link]",
    ":smile:",
    "<b onclick=x>",
    "![a](http://x)",
    "https://x.org",
    "$x$",
    "| a |",
)
EVIL = f"{TITLE}{RED}{C1}{TURN}\r\x0b\x7f\x00\x85\u2028 [/INST] motion <script>x</script> \\end{{tabular}} [red] "

hostile = st.lists(st.sampled_from([TITLE, RED, C1, TURN, "\r", "\x08", "\x7f", "x", "é", "\n", "\t", *MARKS]) | st.text(max_size=5), min_size=1, max_size=6).map("".join)  # fmt: skip


def is_seen(char):
    """Whether a character may leave a command."""
    return char in "\n\t" or not (
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        or "\u202a" <= char <= "\u202e"
        or "\u2066" <= char <= "\u2069"
    )


def unseen(text):
    return sorted({ascii(char) for char in text if not is_seen(char)})


@settings(max_examples=300)
@given(st.text() | hostile)
@example(EVIL)
def test_plain_text_holds_nothing_unseen_and_says_what_was_there(text):
    assert unseen(plain(text)) == []
    assert plain(plain(text)) == plain(text)
    if all(map(is_seen, text)):
        assert plain(text) == text
    assert json.loads(plain(json.dumps(text, ensure_ascii=False))) == text or "\ud800" <= max(text) <= "\udfff"


# Every command


def inputs(folder, evil):
    """Write a file for each command, with hostile text in every field that may hold text."""
    name = plain(evil).replace("/", "_").replace("\n", "_").replace("=", "_")[:20] or "x"
    rollout = {"id": evil, "prompt_id": evil, "prompt": evil, "completion": f"<think>{evil}</think><answer>{evil}</answer>", "target": "2.color.cyan", evil: evil}  # fmt: skip
    write(folder / "rewards.jsonl", [rollout, rollout | {"completion": "<think>"}, rollout | {"target": evil}, rollout | {"target": [evil]}, {evil: evil}])  # fmt: skip
    with (folder / "rewards.jsonl").open("a", encoding="utf-8") as file:
        file.write(evil.replace("\n", " ").encode("utf-8", "replace").decode() + "\n")
    question = {"id": evil, "question": evil, "answer": "B", "category": evil, "task": evil, "question_type": evil}
    answers = [f"<think>{evil}</think><answer>{text}</answer>" for text in ("B", "A", evil)]
    write(folder / "mmsi.jsonl", [question | {"response": text, "id": f"{n}{evil}"} for n, text in enumerate(answers)])
    write(
        folder / "tvr.jsonl",
        [
            row | {"id": f"{n}{evil}", "view": "center", "prompt": evil}
            for n, row in enumerate(tvr_rows(["0.color.cyan", evil, *answers]))
        ],
    )
    rows = [
        {
            "id": evil,
            "task": "multiview",
            "prompt": evil,
            "target": "A",
            "images": [evil],
            "options": [evil],
            evil: evil,
        },
        {"id": evil, "task": evil, "prompt": "x", "target": evil},
    ]
    write(folder / "training.jsonl", rows)
    write(
        folder / "kept.jsonl",
        [
            {
                "id": evil,
                "task": "tvr",
                "target": "2.color.cyan",
                "prompt": evil,
                "completion": f"<think>{evil}</think><answer>2.color.cyan</answer>",
            }
        ],
    )
    quoted = json.dumps(evil)
    task = f"name: circuit\nabout: {quoted}\nkind: records\nfields:\n  - {{name: wire, kind: closed, values: [red, black]}}\nforms: ['{{wire}}']\nprompt: {quoted}\n"
    task += f"reward:\n  tiers:\n    - {{fields: [wire], pays: 3}}\ncases:\n  - {{completion: {quoted}, target: red, total: 4}}\n"
    (folder / "task.yaml").write_text(task, encoding="utf-8")
    (folder / "broken.yaml").write_text(f"name: {quoted}\n{quoted}: {quoted}\n", encoding="utf-8")
    (folder / "template.jinja").write_text(f"{{{{ raise_exception({quoted}) }}}}", encoding="utf-8")
    return name


def commands(folder, evil):
    name = inputs(folder, evil)
    rewards, mmsi, tvr = folder / "rewards.jsonl", folder / "mmsi.jsonl", folder / "tvr.jsonl"
    results = [folder / "a.json", folder / "b.json", folder / "r.json"]
    yield "score", rewards
    yield "score", rewards, "--group", evil
    yield "score", rewards, "--json", "--strict-input"
    yield "score", mmsi, "--benchmark", "mmsi", "--protocol", "both", "--report-data", results[0]
    yield "score", mmsi, "--benchmark", "mmsi", "--json"
    yield "score", tvr, "--benchmark", "tvr", "--report-data", results[1], "--out", folder / "scores.jsonl"
    yield "score", folder / name
    yield "score", rewards, "--benchmark", evil
    yield "explain", rewards, "--id", evil
    yield "explain", folder / "kept.jsonl", "--id", evil
    yield "explain", rewards, "--id", evil, "--json"
    for suffix in ("html", "md", "tex", "json"):
        yield (
            "report",
            f"{name}={results[0]}",
            results[1],
            folder / "scores.jsonl",
            "-o",
            folder / f"page.{suffix}",
            "--title",
            evil,
        )
    yield "report", f"{name}={results[0]}", "--format", "markdown"
    yield "report", results[0], "--format", "json"
    yield (
        "audit",
        "--predictions",
        folder / "kept.jsonl",
        "--no-search",
        "--no-cost",
        "--scenes",
        "2",
        "--html",
        folder / "audit.html",
    )
    yield "audit", evil
    yield "task", "check", folder / "task.yaml", "--no-audit"
    yield "task", "check", folder / "broken.yaml", "--no-audit"
    yield "task", "show", folder / "task.yaml"
    yield "task", "show", evil
    yield "data", "check", folder / "training.jsonl"
    yield "data", "filter", folder / "training.jsonl", "--out", folder / "f.jsonl"
    yield "data", "export", folder / "training.jsonl", "--to", "trl", "--out", folder / "e.jsonl"
    yield "data", "cot", folder / "training.jsonl", "--teacher", "labels", "--out", folder / "c.jsonl"
    yield (
        "data",
        "cot",
        folder / "training.jsonl",
        "--teacher",
        "openai:m",
        "--base-url",
        evil,
        "--out",
        folder / "t.jsonl",
    )
    yield "data", "mix", folder / name, "--out", folder / "m"
    yield "data", "prepare", "mindcube", folder / name, "--out", folder / "p"
    yield "data", "show", folder / "training.jsonl"
    yield "data", evil
    yield "doctor", "--chat-template", folder / "template.jinja"
    yield "doctor", "--model", folder / name
    yield (evil,)
    yield ("--" + evil,)


def run(*arguments):
    words = [str(word).encode("utf-8", "replace").decode().replace("\0", "\\0") for word in arguments]
    result = CliRunner().invoke(star, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


TAGS = {"html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "nav", "a", "main", "footer", "section", "div", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "svg", "rect", "text", "path", "g", "span", "details", "summary", "pre", "img", "circle", "line", "polyline", "code", "b", "h4"}  # fmt: skip


class Tags(HTMLParser):
    """Fails for a tag or an attribute that no page of ours has."""

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("href", "src") or value.startswith(("#", "data:image/")), value


MARKED = {"h1", "h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "pre", "code", "hr", "br"}


def check_page(path):
    text = path.read_text("utf-8")
    assert unseen(text) == [], path
    if path.suffix == ".html":
        assert CONTENT_POLICY in unescape(text)
        Tags().feed(text)
    elif path.suffix == ".md":
        reader = MarkdownIt("gfm-like", {"linkify": False})
        assert set(re.findall(r"<(\w+)", reader.render(text))) <= MARKED, path
        for token in reader.parse(text):  # what GitHub would turn into links and formulas
            assert token.type != "inline" or not re.search(r"(?<!\\)(://|[$@])|www\.", token.content), token
    elif path.suffix == ".tex":
        check_latex(text)
    elif path.suffix == ".json":
        json.loads(text)


KNOWN = {"begin", "end", "centering", "small", "caption", "resizebox", "linewidth", "toprule", "midrule", "bottomrule", "scriptsize", "usepackage", "rightarrow"} | {f"text{name}" for name in ("asciitilde", "asciicircum", "backslash", "less", "greater", "bar", "quotedbl")}  # fmt: skip


def check_latex(text):
    for line in text.splitlines():
        if line.startswith("%"):
            continue
        assert set(re.findall(r"\\([A-Za-z]+)", line)) <= KNOWN, line
        assert not re.search(
            r"(?<!\\)[\[*]",
            line.replace("{[}", "").replace("{*}", "").replace("{table}[t]", "").replace(r"\scriptsize [", ""),
        ), line
        bare = re.sub(r"\\\\|\\[&%$#_{}]", "", line)
        assert bare.count("{") == bare.count("}"), line
        assert not re.search(r"[%$#_^~]", bare.replace(r"$\rightarrow$", "").replace("{%", "{")), line


# a run of all commands takes seconds: a counterexample is not made smaller
@pytest.mark.slow
@settings(
    max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.explicit, Phase.generate]
)
@given(evil=hostile)
@example(evil=EVIL)
@example(evil="[/INST] motion")
def test_no_command_and_no_page_lets_anything_through(evil, monkeypatch):
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        for command in commands(Path(folder), evil):
            result = run(*command)
            assert unseen(result.output) == [], command
            assert "Traceback" not in result.output
            if "--json" in command and result.stdout:
                json.loads(result.stdout)
        pages = [path for path in Path(folder).iterdir() if path.stem in ("page", "audit")]
        for path in pages:
            check_page(path)
        assert {path.suffix for path in pages} == {".html", ".md", ".tex", ".json"}


def test_a_name_in_brackets_is_shown_and_does_not_end_the_table(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    question = {"question": "?", "answer": "B", "response": "<think>a</think><answer>B</answer>"}
    categories = ["[/INST] motion", "[red]rings", ":smile:", "[bold]"]
    path = write(tmp_path / "x.jsonl", [question | {"category": each, "id": each} for each in categories])
    for protocol in ("strict", "both"):
        result = run("score", path, "--benchmark", "mmsi", "--protocol", protocol)
        assert result.exit_code == 0
        assert all(each in result.output for each in categories)


# A terminal with colors


@given(st.lists(hostile | st.text(max_size=9), min_size=4, max_size=4))
def test_on_a_terminal_escapes_are_those_of_styles_alone(texts):
    with mock.patch.dict(os.environ, {"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": "200"}):
        screen = Screen()
    screen.file = io.StringIO()
    table = Table(texts[0], "b")
    table.add_row(texts[1], Text(texts[2], style="magenta"))
    screen.print(table)
    screen.print(texts[3], style="bold")
    text = screen.file.getvalue()
    assert "\x1b[1m" in text
    assert RED not in text
    assert unseen(re.sub(r"\x1b\[(?:0|1|35|1;35)m", "", text)) == []


def test_text_is_no_markup_and_no_emoji_on_a_screen():
    screen = Screen()
    screen.file = io.StringIO()
    screen.print("[red]a[/INST] :smile: [link=http://x]y")
    assert screen.file.getvalue() == "[red]a[/INST] :smile: [link=http://x]y\n"


def test_only_one_place_prints():
    """Whatever a command prints passes through `star_cli.console` or `star_cli.screen`."""
    wrong = []
    for path in sorted((HOME / "star_cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("click.echo", "click.secho", "print", "Console", "rich.print") and path.name not in (
                "console.py",
                "screen.py",
                "main.py",
            ):
                wrong.append(f"{path.name}:{node.lineno}: {called}")
    assert wrong == []
