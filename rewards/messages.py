"""Finding the text in what trainers and files call a completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rewards.errors import DataError


def completion_text(completion: Any) -> str:
    """Return the text of a completion: a string, a message, or a list of messages or of content parts.

    Of several messages the last one of the assistant counts (or the last one, where no role says "assistant").

    Raises:
        DataError: for anything else; that is a fault of the file or the trainer, not of the model.

    >>> completion_text([{"role": "assistant", "content": [{"type": "text", "text": "B"}]}])
    'B'
    """
    if isinstance(completion, str):
        return completion
    if isinstance(completion, Mapping) and ("content" in completion or "text" in completion):
        return _content(completion.get("content", completion.get("text")))
    if isinstance(completion, Sequence) and completion and all(isinstance(each, Mapping) for each in completion):
        if any("content" in each for each in completion):
            spoken = [each for each in completion if each.get("role") == "assistant"]
            return _content((spoken or completion)[-1].get("content"))
        return _content(completion)
    raise DataError(f"a completion is text or a list of messages, not {_shorten(completion)}")


def _content(content: Any) -> str:
    """Return the text of a message's content: a string, or parts of which the text ones are joined."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""  # a message with tool calls only
    if isinstance(content, Sequence) and all(
        isinstance(part, Mapping) and ("type" in part or "text" in part) for part in content
    ):
        return "".join(str(part.get("text") or "") for part in content if part.get("type", "text") == "text")
    raise DataError(f"a message's content is text or a list of parts, not {_shorten(content)}")


def _shorten(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown[:60]}{'...' if len(shown) > 60 else ''}"
