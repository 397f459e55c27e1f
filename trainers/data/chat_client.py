"""Asking a model over OpenAI's chat completions, which Gemini, vLLM and most servers speak: many requests at once.

The client is `openai`'s, without its retries. Ours are these. A status of 408, 409, 425, 429 or 5xx, no connection, and
a reply that is too slow, too long, broken off, an error or no JSON are tried again, up to ``tries`` times, after a
pause that doubles and is shortened by chance; where the server asks for a pause, nobody starts before it is over. A
wrong key, model or address (401, 403, 404, 405, a redirect) ends the run, and so do `LOST` requests in a row without an
answer. Everything else concerns one request, which fails with one line.

    requests = [(id_, lambda: Request([user_message(...)])), ...]
    ask_all(Endpoint(base_url=..., model=...), requests, keep=..., on_done=...)
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt  # noqa: TC002  pydantic reads them

from benchmarks.extras import need
from rewards.errors import ConfigError, DataError
from rewards.messages import Rejoined, completion_text
from trainers.validation import CheckedSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    Message = Mapping[str, Any]

LOST: Final = 20
"""Requests that fail one after the other until a run is given up: then it is not the requests."""
LONGEST_WISH: Final = 300.0
"""Seconds that a server may ask for by Retry-After."""

_TRY_AGAIN: Final = frozenset({408, 409, 425, 429})  # and all of 5xx
_FOR_ALL: Final = frozenset({401, 403, 404, 405})  # no other request would fare better
_OURS: Final = ("model", "messages", "n", "stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server and a model.

    Attributes:
        base_url: such as ``https://api.openai.com/v1``; ``/chat/completions`` is added.
        model: its name there.
        key: sent as bearer token; never part of a message, log or file. None: no header is sent.
        key_name: of the environment variable that the key came from, for messages.
        timeout: seconds for one whole exchange.
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
            right = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query + parts.fragment
            told = parts.username is not None or parts.password is not None
        except ValueError:
            right, told = False, False
        if told:
            raise ConfigError(f"the base URL holds a user or password; put the key into ${self.key_name} instead")
        if not right:
            raise ConfigError(f"{self.base_url!r} is no URL of a server; it looks like http://127.0.0.1:8000/v1")
        if self.key is not None and (not self.key.isascii() or not self.key.isprintable() or not self.key):
            raise ConfigError(f"the key in ${self.key_name} is empty or holds characters that no header can carry")
        if fixed := [name for name in _OURS if name in self.body]:
            raise ConfigError(f"{fixed[0]} is no further field of the request: it is set here")


class RetryPolicy(CheckedSettings):
    """How a run goes about a server.

    Attributes:
        concurrency: requests under way at the same time.
        per_minute: greatest number of requests that start in a minute; None: no limit.
        tries: of each request, at least 1.
        first_pause: seconds before the second try; before each further one twice as long, by chance a little less.
        longest_pause: seconds.
    """

    concurrency: PositiveInt = 8
    per_minute: PositiveFloat | None = None
    tries: PositiveInt = 6
    first_pause: NonNegativeFloat = 1.0
    longest_pause: NonNegativeFloat = 60.0


class Request(NamedTuple):
    """What a model is asked.

    Attributes:
        messages: of the conversation so far.
        fields: further fields of this request, beside those of the endpoint's ``body``. A ``seed`` among them is that
            of the first sample; samples that are asked for later have the numbers that follow.
    """

    messages: Sequence[Message]
    fields: Mapping[str, Any] = MappingProxyType({})


class Reply(NamedTuple):
    """What the model answered.

    Attributes:
        text: the completion; reasoning that the server keeps apart comes first, in its tags. Empty if there is none.
        finish_reason: ``stop``, ``length``, ...; None where the server does not tell.
        refusal: what the model says where it refuses; None where it does not.
        answered: whether there is more than reasoning.
        content: what the server sent as the answer, where it kept reasoning apart; else None.
    """

    text: str
    finish_reason: str | None
    refusal: str | None = None
    answered: bool = True
    content: str | None = None

    @property
    def refused(self) -> bool:
        """Whether the model or the server's filter refused."""
        return self.refusal is not None or self.finish_reason == "content_filter"

    @property
    def truncated(self) -> bool:
        """Whether the text was cut off at the greatest number of tokens."""
        return self.finish_reason == "length"


class Answer(NamedTuple):
    """What came back for one request.

    Attributes:
        replies: as many as samples were asked for.
        prompt_tokens: of all exchanges that it took, as the server counts them; None where it does not.
        completion_tokens: likewise.
        reasoning_tokens: likewise, those among the completion's that are reasoning.
        model: what the server says has answered: the model's exact name and the fingerprint of its system.
    """

    replies: list[Reply]
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None = None
    model: str | None = None


class UnansweredError(Exception):
    """A request that got no answer, in as many tries as are allowed."""


class RefusedError(DataError):
    """A request that the server has answered, but not with a completion, and would not the next time."""


Key = TypeVar("Key")
T = TypeVar("T")


def ask_all(
    endpoint: Endpoint,
    requests: Iterable[tuple[Key, Callable[[], Request]]],
    *,
    keep: Callable[[Key, Answer], str | None],
    on_done: Callable[[Key, Exception | None], None],
    retry: RetryPolicy | None = None,
    samples: int = 1,
) -> None:
    """Ask about everything, many requests at once, from a thread in which no event loop runs.

    Args:
        endpoint: the server and the model.
        requests: a key, and what makes its request, in a thread; `DataError` fails it.
        keep: takes an answer as soon as it is there, also those under way when the run ends early; returns what is
            wrong with it, or None.
        on_done: takes each key when it is done, with what went wrong: `RefusedError`, another `DataError` or
            `UnansweredError`.
        retry: how requests are made.
        samples: replies to each.

    Raises:
        ConfigError: the server refuses every request, or `LOST` requests in a row got no answer.
    """
    asyncio.run(_ask_all(ChatClient(endpoint, retry), requests, keep, on_done, samples))


async def _ask_all(
    client: ChatClient,
    requests: Iterable[tuple[Key, Callable[[], Request]]],
    keep: Callable[[Key, Answer], str | None],
    on_done: Callable[[Key, Exception | None], None],
    samples: int,
) -> None:
    async def one(key: Key, make: Callable[[], Request]) -> tuple[Key, Exception | None]:
        """Return the key, and what went wrong."""
        try:
            request = await asyncio.to_thread(make)
            failure = keep(key, await client.ask(request, samples=samples))
        except (DataError, UnansweredError) as error:
            return key, error
        return key, None if failure is None else DataError(failure)

    waiting, lost = iter(requests), 0
    running: set[asyncio.Task[tuple[Key, Exception | None]]] = set()
    async with client:
        try:
            while True:
                while len(running) < client.retry.concurrency and (each := next(waiting, None)) is not None:
                    running.add(asyncio.create_task(one(*each)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for key, failure in await asyncio.gather(*done):
                    on_done(key, failure)
                    lost = lost + 1 if isinstance(failure, UnansweredError) else 0
                    if lost >= LOST:
                        raise ConfigError(f"{lost} rows in a row got no answer; the last: {key}: {failure}")
        finally:
            client.stop()
            await asyncio.gather(*running, return_exceptions=True)  # what is under way has been paid for


class ChatClient:
    """A model behind a server; ``async with`` opens its connections.

    Args:
        endpoint: the server and the model.
        retry: how requests are made.

    Raises:
        ConfigError: `openai` is not installed, or the proxy that the environment names is unusable.
    """

    def __init__(self, endpoint: Endpoint, retry: RetryPolicy | None = None) -> None:
        self.endpoint, self.retry = endpoint, retry or RetryPolicy()
        self._openai = need("openai", package="'star-r1[teacher]'", purpose="asking a model behind a server")
        self._stopped = asyncio.Event()
        self._pace = Pace(self.retry.per_minute)
        self._most = sys.maxsize  # samples that the server takes a request for

    async def __aenter__(self) -> Self:
        """Open the connections."""
        import httpx2

        from trainers.data.chat_transport import KeyMask, MaskedTransport

        self._mask = KeyMask(self.endpoint.key)
        try:
            transport = MaskedTransport(self.endpoint.base_url, self.endpoint.key, self._mask)
        except (ValueError, ImportError):
            raise ConfigError(
                "the proxy that the environment names cannot be used; expected http://host:port"
            ) from None
        http = httpx2.AsyncClient(transport=transport, follow_redirects=False, timeout=None)
        self._client = self._openai.AsyncOpenAI(
            base_url=self.endpoint.base_url, api_key="-", max_retries=0, timeout=None, http_client=http
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._client.close()

    def stop(self) -> None:
        """Let nothing start or be tried again; what is under way goes on."""
        self._stopped.set()

    async def ask(self, request: Request, *, samples: int = 1) -> Answer:
        """Send one request, by as many tries as are allowed, and return the answer.

        A server may return fewer replies than it was asked for, or refuse several at a time: it is asked again for the
        others.

        Raises:
            RefusedError: this request was refused, or its answer holds no completion.
            DataError: the answer is none.
            UnansweredError: the server was busy, unreachable, too slow or out of order.
            ConfigError: every request would be refused: wrong key, model or address.
        """
        replies: list[Reply] = []
        answers: list[Answer] = []
        most = self._most
        while len(replies) < samples:
            wanted = min(samples - len(replies), most)
            try:
                found = await self._answer(request, wanted, after=len(replies))
            except RefusedError:
                if wanted == 1:
                    raise
                most = 1
                continue
            self._most = most  # it was their number that the server refused
            replies += found.replies[: samples - len(replies)]
            answers.append(found)
        return Answer(
            replies,
            _sum(each.prompt_tokens for each in answers),
            _sum(each.completion_tokens for each in answers),
            _sum(each.reasoning_tokens for each in answers),
            answers[-1].model,
        )

    async def _answer(self, request: Request, samples: int, *, after: int) -> Answer:
        pause = self.retry.first_pause
        for left in range(self.retry.tries - 1, -1, -1):
            if await self._ended_within(self._pace.turn()):
                raise UnansweredError("the run was stopped")
            try:
                return await self._exchange(request, samples, after=after)
            except _TryAgainError as error:
                if not left:
                    raise UnansweredError(f"{error} ({self.retry.tries} tries)") from None
                if error.after is not None:
                    self._pace.hold(error.after)
            # by chance, so that requests that failed together do not come back together
            await self._ended_within(min(pause, self.retry.longest_pause) * random.uniform(0.5, 1.0))  # noqa: S311
            pause *= 2
        raise AssertionError

    async def _ended_within(self, seconds: float) -> bool:
        """Wait; return whether the run was stopped before or meanwhile."""
        with suppress(TimeoutError):
            if seconds > 0:
                async with asyncio.timeout(seconds):
                    await self._stopped.wait()
        return self._stopped.is_set()

    async def _exchange(self, request: Request, samples: int, *, after: int) -> Answer:
        """Send a request once, for some samples after those that are there."""
        more = {**self.endpoint.body, **request.fields, **({"n": samples} if samples > 1 else {})}
        if "seed" in request.fields:
            more["seed"] += after
        create = self._client.chat.completions.with_raw_response.create
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                response = await create(model=self.endpoint.model, messages=request.messages, extra_body=more)
        except TimeoutError:
            raise _TryAgainError(f"no whole answer within {self.endpoint.timeout:g} seconds") from None
        except self._openai.APIStatusError as error:
            raise self._refusal(error.response) from None
        except self._openai.APIConnectionError as error:
            raise _TryAgainError(str(error.__cause__ or error)) from None
        return _read(response.content, self._mask.text)

    def _refusal(self, response: Any) -> Exception:
        """Return the error for a status that is no success."""
        code = response.status_code
        message = f"HTTP {code}: {_said(response.content, self._mask.text) or response.reason_phrase}"
        if code in _TRY_AGAIN or code >= 500:
            return _TryAgainError(message, _wanted_pause(response.headers.get("Retry-After")))
        if code in _FOR_ALL or code < 400:
            name = self.endpoint.key_name
            hint = f" (no key was sent: ${name} is not set)" if self.endpoint.key is None and code < 404 else ""
            return ConfigError(f"the server refuses: {message}{hint}")
        return RefusedError(f"the server refuses this row: {message}")


class _TryAgainError(Exception):
    """Something that another try may mend; ``after``: seconds that the server asks to wait for."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Pace:
    """The clock that all requests of a run share.

    Args:
        per_minute: greatest number of requests that start in a minute, evenly spaced; None: as many as there are.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0

    def turn(self) -> float:
        """Take the next turn; return how many seconds off it is."""
        now = time.monotonic()
        turn = max(self._next, now)
        self._next = turn + self._gap
        return turn - now

    def hold(self, seconds: float) -> None:
        """Give no turn for some time: the server asked for it."""
        self._next = max(self._next, time.monotonic() + seconds)


# --- reading a reply -------------------------------------------------------------------------------------------------


_NULL: Final = msgspec.Raw(
    b"null"
)  # of fields of which each server has its own idea; what no field here names is skipped


class _Part(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    thinking: _Text = None
    reasoning: _Text = None
    content: _Text = None
    summary: _Text = None


_Text = str | Annotated[list[_Part], msgspec.Meta(max_length=10_000)] | None


class _Message(msgspec.Struct):
    content: _Text = None
    reasoning_content: msgspec.Raw = _NULL
    reasoning: msgspec.Raw = _NULL
    thinking: msgspec.Raw = _NULL
    refusal: msgspec.Raw = _NULL


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: msgspec.Raw = _NULL


class _Found(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: msgspec.Raw = _NULL
    usage: msgspec.Raw = _NULL
    model: msgspec.Raw = _NULL
    system_fingerprint: msgspec.Raw = _NULL


class _Usage(msgspec.Struct):
    prompt_tokens: msgspec.Raw = _NULL
    completion_tokens: msgspec.Raw = _NULL
    completion_tokens_details: msgspec.Raw = _NULL


class _Details(msgspec.Struct):
    reasoning_tokens: msgspec.Raw = _NULL


_DECODER: Final = msgspec.json.Decoder(_Found)


def _read(content: bytes, hide: Callable[[str], str]) -> Answer:
    """Read what the server answered.

    Raises:
        _TryAgainError: it is an error, or no JSON: a proxy or an overloaded server answered.
        RefusedError: it is an answer without a completion.
        DataError: it is JSON, but no such answer.
    """
    try:
        found = _DECODER.decode(content)
        if not found.choices and found.error != _NULL:  # a proxy may say so with a status of success
            raise _TryAgainError(f"the answer is an error: {_said(content, hide)}")
        if not found.choices:
            raise RefusedError(f"the answer has no choices: {_shown(content, hide)}")
        replies = [_reply(choice, hide) for choice in found.choices]
    except msgspec.ValidationError as error:
        raise DataError(f"the answer is no chat completion: {hide(str(error))[:160]}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _TryAgainError(f"the answer is no JSON: {_shown(content, hide)!r}") from None
    usage = _as(_Usage, found.usage) or _Usage()
    details = _as(_Details, usage.completion_tokens_details) or _Details()
    names = (_as(str, found.model), _as(str, found.system_fingerprint))
    model = " ".join(" ".join(filter(None, names)).split())
    return Answer(
        replies,
        _count(usage.prompt_tokens),
        _count(usage.completion_tokens),
        _count(details.reasoning_tokens),
        hide(model)[:200] or None,
    )


def _reply(choice: _Choice, hide: Callable[[str], str]) -> Reply:
    message = choice.message
    apart = {name: _as(str, getattr(message, name)) for name in ("reasoning_content", "reasoning", "thinking")}
    text = completion_text({"content": message.content, **apart})
    reason, refusal = _as(str, choice.finish_reason), _as(str, message.refusal)
    return Reply(
        hide(text),
        hide(reason)[:60] if reason else None,
        hide(refusal) if refusal else None,
        answered=bool(text.rpartition("</think>")[2].strip()),
        content=hide(text.content) if isinstance(text, Rejoined) else None,
    )


def _as(kind: type[T], value: msgspec.Raw) -> T | None:
    """Return a value of a reply, or None if it is of another kind."""
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.ValidationError:
        return None


def _count(value: msgspec.Raw) -> int | None:
    number = _as(int, value)
    return number if number is not None and number >= 0 else None


def _sum(counts: Iterable[int | None]) -> int | None:
    known = list(counts)
    return None if None in known else sum(filter(None, known))


def _shown(content: bytes, hide: Callable[[str], str]) -> str:
    return hide(content.decode("utf-8", "replace"))[:80]


def _said(content: bytes, hide: Callable[[str], str]) -> str:
    """Return what the server says about an error, short and on one line."""
    try:
        found = msgspec.json.decode(content)
        inner = found.get("error", found) if isinstance(found, dict) else found
        text = str(inner.get("message", inner)) if isinstance(inner, dict) else str(inner)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        text = content.decode("utf-8", "replace")
    return " ".join(hide(text).split())[:300]  # hidden first: no cut leaves half a key


def _wanted_pause(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date."""
    if not header:
        return None
    try:
        seconds = (
            float(header) if header.strip()[:1].isdigit() else parsedate_to_datetime(header).timestamp() - time.time()
        )
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_WISH)
