"""The table of docs/mutation.md: what became of the mutants of each module, from the files that mutmut leaves.

python tests/measure/mutation_table.py [mutants]
"""

import json
import sys
from collections import Counter
from pathlib import Path

COLUMNS = ("killed", "timeout", "survived", "no tests", "not checked")


def fates(meta: Path) -> Counter[str]:
    """Return how many mutants of a module met each fate."""
    from mutmut.stats import status_by_exit_code  # only `make mutate` installs it

    codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return Counter(status_by_exit_code[code] for code in codes.values())


def line(name: str, found: Counter[str]) -> str:
    """Return a row: the numbers, and the share killed of all that were tried."""
    tried = found.total() - found["not checked"]
    share = f"{(found['killed'] + found['timeout']) / tried:.1%}" if tried else ""
    return f"| {name} | {' | '.join(str(found[column]) for column in COLUMNS)} | {share} |"


def main(folder: Path) -> None:
    """Print a row for each module, and their sum."""
    print(f"| module | {' | '.join(COLUMNS)} | killed |")
    print(f"| --- |{' ---: |' * (len(COLUMNS) + 1)}")
    total: Counter[str] = Counter()
    for meta in sorted(folder.glob("**/*.py.meta")):
        found = fates(meta)
        if found:
            print(line(f"`{meta.relative_to(folder).with_suffix('')}`", found))
        total += found
    print(line("all", total))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "mutants"))
