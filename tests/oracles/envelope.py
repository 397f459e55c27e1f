"""A slow twin of `parsers.completion`: it walks over the tags one by one, with no grammar and no regular expression."""

from __future__ import annotations

import itertools

TAGS = ("<think>", "</think>", "<answer>", "</answer>")


def tags_of(text: str) -> list[tuple[str, int]]:
    """Return every tag and where it begins."""
    return [(tag, at) for at in range(len(text)) for tag in TAGS if text.startswith(tag, at)]


def read_strict(text: str) -> tuple[str, str, bool] | None:
    """Return reasoning, answer and whether the opener is missing; None where the text has another form."""
    tags = tags_of(text)
    prefilled = True
    start = 0
    if tags and tags[0][0] == "<think>":
        at = tags.pop(0)[1]
        if text[:at].strip():
            return None
        prefilled, start = False, at + len("<think>")
    closers = [number for number, (tag, _) in enumerate(tags) if tag == "</think>"]
    if len(closers) != 1 or any(tag == "<think>" for tag, _ in tags):
        return None
    end = tags[closers[0]][1]
    rest = tags[closers[0] + 1 :]
    if [tag for tag, _ in rest] != ["<answer>", "</answer>"]:
        return None
    (_, opened), (_, closed) = rest
    if text[end + len("</think>") : opened].strip() or text[closed + len("</answer>") :].strip():
        return None
    return text[start:end], text[opened + len("<answer>") : closed], prefilled


def last_answer(text: str, *, prefilled: bool = False) -> str | None:
    """Return the last complete answer block after the reasoning: what leniency may take."""
    tags = tags_of(text)
    reasoning = [number for number, (tag, _) in enumerate(tags) if tag.endswith("think>")]
    if reasoning:
        if tags[reasoning[-1]][0] == "<think>":
            return None  # never closed: all that follows is reasoning
        tags = tags[reasoning[-1] + 1 :]
    elif prefilled:
        return None
    blocks = [
        text[opened + len("<answer>") : closed]
        for (tag, opened), (other, closed) in itertools.pairwise(tags)
        if (tag, other) == ("<answer>", "</answer>")
    ]
    return blocks[-1] if blocks else None
