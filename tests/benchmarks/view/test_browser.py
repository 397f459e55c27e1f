"""The page in a real Chromium: what people do with it, and that nothing a model writes does anything."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from rewards import score_completion
from star_cli.main import star
from tests.benchmarks.view.view_inputs import (
    ANSWERS,
    TARGETS,
    completion,
    write_data,
    write_images,
    write_rows,
    write_run,
)
from tests.benchmarks.view.view_server import served

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    assert "CI" not in os.environ, "CI has a Chromium: see .ci/run"
    pytest.skip("no Chromium is installed", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page; the test fails if anything is asked of elsewhere, if a dialog opens or the page reports an error."""
    with watched(chromium) as found:
        yield found


@contextmanager
def watched(chromium, **settings):
    context = chromium.new_context(viewport={"width": 1400, "height": 1000}, **settings)
    page = context.new_page()
    page.set_default_timeout(30_000)
    troubles, addresses = [], []
    page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("console", lambda line: troubles.append(line.text) if line.type in ("error", "warning") else None)
    page.on("request", lambda request: addresses.append(request.url))
    page.troubles = troubles
    page.addresses, page.homes = addresses, []
    yield page
    elsewhere = [url for url in addresses if not url.startswith((*page.homes, "data:image/"))]
    assert not elsewhere
    assert not troubles
    context.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    write_data(folder / "data")
    write_run(folder / "first", folder / "data", steps=(10, 20, 30))
    write_run(folder / "second", folder / "data", steps=(10, 20, 30), prompts=2, shift=4)
    return folder


@pytest.fixture(scope="module")
def alone(runs):
    with served(runs / "first", "--images", runs / "data") as url:
        yield url


@pytest.fixture(scope="module")
def compared(runs):
    with served(runs / "first", "--against", runs / "second", "--images", runs / "data") as url:
        yield url


def visit(page, url):
    page.homes.append(url)
    page.goto(url)
    page.wait_for_selector("#main .asked, #main .empty", state="attached")


def until(page, condition):
    """Wait until a condition in JavaScript holds; Playwright's own way to wait is what the page's policy forbids.

    What it looks for may not be there yet.
    """
    for _ in range(600):
        if page.evaluate(f"() => {{ try {{ return Boolean({condition}); }} catch {{ return false; }} }}"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def titles(page):
    return page.locator("#list .name").all_inner_texts()


def chosen(page):
    return page.locator('#list [aria-selected="true"]').get_attribute("id")


def settle(page, do):
    """Do something that asks the server for a list, and wait until it is there."""
    before = page.locator("#found").inner_text()
    do()
    until(page, f"!['looking …', {json.dumps(before)}].includes(document.getElementById('found').textContent)")
    until(page, "[...document.querySelectorAll('#list, #main')].every(each => each.ariaBusy === 'false')")


def test_open(page, alone):
    visit(page, alone)
    assert titles(page) == ["scene-0", "scene-1", "scene-2"] * 3
    assert page.locator("#counts").inner_text().startswith("36 completions")
    assert page.locator("#main h2").inner_text() == "scene-0"
    assert "What changed in scene 0?" in page.locator(".prompt").inner_text()
    assert page.locator(".target code").inner_text() == TARGETS[0]
    until(page, "[...document.images].length === 2 && [...document.images].every(i => i.naturalWidth === 40)")
    shown = page.locator(".row").all()
    totals = [float(row.locator(".total").inner_text().replace("−", "-")) for row in shown]
    expected = [score_completion(completion(ANSWERS[each]), TARGETS[0]) for each in range(4)]
    assert totals == sorted((score.total for score in expected), reverse=True)
    first = shown[0]
    assert first.locator(".text").inner_text().replace("\n", "") == completion("2.color.cyan")
    assert first.locator("mark.right").inner_text() == "2.color.cyan"
    assert first.locator("mark.right").get_attribute("data-share") == "+5"
    parts = {
        line.locator("dt").inner_text(): line.locator(".value").inner_text()
        for line in first.locator(".parts > div").all()
    }
    assert parts == {
        "format": "1",
        "exact": "5",
        "attribute": "0",
        "object": "0",
        "incorrect": "0",
        "underprediction": "0",
    }
    bars = first.locator(".bar").evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
    assert bars[1] == pytest.approx(5 * bars[0], rel=0.02)
    assert bars[2:] == [0] * 4
    assert "correct" in first.locator(".badge").first.inner_text()


def test_the_command_is_copied_and_runs(page, alone):
    from click.testing import CliRunner

    visit(page, alone)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row = page.locator(".row").nth(1)
    row.locator(".explain button").click()
    row.locator(".explain button", has_text="copied").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    done = CliRunner().invoke(star, [*command.split()[1:], "--json"])
    assert json.loads(done.output)["total"] == float(row.locator(".total").inner_text().replace("−", "-"))


def test_filter_and_sort(page, alone):
    visit(page, alone)
    settle(page, lambda: page.select_option("#view", "left"))
    assert titles(page) == ["scene-1"] * 3
    assert page.locator("#found").inner_text() == "3 of 9 groups · 12 completions"
    settle(page, lambda: page.click("#reset"))
    assert len(titles(page)) == 9
    settle(page, lambda: page.select_option("#fault", "unknown_attribute"))
    assert 0 < len(titles(page)) < 9
    assert page.locator(".badge.fault", has_text="unknown_attribute").count()
    page.reload()  # the address keeps what was asked for
    page.wait_for_selector("#main .asked")
    assert page.locator("#fault").input_value() == "unknown_attribute"
    settle(page, lambda: page.click("#reset"))
    settle(page, lambda: page.fill("#low", "100"))
    assert "Nothing is like that" in page.locator("#main").inner_text()
    settle(page, lambda: page.fill("#low", ""))
    page.select_option("#sort", "low")
    until(page, "document.querySelector('#list .mean').textContent.startsWith('−')")
    means = [float(each.replace("−", "-")) for each in page.locator("#list .mean").all_inner_texts()]
    assert means == sorted(means)


def test_keys(page, alone):
    visit(page, alone)
    assert chosen(page) == "g0"
    for key, expected in (("j", "g1"), ("ArrowDown", "g2"), ("k", "g1"), ("ArrowUp", "g0"), ("k", "g0"), ("j", "g1")):
        page.keyboard.press(key)
        until(page, f"document.querySelector('[aria-selected=true]').id === '{expected}'")
    assert "group=1" in page.url
    page.keyboard.press("/")
    settle(page, lambda: page.keyboard.type("GLASS"))
    assert page.locator("#text").input_value() == "GLASS"  # and `j` would be a letter now
    assert set(titles(page)) <= {"scene-0", "scene-1", "scene-2"}
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#keys").is_hidden()


def test_steps(page, alone):
    visit(page, alone)
    page.keyboard.press("j")
    until(page, "document.querySelector('#main h2').textContent === 'scene-1'")
    settle(page, lambda: page.keyboard.press("ArrowRight"))
    assert page.locator("#step-name").inner_text() == "step 10"
    for step in (20, 30):
        page.keyboard.press("ArrowRight")
        until(page, f"document.querySelector('#main .chip').textContent === 'step {step}'")
        assert page.locator("#main h2").inner_text() == "scene-1"  # the same prompt
        assert titles(page) == ["scene-0", "scene-1", "scene-2"]
    page.locator("#step").fill("1")
    until(page, "document.querySelector('#main .chip').textContent === 'step 10'")
    page.locator(".history circle").last.click()
    until(page, "document.querySelector('#main .chip').textContent === 'step 30'")


def test_another_preset(page, alone):
    visit(page, alone)
    row = page.locator(".row", has_text="2.color.red").first
    before = row.locator(".total").inner_text()
    page.select_option("#preset", "naive_binary")
    until(
        page,
        "document.querySelector('#preset').value === 'naive_binary' && document.querySelector('.before').textContent",
    )
    score = score_completion(completion("2.color.red"), TARGETS[0], preset="naive_binary")
    row = page.locator(".row", has_text="2.color.red").first
    assert row.locator(".total").inner_text() == f"{score.total:g}".replace("-", "−")
    assert row.locator(".before").inner_text() == f"{before} under default"
    assert "--preset naive_binary" in row.locator(".command").inner_text()
    page.keyboard.press("j")  # it stays
    until(page, "document.querySelector('#main h2').textContent === 'scene-1'")
    assert page.locator("#preset").input_value() == "naive_binary"
    page.keyboard.press("p")
    until(page, "document.querySelector('#preset').value === 'default'")


def test_two_runs_side_by_side(page, compared):
    visit(page, compared)
    columns = page.locator(".of-run")
    assert columns.count() == 2
    boxes = [columns.nth(at).bounding_box() for at in (0, 1)]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert [columns.nth(at).locator(".row").count() for at in (0, 1)] == [4, 4]
    texts = [columns.nth(at).locator(".row .text").all_inner_texts() for at in (0, 1)]
    assert texts[0] != texts[1]
    assert page.locator("#list .gain").count() == 6  # the second run has two of three prompts
    page.locator("#list li", has_text="scene-2").first.click()
    page.get_by_text("This prompt is not in the run.").wait_for()
    page.select_option("#sort", "gain")
    until(page, "document.querySelector('#list li').id !== 'g0'")
    gains = [float(each.replace("−", "-")) for each in page.locator("#list .gain").all_inner_texts()]
    assert gains == sorted(gains, reverse=True)
    assert titles(page)[6:] == ["scene-2"] * 3


def test_many_groups_come_as_they_are_scrolled_to(page, tmp_path):
    rows = [
        {"id": f"row-{at}", "completion": completion(ANSWERS[at % 8]), "target": TARGETS[at % 3]} for at in range(2500)
    ]
    with served(write_rows(tmp_path / "rows.jsonl", rows)) as url:
        visit(page, url)
        assert page.locator("#list li").count() == 100
        page.locator("#list").evaluate("list => list.scrollTo(0, list.scrollHeight)")
        until(page, "document.querySelectorAll('#list li').length >= 200")
        last = page.locator("#list li").count() - 1
        page.locator("#list li").nth(last).click()
        page.keyboard.press("j")
        until(page, f"document.querySelector('#main h2')?.textContent === 'row-{last + 1}'")
        settle(page, lambda: page.fill("#text", "row-2499"))
        assert titles(page) == ["row-2499"]


def test_a_key_at_the_end_of_the_list_waits_for_what_is_being_loaded(page, tmp_path):
    rows = [{"id": f"row-{at}", "completion": completion(ANSWERS[0]), "target": TARGETS[0]} for at in range(250)]
    with served(write_rows(tmp_path / "rows.jsonl", rows)) as url:
        visit(page, url)
        page.evaluate(
            "() => { const plain = fetch;"
            " window.fetch = (...asked) => new Promise((go) => setTimeout(go, 700)).then(() => plain(...asked)); }"
        )
        page.locator("#list li").nth(99).click()  # scrolls to the end, so that more is being loaded
        page.keyboard.press("j")
        until(page, "document.querySelector('#main h2')?.textContent === 'row-100'")


def test_rows_to_train_on(page, runs, tmp_path):
    chains = [
        {**row, "completion": completion(row["target"], think="Object 2: it was red.\nObject 3: the same.")}
        for row in write_data(tmp_path / "data")
    ]
    path = write_rows(tmp_path / "data" / "chains.jsonl", chains)
    with served(runs / "data") as url:
        visit(page, url)
        assert page.locator("#show").is_hidden()
        until(page, "[...document.images].length === 2 && [...document.images].every(i => i.naturalWidth === 40)")
        assert page.locator(".target code").inner_text() == TARGETS[0]
        assert page.locator(".row .text").count() == 0
    with served(path) as url:
        visit(page, url)
        assert "Object 2: it was red.\nObject 3: the same." in page.locator(".row .text").inner_text()


# --- one file ---------------------------------------------------------------------------------------------------------


def write_one(out, *arguments):
    from click.testing import CliRunner

    done = CliRunner().invoke(star, ["view", *map(str, arguments), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return done.output


def test_one_file_answers_as_the_server_does(page, runs, compared, tmp_path):
    out = tmp_path / "page.html"
    said = write_one(out, runs / "first", "--against", runs / "second", "--images", runs / "data", "--groups", "all")
    assert re.search(r"page.html: 9 groups, 36 rows, 6 images, [\d.]+ MB", said)
    queries = [
        *({"show": show} for show in ("all", "outranked", "varied", "zero", "right", "wrong", "fault")),
        *({"sort": sort} for sort in ("file", "instructive", "low", "high", "spread", "faults", "gain", "loss")),
        *({"fault": "unknown_attribute"}, {"view": "left"}, {"step": 20}, {"text": "GLASS"}, {"text": "scene-1"}),
        *({"low": "2"}, {"high": "2"}, {"low": "1", "high": "4", "sort": "high"}, {"task": "tvr", "show": "varied"}),
    ]
    ask = "async query => (await source.groups(query, 0)).items.map(item => [item.group, item.title, item.gain, item.dots])"
    show = "async ([run, group, preset]) => { const found = await source.group(run, group, preset); delete found.images; return found; }"
    answers = []
    for address in (compared, out.as_uri()):
        visit(page, address)
        answers.append(
            (
                [page.evaluate(ask, query) for query in queries],
                [
                    page.evaluate(show, [0, group, preset])
                    for group in range(9)
                    for preset in (None, "paper", "calibrated")
                ],
                [page.evaluate(show, [1, group, "paper"]) for group in range(6)],
                page.evaluate("source.runs()"),
            )
        )
    assert answers[0] == answers[1]


def test_one_file_is_whole(page, runs, tmp_path):
    out = tmp_path / "page.html"
    said = write_one(out, runs / "first", "--images", runs / "data", "--groups", "4")
    assert "4 of 9 groups" in said
    visit(page, out.as_uri())
    assert page.locator("#found").inner_text() == "4 of 9 groups · 16 completions"
    until(page, "[...document.images].length === 2 && [...document.images].every(i => i.naturalWidth === 40)")
    assert {url.partition(":")[0] for url in page.addresses} <= {"file", "data"}


def test_the_order_is_what_it_is_called(page, runs, tmp_path):
    """One file opens with what it was chosen by; what is served opens as the files are."""
    out = tmp_path / "page.html"
    write_one(out, runs / "first", "--images", runs / "data", "--groups", "4")
    listed = "async sort => (await source.groups({sort}, 0)).items.map(item => item.group)"
    shown = "[...document.querySelectorAll('#list li')].map(item => Number(item.id.slice(1)))"
    with served(runs / "first", "--images", runs / "data") as url:
        visit(page, url)
        assert page.locator("#sort option:checked").inner_text() == "as in the file"
        first = page.evaluate(listed, "instructive")[:4]
    assert first != sorted(first)  # else nothing is told
    visit(page, out.as_uri())
    assert page.locator("#sort option:checked").inner_text() == "most instructive first"
    assert page.evaluate(shown) == first
    page.select_option("#sort", "file")
    until(page, f"JSON.stringify({shown}) === '{json.dumps(sorted(first), separators=(',', ':'))}'")
    assert "sort=file" in page.url
    page.reload()
    until(page, f"JSON.stringify({shown}) === '{json.dumps(sorted(first), separators=(',', ':'))}'")


# --- what a model may write -------------------------------------------------------------------------------------------

ATTACKS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    '"><svg onload=alert(4)>',
    "' onmouseover='alert(5)",
    "javascript:alert(6)",
    "</textarea></title></style></pre><iframe src='https://elsewhere.test/'></iframe>",
    "{{ 7 * 7 }} {% raw %} ${alert(8)} `${alert(9)}`",
    "<!-- --><!--<script> ]]> &lt;b&gt; &amp;",
    "<link rel=stylesheet href=//elsewhere.test/a.css><style>*{background:url(https://elsewhere.test/)}</style>",
    "<meta http-equiv=refresh content='0;url=https://elsewhere.test/'><base href='https://elsewhere.test/'>",
    "__proto__ constructor \\u003cscript\\u003e \\",
)


def hostile_rows(attack):
    """A row with an attack in every field that can hold text, and one whose format is broken by it."""
    think = f"View 1: [{attack}, sofa, {attack}] {attack}"
    common = {
        "id": f"id {attack}",
        "prompt": [{"role": f"user {attack}", "content": f"prompt {attack}"}, {"role": "user", "content": attack}],
        "view": f"view {attack}",
        "step": 3,
        "images": [f"{attack}.png", "a.png", f"data:image/svg+xml,{attack}"],
        f"column {attack}": f"value {attack}",
        "nested": {attack: [attack]},
    }
    question = {"target": f"lamp {attack}", "options": None, "references": [[attack, "sofa"], [attack]]}
    return [
        {**common, **question, "completion": completion(f"{attack}", think=think)},
        {**common, **question, "completion": f"{attack}<think>{think}"},
        {
            **common,
            **question,
            "completion": completion(f"A {attack} B", think=attack),
            "options": [attack, "b"],
            "target": "A",
        },
    ]


def test_nothing_that_is_written_does_anything(chromium, tmp_path):
    """Nor does it change: what is shown is what was written, letter by letter."""
    write_images(tmp_path / "data", ["a.png"])
    folder = tmp_path / ATTACKS[2]  # a file's name is text too
    questions = write_rows(folder / "rows.jsonl", [row for attack in ATTACKS for row in hostile_rows(attack)])
    lists = [
        row
        for attack in ATTACKS
        for row in (
            {
                "id": attack,
                "completion": completion(f"2.color.{attack}, {attack}", think=attack),
                "target": "0.size.small",
            },
            {"id": f"2 {attack}", "completion": attack, "target": "0.size.small", "prompt": attack},
        )
    ]
    records = write_rows(folder / "list.jsonl", lists)
    one = tmp_path / "one.html"
    write_one(one, questions, "--task", "multiview", "--images", tmp_path / "data", "--groups", "all")
    with (
        served(questions, "--task", "multiview", "--against", questions) as pairs,
        served(records) as lists,
    ):
        for url in (pairs, one.as_uri(), lists):
            with watched(chromium) as page:
                visit(page, url)
                seen = "\0".join(look_at(page, at) for at in range(page.locator("#list li").count()))
                for attack in ATTACKS:
                    assert f"<answer>{attack if url != lists else f'2.color.{attack}'}" in seen
                    assert seen.count(attack) > 5
                page.keyboard.press("/")
                page.keyboard.type("alert(")
                until(page, "document.getElementById('found').textContent.includes(' of ')")
                # Chromium tells as an error that an image which is none is answered with 422.
                page.troubles[:] = [each for each in page.troubles if "status of 422" not in each]


def look_at(page, at):
    """Show a group with everything in it unfolded, touch it all, and return its text."""
    page.locator("#list li").nth(at).click()
    title = json.dumps(page.locator("#list .name").nth(at).evaluate("name => name.textContent"))
    until(page, f"document.querySelector('#main h2')?.textContent === {title}")
    page.keyboard.press("p")
    page.keyboard.press("e")
    return page.evaluate(
        """() => {
            document.querySelectorAll('#main details').forEach(each => each.open = true);
            for (const node of document.querySelectorAll('body *')) {
                for (const event of ['mouseover', 'mouseenter', 'focus', 'load']) node.dispatchEvent(new Event(event));
            }
            return document.getElementById('main').textContent;
        }"""
    )


def test_a_second_wall_stands_behind_the_first(chromium, alone, runs, tmp_path):
    """If markup slipped through, the browser would still run nothing and load nothing."""
    one = tmp_path / "one.html"
    write_one(one, runs / "first", "--images", runs / "data")
    for url in (alone, one.as_uri()):
        with watched(chromium) as page:
            visit(page, url)
            for attempt in (
                "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned = 1\">')",
                "document.body.innerHTML += '<img src=x onerror=\"window.pwned = 2\">'",
                "document.write('<script>window.pwned = 3</script>')",
                "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.pwned = 4'}))",
                "setTimeout('window.pwned = 5')",
                "location.href = 'javascript:window.pwned = 6'",
            ):
                page.evaluate(f"() => {{ try {{ {attempt} }} catch {{}} }}")
            page.evaluate(
                "() => { const image = new Image(); image.src = 'https://elsewhere.test/a.png'; document.body.append(image);"
                "const style = document.createElement('style'); style.textContent = 'body { display: none }'; document.head.append(style);"
                "const button = document.createElement('button'); try { button.setAttribute('onclick', 'window.pwned = 7'); } catch {} document.body.append(button); button.click(); }"
            )
            with pytest.raises(sync_api.Error):
                page.evaluate("fetch('https://elsewhere.test/')")
            page.wait_for_timeout(300)
            assert page.evaluate("window.pwned") is None
            assert page.locator("#main").is_visible()
            for _ in range(600):  # what the browser says comes when it comes
                refused = [line for line in page.troubles if "https://elsewhere.test" in line]
                if len(refused) >= 2:
                    break
                page.wait_for_timeout(50)
            assert len(refused) >= 2
            assert all("Content Security Policy" in line for line in refused)
            page.troubles.clear()
            page.addresses.clear()  # those that were tried, and refused before anything was sent


def test_characters_that_cannot_be_seen_are_named(page, tmp_path):
    text = completion("2.color.c\u200byan", think="left\u202eright \x1b[31m 😀")
    with served(write_rows(tmp_path / "rows.jsonl", [{"completion": text, "target": "2.color.cyan"}])) as url:
        visit(page, url)
        assert page.locator(".text .code").all_inner_texts() == ["U+202E", "U+001B", "U+200B"]
        assert "😀" in page.locator(".text").inner_text()


def test_a_caret_stands_at_the_fault(page, tmp_path):
    text = "<think>𝒳😀</think> so <answer>2.color.cyan</answer>"
    with served(write_rows(tmp_path / "rows.jsonl", [{"completion": text, "target": "2.color.cyan"}])) as url:
        visit(page, url)
        assert page.locator(".text .caret").inner_text() == "s"
        assert page.locator("p.fault .caret").inner_text() == "s"
        assert page.locator("p.fault code").first.inner_text() == "text_between"
    row = {"completion": completion("2.color.cyan, 2.texture.red"), "target": "2.color.cyan"}
    with served(write_rows(tmp_path / "rows.jsonl", [row])) as url:
        visit(page, url)
        assert page.locator(".text .caret").inner_text() == "t"
        shares = page.locator(".text mark").evaluate_all(
            "marks => marks.map(mark => [mark.textContent, mark.dataset.share ?? ''])"
        )
        assert shares == [["2.color.cyan", "+5"], ["2.", ""], ["texture.red", "−1"]]


# --- how it looks -----------------------------------------------------------------------------------------------------


def luminance(color):
    channels = [int(each) / 255 for each in re.findall(r"\d+", color)[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(chromium, alone, scheme):
    """WCAG AA: a contrast of 4.5 between a text and what is behind it."""
    with watched(chromium, color_scheme=scheme) as page:
        visit(page, alone)
        backs = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (luminance(backs) > 0.5) == (scheme == "light")
        colors = page.evaluate(
            """() => [...document.querySelectorAll('h1, h2, h3, #counts, #found, .name, .what, .tag, .step, .mean, .stats, .total, .advantage, .badge, .place, .command, mark, .missing, p.fault > code, .prompt .part, .parts div:not(.none) dt')]
            .filter(node => node.checkVisibility()).map(node => {
                let behind = node;
                while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
                return [node.className || node.tagName, getComputedStyle(node).color, getComputedStyle(behind ?? document.body).backgroundColor];
            })"""
        )
        assert len(colors) > 30
        for name, front, back in colors:
            one, other = sorted((luminance(front), luminance(back)))
            assert (other + 0.05) / (one + 0.05) >= 4.5, (name, front, back)


def test_a_narrow_screen(chromium, compared):
    with watched(chromium) as page:
        page.set_viewport_size({"width": 400, "height": 800})
        visit(page, compared)
        widths = "() => [document.documentElement.scrollWidth, document.querySelector('#main').scrollWidth]"
        assert page.locator("#list").is_visible()  # first the list,
        page.locator("#list li").nth(1).click()
        until(page, "document.querySelector('#main h2').textContent === 'scene-1'")
        assert page.locator("#list").is_hidden()  # then what was chosen
        assert page.locator("#main").is_visible()
        assert max(page.evaluate(widths)) <= 400
        page.click("#to-list")
        assert page.locator("#list").is_visible()
        assert page.evaluate(widths)[0] <= 400


def test_every_asset_is_in_the_package():
    """An installed wheel serves the page too."""
    import tomllib

    home = Path(__file__).resolve().parents[3]
    patterns = tomllib.loads((home / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]["*"]
    for file in (home / "benchmarks" / "view").iterdir():
        if file.is_file() and file.suffix != ".py":
            assert any(file.match(pattern) for pattern in patterns), file


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """A question about four views, the last image upright."""
    folder = tmp_path_factory.mktemp("views")
    names = [f"an image with a long name of view {at}.png" for at in range(1, 5)]
    write_images(folder, names[:3])
    Image.new("RGB", (30, 80), "teal").save(folder / names[3])
    objects = [["a large red metal cube", f"a small chair that view {at} alone has"] for at in range(1, 5)]
    think = "\n".join(f"View {at}: [{one}, {other}, left]" for at, (one, other) in enumerate(objects, 1))
    row = {
        "task": "multiview",
        "prompt": "Which one?",
        "completion": completion("B", think=think),
        "target": "B",
        "options": ["this", "that"],
        "references": objects,
        "relations": [[[*each, "left"]] for each in objects],
        "images_file_names": names,
    }
    write_rows(folder / "rows.jsonl", [row])
    with served(folder / "rows.jsonl") as url:
        yield url


FIGURES = """[...document.querySelectorAll(".images figure")].map((figure) => {
    const image = figure.querySelector("img").getBoundingClientRect(), whole = figure.getBoundingClientRect();
    return [image.width, image.height, whole.width, whole.left, whole.right, whole.top].map(Math.round);
})"""


@pytest.mark.parametrize("width", [1300, 400])
def test_each_view_has_its_image_with_what_is_true_of_it(chromium, views, width):
    """An image is as wide as it is, and not as what is said of it; two of them stand side by side on a telephone."""
    with watched(chromium) as page:
        page.set_viewport_size({"width": width, "height": 1000})
        page.homes.append(views)
        visit(page, f"{views}#group=0")
        until(page, "[...document.images].length === 4 && [...document.images].every(i => i.naturalWidth)")
        told = page.locator(".images figure").all_inner_texts()
        for at, text in enumerate(told, 1):
            assert text.startswith(f"View {at} an image with a long name of view {at}.png")
            assert f"large red metal cube, small chair that view {at} alone has" in text
            assert "1 relation" in text
        figures = page.evaluate(FIGURES)
        for wide, _, whole, left, right, _ in figures:
            assert whole <= max(wide, 110)
            assert 0 <= left < right <= width
        assert figures[0][5] == figures[1][5]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.click(".images figure:nth-child(2) summary")
        assert "large red metal cube, small chair that view 2 alone has, left" in page.locator(".images").inner_text()
        page.hover("mark[data-view='3'] >> nth=1")
        assert page.locator(".images figure.told").get_attribute("data-view") == "3"
        assert page.locator("mark[data-view='3'] >> nth=1").get_attribute("title").startswith("view 3, correct")
        page.hover(".target")
        assert page.locator(".images figure.told").count() == 0
        page.click(".images img >> nth=0")
        column = page.evaluate("document.querySelector('.seen').clientWidth")
        assert page.evaluate(FIGURES)[0][0] == min(760, column)
