"""What ``star audit`` prints."""

import math

from benchmarks.audit import Audit
from benchmarks.audit.exploits import AuditFinding, Example, World
from benchmarks.audit.page import amount
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
    assert "at every chance" in out
    assert "\x1b" not in out
    assert "characters)" in out


def test_markdown():
    audits = [Audit("r", "tvr", 1, 1, (BROKEN, MANY))]
    assert markdown_table(audits).splitlines()[-1] == "| `r` | none | `learned`, each: at every chance | `finite` |"
    assert len(markdown_thresholds(audits).splitlines()) == 2


def test_amounts():
    assert [amount(value) for value in (14.5, 0.1 + 0.2, math.nan)] == ["14.5", "0.3", "none"]
