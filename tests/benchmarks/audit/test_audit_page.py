"""The page holds what was found, escaped, and nothing from outside; its charts show the numbers of the analysis."""

from __future__ import annotations

import math
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from benchmarks.audit import Audit, AuditedReward, Groups, audit, draw_scenes
from benchmarks.audit.cost import Cost, Growth
from benchmarks.audit.expected import CHANCES, analyze_guessing
from benchmarks.audit.findings import AuditFinding, Example, World
from benchmarks.audit.page import (
    audit_document,
    best_chart,
    cost_line,
    expectation_row,
    expected_chart,
    group_rows,
    incentive_chart,
    knowledge_in_words,
    shorten,
    verdict,
)
from benchmarks.report.html import html
from rewards import TVR
from rewards.functions import TaskReward
from rewards.score import resolve
from rewards.tasks import load_task

VOID = {"meta", "br"}


class Balance(HTMLParser):
    """Collects tags that are not closed in order, and addresses that are loaded."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.addresses, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value[0] != "#"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def _page(found):
    return html(audit_document(found))


def _read(page):
    parser = Balance()
    parser.feed(page)
    parser.close()
    return parser


@pytest.fixture(scope="module")
def found():
    groups = Groups(8, 2, 4.0, 0.5, 0.25, 0.25, 0.1, 2.5, ((1.0, 5), (6.0, 3)))
    audited, scenes = AuditedReward(TaskReward("tvr", "paper"), "<mine> & yours"), draw_scenes(load_task("tvr"), 4)
    broken = AuditFinding(
        "check", "finite", "raises", smallest=Example("<b>", "<b>", (World("t", 1.0, math.nan, math.nan),))
    )
    return audit(audited, scenes, spec=resolve("tvr", "paper")[1], search=None, further=[broken], groups=groups)


def test_the_page_is_balanced_and_loads_nothing(found):
    read = _read(_page(found))
    assert read.open == read.wrong == read.addresses == []


def test_the_page_holds_what_was_found(found):
    page = _page(found)
    text = " ".join(_read(page).text)
    assert "<mine> & yours" in text
    assert "<mine>" not in page
    for finding in found.findings:
        assert finding.name in text
        assert finding.pays_while in text
    assert "2.color" not in page or "<answer>" in text
    for part in ("Exploits", "Incentives", "Failed checks", "Expected reward of guessing", "Real predictions", "Cost"):
        assert part in text
    assert page.count('role="img"') >= 4
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_a_page_of_nothing_found():
    read = _read(_page(Audit("r", "tvr", 1, 1, ())))
    assert read.open == read.wrong == []
    assert "no exploit, no incentive, no failed check" in " ".join(read.text)


def test_many_worlds_are_cut():
    worlds = tuple(World(f"w{number}", 0.1, 1.0, 0.0) for number in range(10))
    finding = AuditFinding(
        "incentive", "learned", "", smallest=Example("x", "y", worlds), about="each", pays_between=(0.0, 1.0)
    )
    text = " ".join(_read(_page(Audit("r", "tvr", 1, 1, (finding,)))).text)
    assert "and 6 more" in text
    assert "w9" not in text


def test_lines():
    assert shorten("abc") == "abc"
    assert shorten("a" * 1000, 10) == "aaaaa … aaaaa (1,000 characters)"
    exploits = tuple(AuditFinding("exploit", str(number), "") for number in range(2))
    assert verdict(Audit("r", "tvr", 1, 1, exploits)) == "2 exploits, no incentive, no failed check"
    cost = Cost(0.001, 0.002, 0.0005, (Growth("f", (1, 2), (0.1, 0.2), 1.0),))
    assert cost_line(cost).startswith("One completion in a call of its own takes 1 ms at the median and 2 ms")


def test_rows(found):
    assert expectation_row(found.expectation[0]) == ("nothing for sure", "any chance", "0.167", "0.833", "+2")
    assert ("unlike texts with equal rewards", "10.0%") in group_rows(found.groups)


def test_what_is_no_number_and_what_is_nothing_are_said_in_words(found):
    unpaid = AuditFinding("check", "finite", "raises", smallest=Example("", "", (World("t", 1.0, math.nan, math.nan),)))
    slow = AuditFinding("check", "growth", "slow", smallest=Example("<<<", "<<<", ()))
    page = _page(replace(found, findings=(unpaid, slow)))
    assert "Reward none, the other none" in page
    assert "nan" not in page
    assert "<pre>(nothing)</pre>" in page
    assert page.count(">Reward ") == 1  # of the slow one it is the time that counts


ANALYSIS = analyze_guessing(TVR)


def test_the_curves_are_those_of_the_analysis():
    chart = expected_chart(ANALYSIS[0], "default")
    assert [line.name for line in chart.lines[:3]] == ["0 predictions", "1 prediction", "2 predictions"]
    assert chart.lines[2].y[-1] == 10.0
    best = best_chart(ANALYSIS, "default")
    assert best.steps
    assert [line.y for line in best.lines] == [known.best for known in ANALYSIS]
    assert all(line.x == CHANCES for line in best.lines)


def test_an_incentive_is_two_lines_that_cross_at_the_break_even():
    worlds = (World("a", 0.5, 4.0, 5.0), World("b", 0.5, 4.0, 0.5))
    finding = AuditFinding(
        "incentive",
        "hedge",
        "",
        smallest=Example("x", "y", worlds),
        about="value, two candidates",
        pays_between=(0.5, 0.75),
    )
    chart = incentive_chart(finding)
    assert [line.y for line in chart.lines] == [(4.0, 4.0), (0.5, 5.0)]
    assert chart.marks[0][0] == pytest.approx(7 / 9)
    assert chart.title == "hedge, unsure of the value"


def test_what_cannot_be_drawn_over_one_chance():
    worlds = tuple(World("a", 1 / 3, 1.0, 0.0) for _ in range(3))
    assert incentive_chart(AuditFinding("incentive", "learned", "", smallest=Example("x", "y", worlds))) is None
    assert incentive_chart(AuditFinding("incentive", "learned", "")) is None


def test_two_lines_that_do_not_cross_have_no_mark():
    worlds = (World("a", 0.5, 4.0, 3.0), World("b", 0.5, 4.0, 0.5))
    finding = AuditFinding(
        "incentive", "learned", "", smallest=Example("x", "y", worlds), about="each", pays_between=(0.0, 1.0)
    )
    assert incentive_chart(finding).marks == ()


def test_words():
    assert [knowledge_in_words(sure) for sure in (None, "object", "attribute")] == [
        "nothing for sure",
        "the object",
        "up to the attribute",
    ]
