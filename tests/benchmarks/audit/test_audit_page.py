"""The page holds what was found, escaped, and nothing from outside."""

import math
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from benchmarks.audit import Audit, Groups, Payer, audit, draw_scenes
from benchmarks.audit.cost import Cost, Growth
from benchmarks.audit.findings import Example, Finding, World
from benchmarks.audit.page import cost_line, expectation_row, group_rows, html_page, shorten, verdict
from rewards.functions import TaskReward
from rewards.score import resolve
from rewards.tasks import load_task

VOID = {"meta", "br", "rect", "line", "polyline"}


class Balance(HTMLParser):
    """Collects tags that are not closed in order, and addresses that are loaded."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.addresses, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def _read(page):
    parser = Balance()
    parser.feed(page)
    parser.close()
    return parser


@pytest.fixture(scope="module")
def found():
    groups = Groups(8, 2, 4.0, 0.5, 0.25, 0.25, 0.1, 2.5, ((1.0, 5), (6.0, 3)))
    payer, scenes = Payer(TaskReward("tvr", "paper"), "<mine> & yours"), draw_scenes(load_task("tvr"), 4)
    broken = Finding(
        "check", "finite", "raises", smallest=Example("<b>", "<b>", (World("t", 1.0, math.nan, math.nan),))
    )
    return audit(payer, scenes, spec=resolve("tvr", "paper")[1], search=None, further=[broken], groups=groups)


def test_the_page_is_balanced_and_loads_nothing(found):
    read = _read(html_page(found))
    assert read.open == read.wrong == read.addresses == []


def test_the_page_holds_what_was_found(found):
    page = html_page(found)
    text = " ".join(_read(page).text)
    assert "<mine> & yours" in text
    assert "<mine>" not in page
    for finding in found.findings:
        assert finding.name in text
        assert finding.pays_while in text
    assert "2.color" not in page or "<answer>" in text
    for part in ("Exploits", "Incentives", "Failed checks", "What guessing pays", "Real predictions", "Cost"):
        assert part in text
    assert page.count('class="chart"') >= 4
    assert "prefers-color-scheme:dark" in page
    assert 'name="viewport"' in page


def test_a_page_of_nothing_found():
    read = _read(html_page(Audit("r", "tvr", 1, 1, ())))
    assert read.open == read.wrong == []
    assert "no exploit, no incentive, no failed check" in " ".join(read.text)


def test_many_worlds_are_cut():
    worlds = tuple(World(f"w{number}", 0.1, 1.0, 0.0) for number in range(10))
    finding = Finding(
        "incentive", "learned", "", smallest=Example("x", "y", worlds), about="each", pays_between=(0.0, 1.0)
    )
    text = " ".join(_read(html_page(Audit("r", "tvr", 1, 1, (finding,)))).text)
    assert "and 6 more" in text
    assert "w9" not in text


def test_lines():
    assert shorten("abc") == "abc"
    assert shorten("a" * 1000, 10) == "aaaaa … aaaaa (1,000 characters)"
    exploits = tuple(Finding("exploit", str(number), "") for number in range(2))
    assert verdict(Audit("r", "tvr", 1, 1, exploits)) == "2 exploits, no incentive, no failed check"
    cost = Cost(0.001, 0.002, 0.0005, (Growth("f", (1, 2), (0.1, 0.2), 1.0),))
    assert cost_line(cost).startswith("One completion in a call of its own takes 1 ms at the median and 2 ms")


def test_rows(found):
    assert expectation_row(found.expectation[0]) == ("nothing for sure", "any chance", "0.167", "0.833", "+2")
    assert ("pairs of unlike texts paid the same", "10.0%") in group_rows(found.groups)


def test_what_is_no_number_and_what_is_nothing_are_said_in_words(found):
    unpaid = Finding("check", "finite", "raises", smallest=Example("", "", (World("t", 1.0, math.nan, math.nan),)))
    slow = Finding("check", "growth", "slow", smallest=Example("<<<", "<<<", ()))
    page = html_page(replace(found, findings=(unpaid, slow)))
    assert "Paid <b>none</b>, the other <b>none</b>" in page
    assert "nan" not in page
    assert "<pre>(nothing)</pre>" in page
    assert page.count("Paid <b>") == 1  # of the slow one it is the time that counts
