"""Write ``docs/zoo.md`` from the audit of every reward in `benchmarks.zoo`: ``python docs/generate_zoo.py``."""  # noqa: INP001

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.audit.page import amount, shorten
from benchmarks.zoo.compare import compare, earned_by_maps, entries, modules
from star_cli.audit_zoo import HEADERS, zoo_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from benchmarks.audit import AuditFinding
    from benchmarks.zoo.compare import Compared, Entry

PAGE = Path(__file__).with_name("zoo.md")
_HEAD = """\
# Published rewards

<!-- Written by docs/generate_zoo.py from `star audit --zoo`; do not edit. -->

Rewards that other people published, each written anew from its rule as one small file of `benchmarks/zoo/`, and what
each is given for. `star audit --zoo` prints the tables below with the cost per completion; `--json` has every finding.

```bash
pip install 'star-r1[zoo]'   # math-verify and rapidfuzz, on which some are built
star audit --zoo
```

Every function was compared with its authors' own code on 2,400 completions of many dialects: right and wrong answers,
tags missing, doubled, nested or in capitals, line breaks, LaTeX, words for numbers, digits of other scripts, broken
JSON. None of the 45,600 differs; in 308 the authors' value depends on the hash seed, and ours is one of theirs, and in
15 their code raises (*Differences*, below). Of each, 400 are kept in `tests/golden/zoo`, and `tests/oracles/zoo.py`
says how they were made. To train with one, pass its function to a trainer, with the target in the column `solution` as
its authors write it:

```py
from benchmarks.zoo.space_r import numerical

numerical(["<think>b</think><answer>3.2 m</answer>"], solution=["<answer>3.0</answer>"])  # [1.9]
```

## Side by side

All figures are shares of what the exact answer scores (*exact*), on the same 24 drawn scenes of a task, in the tags and
the spelling that each reward's own prompt asks for.

| column | what |
| --- | --- |
| wrong | a wrong answer in the right form |
| blind | the most that a policy scores which sees nothing, and which policy that is |
| prompt | the prompt copied as reasoning and answer |
| two named | both of two equally likely candidates named, in the better way to write that (in brackets: one of them) |
| all named | everything that can be answered, in the order of the question |
| guess from | the chance from which a guess scores more than silence |
| hedge below | the chance up to which several guesses score more than one |
| p = .3 .6 .9 | how many guesses a policy names that maximizes the reward, if it knows that much |
| exploits | answers that are not exact and score at least what the exact one does, or see nothing and score more |
| checks | properties that a reward should have and that it lacks |

Of records, a policy is unsure of the value of each change, or of which change it is (*record*).
"""

_TITLES = {
    "tvr": "Changes between two images (TVR)",
    "reason_rft": "Changes between two images, as function calls (Reason-RFT)",
    "choice": "Multiple choice",
    "number": "Numbers",
}
_MAPS = """\
## What a cognitive map scores

Two of these rewards ask for a cognitive map. Absolute rewards, beside a right answer and beside a wrong one. The
constant map is the same for every scene; the true one lies as it does in one scene of four.

| reward | map | right answer | wrong answer |
| --- | --- | ---: | ---: |
"""
_EACH = """\
## Each by itself

Each exploit is shown with the smallest example found (cognitive maps are left out, ⏎ is a line break): what it scores
there, and what the exact answer scores. Where nothing is said, all rewards of the file have it.
"""


def render() -> str:
    """Return the page."""
    found, absent = modules()
    assert not absent, f"needs {', '.join(absent.values())}: pip install 'star-r1[zoo]'"
    every = list(entries(found))
    compared = [compare(entry, timed=False) for entry in every]
    parts = [_HEAD, *_tables(compared), _MAPS + "".join(_map_rows(every)), _EACH]
    return "\n".join([*parts, *(_section(name, module, every, compared) for name, module in found.items())])


def _tables(compared: Sequence[Compared]) -> Iterator[str]:
    for task in dict.fromkeys(each.task for each in compared):
        yield f"### {_TITLES.get(task, task)}\n"
        yield f"| {' | '.join(HEADERS)} |\n|---|" + "---:|" * (len(HEADERS) - 3) + "---|---|"
        for each in compared:
            if each.task == task:
                name, *cells, _, checks = zoo_cells(each)
                exploits = len(each.audit.of("exploit"))
                yield f"| `{name}` | {' | '.join(cells)} | {exploits or 'none'} | {checks} |"
        yield ""


def _map_rows(every: Sequence[Entry]) -> Iterator[str]:
    for entry in every:
        for what, earned in earned_by_maps(entry).items():
            yield f"| `{entry.name}` | {what} | {' | '.join(map(amount, earned))} |\n"


def _section(name: str, module: ModuleType, every: Sequence[Entry], compared: Sequence[Compared]) -> str:
    title, _, rest = (module.__doc__ or "").partition("\n")
    heading = re.compile(r"^(Source|Rule|Differences|Good for): (.)", re.MULTILINE)
    about = heading.sub(lambda found: f"**{found[1]}.** {_capital(found)}", rest.strip()).replace("``", "`")
    head, colon, tail = title.partition(": ")
    lines = [f"### {head}\n", f"`benchmarks/zoo/{name}.py`{colon and ': '}{tail}\n", f"{about}\n"]
    mine = [(entry, each) for entry, each in zip(every, compared, strict=True) if each.name.startswith(f"{name}.")]
    shown: dict[str, list[tuple[Entry, str, AuditFinding]]] = {}
    for entry, each in mine:
        for finding in each.audit.of("exploit"):
            where = f"`{each.name.rpartition('.')[2]}` ({each.task})"
            shown.setdefault(finding.name, []).append((entry, where, finding))
    lines += ["**Exploits.**\n", *(_exploit(found, len(mine)) for found in shown.values())] if shown else []
    return "\n".join([*lines, ""]) if shown else "\n".join(lines)


def _capital(found: re.Match[str]) -> str:
    return found[2] if found[1] == "Source" else found[2].upper()


def _exploit(found: Sequence[tuple[Entry, str, AuditFinding]], rewards: int) -> str:
    """Return one exploit: its smallest example, and which of the rewards of a file have it."""
    entry, _, finding = found[0]
    example = finding.smallest
    assert example is not None
    written = example.completion if entry.cogmap else entry.write(example.completion)
    text = shorten(written.replace("\n", "⏎"), 160) or "(nothing)"
    earned = f"{amount(example.paid)} of {amount(example.against)}, where {example.worlds[0].target} is true"
    where = "" if len(found) == rewards else f" In {', '.join(place for _, place, _ in found)}."
    return f"- `{finding.name}` {finding.says}: `{text}` scores {earned}.{where}"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
