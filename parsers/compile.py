"""Write ``compiled.json``: what lark composes of the grammars, and how usual items of TVR and TRANCE are read.

    python -m parsers.compile

Run it where a grammar or a format has changed; a test compares the file with them.
"""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from parsers.formats import TRANCE, TVR
from parsers.grammars import COMPILED, compose_terminals, digest, grammar_text
from parsers.record_grammar import describe, read_pattern

if TYPE_CHECKING:
    from parsers.formats import RecordFormat

STARTS: Final = {
    "choice": ["words start"],
    "completion": ["strict ending tags", "lenient", "other"],
    "items": ["plain bracketed items", "noise"],
    "references": ["start"],
    "steps": ["start"],
}
"""The rules of each grammar whose terminals are used."""


def content() -> dict[str, Any]:
    """Return what the file holds."""
    grammars = {
        grammar: {
            "digest": digest(grammar_text(grammar)),
            "terminals": {start: compose_terminals(grammar, *start.split()) for start in starts},
        }
        for grammar, starts in STARTS.items()
    }
    formats = {digest(describe(each) + grammar_text("record")): usual_items(each) for each in (TVR, TRANCE)}
    return {"grammars": grammars, "records": formats}


def usual_items(record_format: RecordFormat) -> dict[str, Any]:
    """Return the record of each item in a written form whose number is 0, and the place of the number."""
    found = {}
    for branch, form in product(record_format.branches(), record_format.forms):
        for values in product(*(branch[field.name] or ("0",) for field in record_format.fields)):
            item = form.format(**dict(zip([field.name for field in record_format.fields], values, strict=True)))
            found[item] = read_pattern(item, record_format)
    return found


if __name__ == "__main__":
    COMPILED.write_text(json.dumps(content(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
