"""What a small model really writes: 500 completions of SmolLM2-135M-Instruct about scenes that a text describes.

Half of them ask which changes were made between two lists of objects, in six wordings; the others are questions about
two or three views: a choice, yes or no, a number, a word. Some prompts ask for the tags, show an example, or have the
reasoning written already. Each text was read, and what it should be was written down: ``fault`` of the completion, and
``answer``, which is the letter, the word, the number and its unit, or the changes; null where it answers nothing.
"""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from parsers.choice import parse_choice, parse_words, parse_yes_no
from parsers.completion import parse_completion
from parsers.number import parse_number
from parsers.records import parse_transformations

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "cases" / "smollm2.jsonl").read_text(encoding="utf-8").splitlines()
]


def answer(row):
    """Return what is read, leniently, as a row has it: a text without tags is the answer itself."""
    text = row["completion"]
    if re.search(r"</?(think|reason|thought|analysis|answer)", text, re.IGNORECASE):
        text = parse_completion(text, mode="lenient").answer
    if text is None:
        return None
    match row["kind"]:
        case "choice":
            return parse_choice(text, options=row["options"]).letter
        case "yes_no":
            return parse_yes_no(text).letter
        case "number":
            number = parse_number(text)
            return None if number.value is None else [number.value, number.unit]
        case "words":
            word = parse_words(text).text
            return word if word in ("left", "right", "front", "behind", "in front") else None
        case "tvr":
            return [str(change) for change in parse_transformations(text)]


@pytest.mark.parametrize("kind", ["tvr", "choice", "yes_no", "number", "words"])
def test_each_text_is_what_it_was_read_as(kind):
    rows = [row for row in ROWS if row["kind"] == kind]
    assert rows
    for row in rows:
        found = parse_completion(row["completion"])
        assert (found.fault and found.fault.code) == row["fault"], row
        assert answer(row) == row["answer"], row


def test_the_texts_are_of_many_kinds():
    assert len(ROWS) == 500
    assert len({row["fault"] for row in ROWS}) > 10
    answered = Counter(row["kind"] for row in ROWS if row["answer"])
    assert set(answered) == {"tvr", "choice", "yes_no", "number", "words"}
    assert 100 < sum(answered.values()) < 400
