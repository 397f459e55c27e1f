"""Asking a model over the chat-completions interface of OpenAI, which Gemini, vLLM and most servers speak.

Only the standard library: one request, one answer, no stream. What goes wrong is sorted into what another try may mend,
what concerns one row, and what concerns the whole run.
"""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from rewards.errors import ConfigError, DataError
from trainers.data.files import image_suffix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HIDDEN: Final = "[key]"
MAX_ANSWER: Final = 64 * 1024 * 1024  # bytes of a reply
_PIECE: Final = 64 * 1024
_TRY_AGAIN: Final = frozenset({408, 409, 425, 429})  # and all of 5xx
_FOR_ALL: Final = frozenset({401, 403, 404, 405})  # no other request would fare better
_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
}


class TryAgainError(Exception):
    """Something that another try may mend.

    Attributes:
        after: seconds that the server asks to wait for, or None.
    """

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server and a model.

    Attributes:
        base_url: such as ``https://api.openai.com/v1``; ``/chat/completions`` is added.
        model: its name there.
        key: sent as bearer token; never part of a message, log or file. None: no header is sent.
        key_name: of the environment variable that the key came from, for messages.
        timeout: seconds for one whole answer.
        body: further fields of the request: ``max_tokens``, ``temperature``, ...
    """

    base_url: str
    model: str
    key: str | None = field(default=None, repr=False)
    key_name: str = "OPENAI_API_KEY"
    timeout: float = 120.0
    body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.base_url)
            right = parts.scheme in {"http", "https"} and bool(parts.hostname)
            told = parts.username is not None or parts.password is not None
        except ValueError:
            right, told = False, False
        if told:
            raise ConfigError(f"the base URL holds a user or password; put the key into ${self.key_name} instead")
        if not right:
            raise ConfigError(f"{self.base_url!r} is no URL of a server; it looks like http://127.0.0.1:8000/v1")
        if self.key is not None and (not self.key.isascii() or not self.key.isprintable() or not self.key):
            raise ConfigError(f"the key in ${self.key_name} is empty or holds characters that no header can carry")

    def hide(self, text: str) -> str:
        """Return a text without the key."""
        return text.replace(self.key, HIDDEN) if self.key else text


class Reply(NamedTuple):
    """What the model answered.

    Attributes:
        text: the completion; reasoning that the server sends apart comes first, in its tags.
        finish_reason: ``stop``, ``length``, ...; None where the server does not tell.
        prompt_tokens: as the server counts them, or None.
        completion_tokens: likewise.
    """

    text: str
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


def user_message(prompt: str, images: Sequence[Path]) -> dict[str, Any]:
    """Return a message with numbered images, as data URLs, and a text.

    Raises:
        DataError: an image cannot be read.
    """
    parts: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        try:
            content = image.read_bytes()
        except OSError as error:
            raise DataError(f"image: {image}: {error.strerror}") from error
        kind = _TYPES[image_suffix(content, image)]
        url = f"data:{kind};base64,{base64.b64encode(content).decode()}"
        parts.append({"type": "text", "text": f"Image {number}:"})
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return {"role": "user", "content": [*parts, {"type": "text", "text": prompt}]}


def ask(endpoint: Endpoint, message: Mapping[str, Any]) -> Reply:
    """Send one message and return the answer.

    Raises:
        TryAgainError: the server is busy, unreachable, too slow or out of order.
        DataError: this request was refused, or its answer is none.
        ConfigError: every request would be refused: wrong key, model or address.
    """
    body = {"model": endpoint.model, "messages": [message], **endpoint.body}
    answer = _post(endpoint, json.dumps(body).encode())
    return _reply(endpoint, answer)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key is for the server that it was given for, not for one that this names."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _post(endpoint: Endpoint, body: bytes) -> bytes:
    url = f"{endpoint.base_url.rstrip('/')}/chat/completions"
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if endpoint.key is not None:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  http(s), see Endpoint
    started = time.monotonic()
    try:
        with _OPENER.open(request, timeout=endpoint.timeout) as response:
            return _read(response, started + endpoint.timeout)
    except urllib.error.HTTPError as error:
        with error:
            raise _sorted(endpoint, error) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise TryAgainError(endpoint.hide(f"no answer: {type(reason).__name__} {reason}".strip())) from None


def _read(response: Any, deadline: float) -> bytes:
    """Read an answer to its end, unless it comes too slowly or is too long."""
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if time.monotonic() > deadline:
            raise TimeoutError("the answer took too long")
        if size > MAX_ANSWER:
            raise TryAgainError(f"the answer is longer than {MAX_ANSWER >> 20} MB")
    if response.length:  # what the header promised and did not come
        raise TryAgainError(f"the answer broke off after {size} bytes")
    return b"".join(pieces)


def _sorted(endpoint: Endpoint, error: urllib.error.HTTPError) -> Exception:
    """Return the error for a status that is no success."""
    message = f"HTTP {error.code}: {_said(endpoint, error)}"
    if error.code in _TRY_AGAIN or error.code >= 500:
        return TryAgainError(message, wanted_pause(error.headers.get("Retry-After")))
    if error.code in _FOR_ALL or error.code < 400:
        hint = f" (no key was sent: ${endpoint.key_name} is not set)" if endpoint.key is None else ""
        return ConfigError(f"the teacher refuses: {message}{hint if error.code in {401, 403} else ''}")
    return DataError(f"the teacher refuses this row: {message}")


def _said(endpoint: Endpoint, error: urllib.error.HTTPError) -> str:
    """Return what the server says about an error, short and on one line."""
    try:
        text = error.read(4096).decode("utf-8", "replace")
        found = json.loads(text)
        inner = found.get("error", found) if isinstance(found, dict) else found
        text = str(inner.get("message", inner)) if isinstance(inner, dict) else str(inner)
    except (OSError, HTTPException):
        text = ""
    except ValueError:
        pass
    return " ".join(endpoint.hide(text).split())[:300] or str(error.reason)  # hidden first: no cut leaves half a key


def wanted_pause(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date."""
    if header is None:
        return None
    try:
        seconds = (
            float(header) if header.strip()[:1].isdigit() else parsedate_to_datetime(header).timestamp() - time.time()
        )
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), 3600.0)


def _reply(endpoint: Endpoint, answer: bytes) -> Reply:
    """Read an answer.

    Raises:
        TryAgainError: it is no JSON: a proxy or an overloaded server answered.
        DataError: it is JSON, but holds no completion.
    """
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        shown = endpoint.hide(answer.decode("utf-8", "replace"))[:80]
        raise TryAgainError(f"the answer is no JSON: {shown!r}") from None
    try:
        choice = found["choices"][0]
        message = choice["message"]
        content, apart = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
    except (KeyError, IndexError, TypeError, AttributeError):
        shown = endpoint.hide(json.dumps(found))[:120]
        raise DataError(f"the teacher's answer has no choices[0].message: {shown}") from None
    if not isinstance(content, str) or not content.strip():
        reason = choice.get("finish_reason")
        raise DataError(f"the teacher's answer is empty (finish_reason {reason!r})")
    if isinstance(apart, str) and apart.strip() and "<think>" not in content:
        content = f"<think>{apart.removesuffix('</think>')}</think>{content}"
    reason = choice.get("finish_reason")
    usage = found.get("usage") if isinstance(found.get("usage"), dict) else {}
    tokens = (_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    return Reply(endpoint.hide(content), reason if isinstance(reason, str) else None, *tokens)


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
