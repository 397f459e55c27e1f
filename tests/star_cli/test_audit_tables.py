"""What ``star audit`` prints."""

import math
import re
from dataclasses import replace

from benchmarks.audit import Audit
from benchmarks.audit.expected import analyze_guessing
from benchmarks.audit.findings import AuditFinding, Example, World
from benchmarks.audit.page import amount
from rewards import TVR
from star_cli.audit_tables import markdown_table, markdown_thresholds, print_audit

BROKEN = AuditFinding("check", "finite", "raises", smallest=Example("x", "y", (World("t", 1.0, math.nan, math.nan),)))
MANY = AuditFinding(
    "incentive",
    "learned",
    "a search",
    smallest=Example("x" * 400, "y", tuple(World(f"w{number}", 0.2, 1.0, 0.0) for number in range(5))),
    about="each",
    size=1.0,
    pays_between=(0.0, 1.0),
)


def test_all_that_was_found_is_printed(capsys):
    print_audit(Audit("r", "tvr", 1, 1, (BROKEN, MANY, AuditFinding("exploit", "bare", "says"))), no_color=True)
    out = capsys.readouterr().out
    assert "1 exploit, 1 incentive, 1 failed check" in out
    assert "none" in out
    assert "w0 (0.2) or w1 (0.2) or w2 (0.2) or 2 more" in out
    assert "(" in out
    assert "always" in out
    assert "\x1b" not in out
    assert "characters)" in out


def test_markdown():
    audits = [Audit("r", "tvr", 1, 1, (BROKEN, MANY))]
    assert markdown_table(audits).splitlines()[-1] == "| `r` | none | `learned`, each: always | `finite` |"
    assert markdown_thresholds(audits) == ""  # no tiers
    tiered = replace(audits[0], expectation=analyze_guessing(TVR))
    assert len(markdown_thresholds([*audits, tiered]).splitlines()) == 2 + 3


def test_of_a_policy_that_guesses_the_means_are_shown(capsys):
    example = Example("x", "y", (World("t", 1.0, 0.25, 1.0),))
    blind = AuditFinding("exploit", "blind", "guesses", smallest=example, means=(1.0975, 1.0))
    assert "`blind` (1.097 / 1)" in markdown_table([Audit("r", "multiview", 1, 1, (blind,))])
    print_audit(Audit("r", "multiview", 1, 1, (blind,)), no_color=True)
    assert re.search(r"blind +1\.097 +1 ", capsys.readouterr().out)


def test_amounts():
    assert [amount(value) for value in (14.5, 0.1 + 0.2, math.nan)] == ["14.5", "0.3", "none"]
