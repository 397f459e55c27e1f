"""Reports as HTML, Markdown, LaTeX and JSON: whole, safe, and the same numbers in each."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.page import CONTENT_POLICY
from benchmarks.plain_text import plain
from benchmarks.report.content import (
    Card,
    Document,
    Example,
    Figure,
    Figures,
    Grid,
    Image,
    Line,
    Lines,
    Number,
    Passage,
    Section,
)
from benchmarks.report.html import html
from benchmarks.report.latex import latex
from benchmarks.report.make import make_report, write
from benchmarks.report.markdown import markdown
from benchmarks.run.rewards import score_rewards
from rewards.errors import ConfigError, DataError
from tests.benchmarks.report.report_inputs import AFTER, BEFORE, HOSTILE, write_rows, write_run

VOID = {"meta", "img", "br"}
ALLOWED = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "nav",
        "a",
        "main",
        "footer",
    ),
    *(
        "section",
        "div",
        "span",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
        "details",
        "summary",
        "pre",
        "mark",
    ),
    *("img", "svg", "g", "path", "rect", "circle", "text"),
}


class Page(HTMLParser):
    """Reads a page strictly: every tag known and closed in order; collects text and addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.addresses, self.tags = [], [], [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag in ALLOWED, tag
        self.tags.add(tag)
        for name, value in attributes:
            assert not name.startswith("on"), name
            if name in ("href", "src"):
                self.addresses.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def runs(tmp_path):
    return [str(write_run(tmp_path, name, answers)) for name, answers in (("before", BEFORE), ("after", AFTER))]


@pytest.fixture
def document(tmp_path, runs):
    rewards = tmp_path / "rewards.json"
    rewards.write_text(json.dumps(score_rewards([str(tmp_path / "after.jsonl")], task="trance").as_dict()))
    logged = tmp_path / "completions"
    logged.mkdir()
    for step in range(3):
        row = {"step": step, "prompt": "?", "completion": "x" * (10 + step), "my_reward": 0.5 * step, "advantage": 0.0}
        write_rows(logged / f"completions_{step}.jsonl", [row] * 4)
    return make_report([*runs, str(rewards), f"training={logged}"])


def test_the_page_is_whole_and_loads_nothing(document):
    text = write(document, "html")
    page = Page(text)
    assert all(address.startswith(("#", "data:image/")) for address in page.addresses)
    assert {address[1:] for address in page.addresses if address[0] == "#"} == set(
        re.findall(r'<section id="([^"]+)"', text)
    )
    assert f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">' in unescape(text)
    assert "prefers-color-scheme: dark" in text
    assert "script" not in page.tags


def test_every_chart_is_well_formed(document):
    charts = re.findall(r"<svg.*?</svg>", write(document, "html"), re.DOTALL)
    assert len(charts) > 10
    for chart in charts:
        root = ET.fromstring(chart)
        assert all("nan" not in value for each in root.iter() for value in each.attrib.values())


def test_the_page_has_all_its_parts(document):
    page = Page(write(document, "html")).text
    for expected in (
        "Results",
        "Accuracy by view",
        "Accuracy by visible objects",
        "Accuracy by number of changes",
        "before → after",
        "McNemar's exact p",
        "80% power",
        "Changed rows",
        "wrong → right",
        "right → wrong",
        "Triplets, before",
        "rewards: incorrect",
        "Response length over training",
        "my_reward over training",
        "unclosed_think",
        "unknown_attribute",
        "benchmark:tvr|protocol:strict|interval:formula|level:0.95|clusters:scene=9|n:18|",
        "paired bootstrap|resamples:10000|seed:0|",
        "task:trance|preset:default|",
    ):
        assert expected in page, expected


def test_hostile_text_is_shown_and_not_run(document):
    text = write(document, "html")
    page = Page(text)
    assert "script" not in page.tags
    assert "<script" not in text
    assert "onerror=alert(1)" in page.text  # as words
    assert page.text.count("alert('x')") > 5
    code = write(document, "markdown")
    assert "\n<script" not in code
    assert not re.search(
        r"^[^`\n]*[^\\`]<script", re.sub(r"(`{3,})text\n.*?\n\1", "", code, flags=re.DOTALL), re.MULTILINE
    )


words = st.text(alphabet=st.sampled_from("<>&\"'`|\\{}[]*_#\n$%~^ aé😀-"), max_size=30)


@given(words, words, words)
def test_any_text_survives_every_form(one, two, three):
    document = Document(
        one,
        two,
        (
            Section(
                three or "x",
                (
                    one,
                    Grid(two, (one, two), ((three, Number(one, two)),), note=three),
                    Example(
                        one, two, None, ("javascript:alert(1)", f"data:image/png;base64,{one}"), (Passage(two, three),)
                    ),
                    Figures((Figure(one, Number(two, three), one),), two, three),
                    Card(one, "bad", (two, Passage(three, one), Lines(two, three, (Line(one, (0.0,), (1.0,)),)))),
                    Image(f"data:image/png;base64,AAAA{one}", two),
                ),
            ),
        ),
        (one,),
    )
    page = Page(html(document))
    assert page.tags <= ALLOWED
    for text in (one, two, three):
        assert " ".join(text.split()) in page.text or not text.strip()
    assert "javascript:" not in " ".join(page.addresses)
    fenced = {*one.split("\n"), *three.split("\n")}  # in a fence, text stands as it is
    table = [line for line in markdown(document).split("\n") if line.startswith("| ") and line not in fenced]
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3 for line in table if "---" not in line)
    braces = re.sub(r"\\[{}]", "", latex(document).split("\n\n", 1)[1] if "\n\n" in latex(document) else "")
    assert braces.count("{") == braces.count("}")
    json.loads(write(document, "json"))


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_no_control_character_reaches_a_page(text):
    passage = Passage("p", text)
    items = (text, Example(text, text, None, passages=(passage,)), Card(text, "plain", (text, passage)))
    page = html(Document(text, text, (Section(text or "x", items),), (text,)))
    assert plain(page) == page


def test_an_image_is_shown_only_if_it_is_one():
    uri = "data:image/png;base64,AAAA"
    document = Document("t", "", (Section("s", tuple(Image(each, "<b>") for each in (uri, "http://a/b.png"))),))
    assert Page(html(document)).addresses == ["#s", uri]


def test_findings_are_text_in_every_form():
    chart = Lines("c", "x", (Line("a", (0.0, 1.0), (0.0, 1.0)),))
    card = Card("<h>", "bad", ("a | b", Passage("label", "```"), chart))
    document = Document("t", "", (Section("s", (card,)),))
    assert "<svg" in html(document)
    assert "### \\<h\\>\n\na \\| b\n\n\nlabel:\n\n````text\n```\n````\n" in markdown(document)
    assert "begin" not in latex(document)


def test_a_fence_cannot_be_closed_from_inside():
    text = "a\n````\nb"
    document = Document("t", "", (Section("s", (Example("x", "y", None, (), (Passage("p", text),)),)),))
    assert f"`````text\n{text}\n`````" in markdown(document)


def test_the_other_forms_have_the_same_numbers(document):
    page, code, tables = (write(document, form) for form in ("html", "markdown", "latex"))
    data = json.loads(write(document, "json"))
    grid = next(item for item in data["sections"][0]["items"] if item["kind"] == "grid")
    value = grid["rows"][1][2]
    assert value["value"] == pytest.approx(12 / 18)
    assert value["text"] == "66.7"
    for text in (page, code, tables):
        assert value["text"] in text
        assert value["bounds"].replace("–", "--" if text is tables else "–") in text
    assert tables.count("\\begin{table}") == tables.count("\\end{table}") > 5
    assert "\\toprule" in tables


def test_sections_without_content_are_left_out(tmp_path):
    document = make_report([str(write_run(tmp_path, "one", AFTER))])
    titles = re.findall(r"<h2>(.*?)</h2>", write(document, "html"))
    assert titles == ["Results", "Breakdown", "Faults", "All numbers"]
    assert document.title == "TVR: one"


def test_both_protocols(tmp_path):
    document = make_report([str(write_run(tmp_path, "one", BEFORE, protocol="both"))])
    assert "Both protocols score every row alike." in write(document, "html")


def test_unknown_forms_and_inputs(tmp_path, runs):
    with pytest.raises(ConfigError, match="there is no format 'pdf'"):
        write(make_report(runs[:1]), "pdf")
    with pytest.raises(ConfigError, match="there is no such file"):
        make_report([str(tmp_path / "none.json")])
    with pytest.raises(ConfigError, match="--compare takes two inputs, not 1"):
        make_report(runs[:1], comparing=True)
    for name, content, message in (
        ("odd.json", "[1]", "this is not what star score --json writes"),
        ("broken.json", "{", "not JSON"),
        ("note.txt", "x", "a report is made of .json, .jsonl and .parquet files"),
        ("plain.jsonl", '{"a": 1}\n', "no row has a step and a completion"),
        ("empty.jsonl", "", "there are no rows"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=message):
            make_report([str(tmp_path / name)])


def test_two_runs_on_different_rows_are_still_a_report(tmp_path):
    one = write_run(tmp_path, "one", AFTER)
    other = write_run(tmp_path, "other", AFTER)
    lines = (tmp_path / "other.jsonl").read_text().replace('"row-', '"line-').replace('"id": "', '"id": "other ')
    (tmp_path / "other.jsonl").write_text(lines)
    text = write(make_report([str(one), str(other)]), "markdown")
    assert "These could not be compared row by row: the two runs share no row" in text


def test_a_comparison_of_two_summaries_that_cannot_be_made_says_so(tmp_path):
    for name in ("one", "other"):
        rows = write_rows(tmp_path / f"{name}.jsonl", [{"completion": "<answer>B</answer>", "target": "B"}])
        summary = score_rewards([str(rows)], task="multiview").as_dict()
        (tmp_path / f"{name}.json").write_text(json.dumps(summary))
    text = write(make_report([str(tmp_path / "one.json"), str(tmp_path / "other.json")]), "markdown")
    assert "## one → other" in text
    assert "These could not be compared row by row: " in text
    assert "give the file of star score --out instead" in text


def test_a_part_of_weight_0_is_no_failure(tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", [{"completion": "<answer>B</answer>", "target": "B"}])
    (tmp_path / "one.json").write_text(json.dumps(score_rewards([str(rows)], task="multiview").as_dict()))
    text = write(make_report([str(tmp_path / "one.json")]), "markdown")
    assert "| format | weight 0 |" in text
    assert "one: format" not in text


def summary_of(tmp_path, rows, **settings):
    path = write_rows(tmp_path / "rows.jsonl", rows)
    written = tmp_path / "one.json"
    written.write_text(json.dumps(score_rewards([str(path)], **settings).as_dict()))
    return path, written


def test_completions_of_each_kind_are_shown(tmp_path):
    """Also what a model wrote to break out of the page, and no more of a long text than its ends."""
    rows = [
        {"prompt_id": n // 4, "completion": text, "target": "2.color.cyan"}
        for n, text in enumerate(
            [
                f"<think>{HOSTILE}</think><answer>2.color.cyan</answer>",
                f"<think>{'long ' * 4000}</think><answer>2.color.cyan, 2.color.red</answer>",
                "<think>b</think><answer>none</answer>",
                f"<think>{HOSTILE}",
                *["<think>c</think><answer>0.size.large</answer>"] * 4,
                f"<think>c</think><answer>2.color.cyan</answer>{HOSTILE}",
            ]
        )
    ]
    path, summary = summary_of(tmp_path, rows, preset="paper")
    html = write(make_report([str(summary)]), "html")
    page = Page(html)
    for expected in (
        "wrong, rewarded as much as a right one 1 completion rows.jsonl:2: wrong, 6.5 = format +1 exact +5",
        "fault: unclosed_think 1 completion rows.jsonl:4: wrong",
        "enumerating: more is named than there is",
        "silent: nothing is named though there is something 1 completion rows.jsonl:3: wrong",
        "zero variance: all of a group wrong and rewarded alike",
        "[… 18,",
        "Target: 2.color.cyan",
    ):
        assert expected in page.text, expected
    assert '<mark class="right">2.color.cyan</mark>, <mark class="partial">2.color.red</mark>' in html
    assert '<span class="caret">' in html
    assert HOSTILE not in html
    assert len(html) < 60_000
    markdown = write(make_report([str(summary)]), "markdown")
    assert "wrong, the highest reward first: 8 completions" in markdown
    path.rename(tmp_path / "elsewhere.jsonl")
    assert (
        "its completions cannot be shown: rows.jsonl is not here"
        in Page(write(make_report([str(summary)]), "html")).text
    )


def test_rows_that_changed_since_they_were_scored_are_not_shown(tmp_path):
    rows = [{"completion": "<think>b</think><answer>none</answer>", "target": "2.color.cyan"}] * 3
    path, summary = summary_of(tmp_path, rows)
    write_rows(path, rows[:2])
    assert "now has 2 rows; score it again" in Page(write(make_report([str(summary)]), "html")).text


def test_completions_are_read_as_they_were_scored(tmp_path):
    """With the columns, the targets, the task and the preset that the summary was made with."""
    answers = [{"mine": f"<think></think><answer>{answer}</answer>", "id": n} for n, answer in enumerate("ABBA")]
    targets = write_rows(tmp_path / "targets.jsonl", [{"id": n, "target": "A"} for n in range(4)])
    _, summary = summary_of(
        tmp_path, answers, task="multiview", mapping={"completion": "mine"}, targets=str(targets), limit=3
    )
    page = Page(write(make_report([str(summary)]), "html")).text
    assert "rows.jsonl:2: wrong, 0 = no part" in page
    assert "cannot be shown" not in page


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": "x"}, r"Expected `object`, got `str` - at `\$.source`"),
        ({"source": {"files": [1]}}, r"Expected `str`, got `int` - at `\$.source.files\[0\]`"),
        ({"source": {"files": ["rows.jsonl"], "limit": "x"}}, r"at `\$.source.limit`"),
        ({"total": 1.0}, r"at `\$.total`"),
        ({"parts": 3}, r"at `\$.parts`"),
    ],
)
def test_a_summary_that_was_changed_by_hand_is_said_to_be(tmp_path, changed, message):
    _, summary = summary_of(
        tmp_path, [{"completion": "<think>b</think><answer>none</answer>", "target": "2.color.cyan"}]
    )
    summary.write_text(json.dumps(json.loads(summary.read_text()) | changed))
    with pytest.raises(DataError, match=message):
        make_report([str(summary)])


def test_a_source_that_lacks_something_shows_no_completions(tmp_path):
    _, summary = summary_of(
        tmp_path, [{"completion": "<think>b</think><answer>none</answer>", "target": "2.color.cyan"}]
    )
    found = json.loads(summary.read_text())
    del found["source"]["mapping"]
    summary.write_text(json.dumps(found))
    page = Page(write(make_report([str(summary)]), "html"))
    assert "its completions cannot be shown: its source names no 'mapping'" in page.text
