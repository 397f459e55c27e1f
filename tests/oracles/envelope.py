"""A slow twin of `parsers.completion`: it walks over the tags one by one, with no grammar and no regular expression."""

from __future__ import annotations

import itertools

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
REASONING = (
    "think", "thinking", "thought", "thoughts", "reason", "reasoning", "analysis", "rationale", "reflection", "scratchpad",
)  # fmt: skip


def tags_of(text: str) -> list[tuple[str, int]]:
    """Return every tag and where it begins."""
    return [(tag, at) for at in range(len(text)) for tag in TAGS if text.startswith(tag, at)]


def _begins_with_a_tag(text: str) -> bool:
    """Return whether the first thing is a tag that is not ours."""
    body = text.lstrip()
    inner, closed, _ = body[1:].partition(">")
    name = inner.removeprefix("/")
    if not body.startswith("<") or not closed or body.startswith(TAGS) or set(inner) & {"<", "\n"}:
        return False
    return ((name[:1].isascii() and name[:1].isalpha()) or name[:1] in ("|", "｜")) and len(name) <= 61


def read_strict(text: str, *, anything_first: bool = False) -> tuple[str, str, bool] | None:
    """Return reasoning, answer and whether the opener is missing; None where the text has another form."""
    if not anything_first and _begins_with_a_tag(text):
        return None
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


def _any_case(text: str, words: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Return each tag of some words, in any case: ``/`` and the word, where it begins, and where it ends."""
    names = [f"{slash}{word}" for word in words for slash in ("", "/")]
    lower = "".join(char.lower() if char.isascii() else char for char in text)
    return [
        (name, at, at + len(name) + 2)
        for at, char in enumerate(text)
        if char == "<"
        for name in names
        if lower.startswith(f"<{name}>", at)
    ]


def last_answer(text: str, *, prefilled: bool = False) -> str | None:
    """Return what leniency may take: the last complete answer block after the reasoning, or else the text after it."""
    rest, reasoned = text, False
    while tags := _any_case(rest, REASONING):
        (name, _, end), *later = tags
        if not name.startswith("/"):
            ends = [until for other, _, until in later if other in (f"/{name}", "/think")]
            if not ends:
                return None  # never closed: all that follows is reasoning
            end = ends[0]
        rest, reasoned = rest[end:], True
    if prefilled and not reasoned:
        return None
    tags = _any_case(rest, ("answer",))
    blocks = [
        rest[begin:end]
        for (name, _, begin), (other, end, _) in itertools.pairwise(tags)
        if (name, other) == ("answer", "/answer")
    ]
    if not tags and reasoned and rest.strip():
        return rest
    return blocks[-1] if blocks else None
