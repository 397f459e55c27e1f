"""What passes between the `openai` client and a server: the key alone goes out, clean bytes alone come in.

The client above never holds the key, and never sees a byte that the server chose but the status, the wish for a pause
and the body: unpacked, of a bounded length, with the key masked however it was split or spelled.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any, Final, Self
from urllib.request import getproxies, proxy_bypass

import httpx2

HIDDEN: Final = "[key]"
MAX_ANSWER: Final = 8 * 1024 * 1024  # bytes of a reply, unpacked
MAX_REFUSAL: Final = 64 * 1024  # bytes of a reply with an error's status; of a longer one nothing is shown
SHORTEST_SECRET: Final = 8
"""Characters. A shorter key (``EMPTY``, ``none``) is a word to satisfy a client, and masking it would spoil answers."""

_SENT: Final = frozenset({"host", "accept", "content-type", "content-length", "user-agent"})


class KeyMask:
    """Replaces a key in what a server says, written plainly or in the escapes of JSON, URLs and HTML."""

    def __init__(self, key: str | None) -> None:
        spelled = "".join(map(_spellings, key)) if key and len(key) >= SHORTEST_SECRET else "(?!)"
        self._text, self._bytes = re.compile(spelled), re.compile(spelled.encode())

    def text(self, text: str) -> str:
        """Return a text without the key."""
        return self._text.sub(HIDDEN, text)

    def bytes(self, content: bytes) -> bytes:
        """Return bytes without the key."""
        return self._bytes.sub(HIDDEN.encode(), content)


def _spellings(char: str) -> str:
    r"""Return a pattern of the ways in which a character may be written: ``-``, ``\u002d``, ``%2d``, ``&#45;``.

    Each way begins with a letter of its own, by which the search skips most of a text.
    """
    plain, code = re.escape(char), f"{ord(char):02x}"
    digits = "".join(f"[{each}{each.upper()}]" if each.isalpha() else each for each in code)
    entity = rf"&#(?:0{{0,6}}{ord(char)}|[xX]0{{0,6}}{digits});"
    return rf"(?:{plain}|\\{{1,4}}(?:{plain}|u00{digits}|x{digits})|%{digits}|{entity})"


class MaskedTransport:
    """Sends requests with the key, and returns what came back masked.

    Args:
        base_url: of the server, for the proxies of the environment.
        key: sent as bearer token; None: no header is sent.
        mask: of the key.
    """

    def __init__(self, base_url: str, key: str | None, mask: KeyMask) -> None:
        url = httpx2.URL(base_url)
        proxy = None if proxy_bypass(url.host) else getproxies().get(url.scheme)
        self._inner = httpx2.AsyncHTTPTransport(proxy=proxy, limits=httpx2.Limits())  # who asks limits itself
        self._key, self._mask = key, mask
        # the lines that the layer below logs for debugging show replies as they came
        logging.getLogger("httpcore2").setLevel(logging.INFO)

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request, read the whole reply, and return it masked.

        Raises:
            httpx2.RequestError: there is none, or none that can be read; its message says nothing that came from there.
        """
        headers = [(name, value) for name, value in request.headers.items() if name in _SENT]
        bearer = [] if self._key is None else [("Authorization", f"Bearer {self._key}")]
        sent = httpx2.Request(
            request.method, request.url, headers=[*headers, *bearer, ("Accept-Encoding", "identity")],
            stream=request.stream, extensions=request.extensions,
        )  # fmt: skip
        try:
            return await self._exchange(sent)
        except httpx2.ConnectError as error:
            raise httpx2.ConnectError(f"no answer: {self._mask.text(_reason(error))}") from None
        except (httpx2.ProtocolError, httpx2.DecodingError):
            raise httpx2.ReadError("the answer broke off, or is no HTTP") from None
        except _TooLongError as error:
            raise httpx2.ReadError(str(error)) from None
        except Exception as error:  # noqa: BLE001  whatever bytes from outside make the layers below raise
            raise httpx2.ReadError(f"no answer: {type(error).__name__}") from None

    async def _exchange(self, request: Any) -> Any:
        response = await self._inner.handle_async_request(request)
        response.request = request
        try:
            body = await _body(response)
        finally:
            await response.aclose()
        pause = response.headers.get("Retry-After", "")[:64]
        headers = {"Content-Type": "application/json", "Retry-After": self._mask.text(pause)}
        return httpx2.Response(response.status_code, headers=headers, content=self._mask.bytes(body))

    async def __aenter__(self) -> Self:
        """Open the connections."""
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the connections."""
        await self._inner.__aexit__(*error)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _TooLongError(Exception):
    pass


async def _body(response: Any) -> bytes:
    """Read a reply to its end; of one that is an error and too long, nothing: a cut might leave half a key."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        if response.status_code >= 400 and size > MAX_REFUSAL:
            return b""
        if size > MAX_ANSWER:
            raise _TooLongError(f"the answer is longer than {MAX_ANSWER >> 20} MB")
    return b"".join(pieces)


def _reason(error: BaseException | None) -> str:
    """Return what the system says about a connection that failed, e.g. ``Connection refused``."""
    said = ""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            said = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        said = said or str(error)
        error = error.__cause__ or error.__context__
    return said
