"""``star task``: the tasks there are, and checks of a declaration."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from star_cli.console import echo
from star_cli.options import complete_file, complete_task

if TYPE_CHECKING:
    from benchmarks.audit import Audit
    from rewards.tasks import Task

_SCENES = 12
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(short_help="Show, check and try tasks.")
def task() -> None:
    """Show the declared tasks, check a declaration of your own, and generate data for the worked examples."""


@task.command("list")
@_JSON
def list_tasks(*, as_json: bool) -> None:
    """List the tasks that come with the package."""
    from rewards.tasks import load_task, task_names
    from rewards.tasks.readable import as_dict

    tasks = [load_task(name) for name in task_names()]
    if as_json:
        echo(json.dumps([as_dict(each) for each in tasks], indent=2))
        return
    width = max(len(each.name) for each in tasks)
    for each in tasks:
        echo(f"{each.name:<{width}}  {each.kind:<8}  {each.about}")


@task.command("show")
@click.argument("name", shell_complete=complete_task)
@_JSON
def show_task(name: str, *, as_json: bool) -> None:
    """Show what answers of a task look like and what they score. NAME is a task, or the path of its YAML file."""
    from rewards.tasks import load_task
    from rewards.tasks.readable import as_dict

    found = load_task(name)
    echo(json.dumps(as_dict(found), indent=2) if as_json else _shown(found))


@task.command("data")
@click.argument("name", shell_complete=complete_task)
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="Number of problems.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the data set.")
@click.option(
    "--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Completions per problem, one row each."
)
def draw_data(name: str, *, count: int, seed: int, samples: int) -> None:
    """Print generated data of a worked example (flowchart, route, scene_graph) as JSON Lines.

    Each row has a prompt, a target and a completion.
    """
    from benchmarks.examples import draw_rows

    for row in draw_rows(name, count, seed=seed, samples=samples):
        echo(json.dumps(row))


@task.command("check")
@click.argument("file", shell_complete=complete_file)
@click.option("--no-audit", is_flag=True, help="Leave out the audit, which takes a few seconds.")
@_JSON
def check_task(file: str, *, no_audit: bool, as_json: bool) -> None:
    """Check a declaration: read it, run its cases, audit its reward, and print its grammar.

    FILE is the path of a YAML file, or the name of a task of the package. The exit code is 1 if the file cannot be
    read, a case does not get its expected reward, or the audit finds an exploit.
    """
    from rewards.errors import ConfigError
    from rewards.tasks import load_task

    try:
        found = load_task(file)
    except ConfigError as error:
        echo(json.dumps({"ok": False, "error": str(error)}, indent=2) if as_json else error, err=not as_json)
        sys.exit(1)
    checked = _check(found, file, audited=not no_audit)
    echo(json.dumps(checked.as_dict(), indent=2, allow_nan=False) if as_json else checked.text())
    if not checked.ok:
        sys.exit(1)


class _Checked(NamedTuple):
    """What a check found.

    Attributes:
        task: that was checked.
        failed: a line for each case that fails.
        audit: of its reward, or None where it was left out.
    """

    task: Task
    failed: list[str]
    audit: Audit | None

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed and not (self.audit and self.audit.of("exploit"))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        from benchmarks.audit import as_dict as audit_as_dict
        from rewards.tasks.readable import as_dict

        audit = None if self.audit is None else audit_as_dict(self.audit)
        return {"ok": self.ok, "task": as_dict(self.task), "failed_cases": self.failed, "audit": audit}

    def text(self) -> str:
        """Return it for people."""
        number = len(self.task.cases)
        cases = f"{number - len(self.failed)}/{number} test cases passed" if number else "no test cases"
        lines = [_shown(self.task), "", cases, *self.failed]
        if self.audit is not None:
            lines += ["", *_audit_lines(self.audit)]
        return "\n".join(lines)


def _check(found: Task, name: str, *, audited: bool) -> _Checked:
    from rewards.tasks.cases import failed_cases

    return _Checked(found, failed_cases(found), _audit(found, name) if audited else None)


def _audit(found: Task, name: str) -> Audit:
    from benchmarks.audit import AuditedReward, audit, draw_scenes
    from rewards.functions import TaskReward
    from rewards.spec import TieredSpec

    spec = found.spec if isinstance(found.spec, TieredSpec) else None
    return audit(AuditedReward(TaskReward(name), found.name), draw_scenes(found, _SCENES), spec=spec, timed=False)


def _audit_lines(audit: Audit) -> list[str]:
    from benchmarks.audit.page import verdict

    lines = [f"audit: {verdict(audit)}"]
    for finding in audit.findings:
        where = f" ({finding.about})" if finding.about else ""
        pays = f"; profitable {finding.pays_while}" if finding.pays_while else ""
        lines.append(f"  {finding.kind} {finding.name}{where}: {finding.says}{pays}")
        if finding.kind == "exploit" and finding.smallest is not None:
            example = finding.smallest
            lines.append(f"    {example.paid:g} against {example.against:g}: {example.completion!r:.160}")
    lines += [
        f"  always {each.name} {each.answer or '(none)'}: {each.mean:.3g} against {each.exact:.3g}"
        for each in audit.constants
    ]
    return lines


def _shown(found: Task) -> str:
    from rewards.tasks.readable import grammar, rewards

    paid = rewards(found)
    width = max(len(what) for what, _ in paid)
    lines = [f"{found.name}: {found.about}" if found.about else found.name, "", grammar(found), ""]
    lines += [f"{what:<{width}}  {amount:g}" for what, amount in paid]
    if found.prompt is not None:
        lines += ["", "prompt:", *(f"  {line}" for line in found.prompt.splitlines())]
    return "\n".join(lines)
