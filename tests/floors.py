"""``python -m tests.floors [EXTRA]...``: the lowest versions that ``pyproject.toml`` allows, as constraints for pip."""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def floors(wanted):
    """Yield ``name==version`` for each requirement with a lower bound; extras of our own are followed."""
    for each in wanted:
        own = re.match(r"star-r1\[([\w,-]+)\]", each)
        if own:
            for name in own[1].split(","):
                yield from floors(PROJECT["optional-dependencies"][name])
        elif bound := re.match(r"([\w.-]+)(?:\[[^]]*\])?\s*>=\s*([\w.]+)", each):
            yield f"{bound[1]}=={bound[2]}"


if __name__ == "__main__":
    extras = [f"star-r1[{name}]" for name in sys.argv[1:]]
    sys.stdout.write("".join(f"{each}\n" for each in dict.fromkeys(floors([*PROJECT["dependencies"], *extras]))))
