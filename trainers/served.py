"""Completions of a model behind a server with OpenAI's chat completions: closed models, vLLM, `transformers serve`.

Many requests are under way at once. What is tried again, and how often, is decided here and not by the client: no
answer within the deadline (which is over a whole exchange, however slowly it trickles), a broken connection, an answer
that is none, and the statuses 408, 409, 425, 429 and 5xx; after pauses that double, or as long as the server asks for.
A request that the server refuses for good is an answer: that there is none. A wrong key, model or address ends the run.

Each answer is in ``OUT.journal`` before the next request, so that a run that is killed goes on where it was.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from benchmarks.extras import need
from benchmarks.files.write import write_whole
from rewards.errors import ConfigError, DataError
from rewards.messages import completion_text
from trainers.asking import prediction_row, sample_name
from trainers.data.chat_client import MAX_ANSWER, TryAgainError, wanted_pause
from trainers.data.teacher import LOST, Journal, RetryPolicy
from trainers.made_with import packages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from trainers.asking import Asked, Question
    from trainers.data.chat_client import Endpoint
    from trainers.prediction import Sampling

_TRY_AGAIN: Final = frozenset({408, 409, 425, 429})  # and all of 5xx
_FOR_ALL: Final = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405})  # no other request would fare better
_LARGE: Final = 1024 * 1024
"""Pixels of an image beyond which it is sent as JPEG of quality 95, and not as PNG."""
_USAGE: Final = ("prompt_tokens", "completion_tokens")


def predict_served(
    asked: Asked,
    output: Path,
    sampling: Sampling,
    endpoint: Endpoint,
    retry: RetryPolicy | None,
    *,
    settings: Mapping[str, Any],
    made_with: Mapping[str, Any],
    max_pixels: int | None = None,
    overwrite: bool = False,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a completion for each prompt, in order, once all are there.

    A row has, beside what `trainers.asking.prediction_row` gives it, ``finish_reason``, ``usage`` (tokens), ``refusal``
    (what the model or its filter says instead of an answer) and ``error`` (why the server refused the request);
    reasoning that the server keeps apart is put back in front of the answer.

    Args:
        asked: the prompts.
        output: a ``.jsonl``.
        sampling: how completions are drawn; its batch size does not count.
        endpoint: the server and the model; fields of its ``body`` count before those of *sampling*, and those that are
            null are left out of the request.
        retry: how requests are made.
        settings: what must be the same for a run to go on.
        made_with: what predictions say of how they are made; the server's own words are added.
        max_pixels: larger images are reduced before they are sent.
        overwrite: replace what is there.
        on_error: takes what is wrong with an exchange that is given up.
        on_progress: takes the number done and of all.

    Returns:
        The path of the file.

    Raises:
        ConfigError: the output is there already, the server refuses every request, or some prompts got no answer; what
            was answered is in the journal, and the same call goes on with the others.
    """
    need("openai", package="'star-r1[served]'", purpose="asking a served model")
    journal_path = output.with_name(f"{output.name}.journal")
    if output.exists() and not overwrite:
        raise ConfigError(f"{output} is there already; --overwrite replaces it")
    if overwrite:
        journal_path.unlink(missing_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    sent = {"base_url": endpoint.base_url, "body": dict(endpoint.body)}
    journal = Journal(journal_path, {**settings, **sent})
    sending = Sending(endpoint, sampling, max_pixels, _fixed(endpoint, made_with, max_pixels))
    run = _Run(asked, sending, retry or RetryPolicy(), journal)
    total = len(asked) * sampling.samples
    try:
        failures = asyncio.run(run.answer_all(total, on_error, on_progress))
    finally:
        journal.close()
    if failures:
        first = next(iter(failures.values()))
        raise ConfigError(
            f"{len(failures):,} of {total:,} prompts got no answer ({first}); give the same command again to try these"
        )
    rows = (journal.found[str(number)]["row"] for number in range(total))
    write_whole(output, "".join(json.dumps(row) + "\n" for row in rows))
    journal_path.unlink()
    return output


def _fixed(endpoint: Endpoint, made_with: Mapping[str, Any], max_pixels: int | None) -> dict[str, Any]:
    """Return what all predictions of a run say of how they are made."""
    body = f", {json.dumps(dict(endpoint.body), sort_keys=True)}" if endpoint.body else ""
    return {
        **made_with,
        "decoding": f"{made_with['decoding']}{body}",
        "server": urlsplit(endpoint.base_url).netloc,
        "pixels": f"0-{max_pixels}" if max_pixels else None,
        "packages": packages(["openai", "pillow", "star-r1"]),
    }


class Sending(NamedTuple):
    """What requests are made of, see `predict_served`; ``made_with`` is the same of all predictions."""

    endpoint: Endpoint
    sampling: Sampling
    max_pixels: int | None
    made_with: Mapping[str, Any]

    def body(self, question: Question, number: int) -> dict[str, Any]:
        """Return the fields of a request."""
        drawn, given = self.sampling, self.endpoint.body
        fields: dict[str, Any] = {
            "model": self.endpoint.model,
            "messages": message_parts(question, self.max_pixels),
            "temperature": drawn.temperature,
            "top_p": drawn.top_p,
            "seed": (drawn.seed * 1_000_003 + number) % 2**31,
        }
        if given.keys().isdisjoint({"max_tokens", "max_completion_tokens"}):
            host = urlsplit(self.endpoint.base_url).hostname
            fields["max_completion_tokens" if host == "api.openai.com" else "max_tokens"] = drawn.max_new_tokens
        return {name: value for name, value in {**fields, **given}.items() if value is not None}

    def row(self, question: Question, number: int, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return the row of a prediction."""
        samples = self.sampling.samples
        name = sample_name(question, number % samples, samples)
        made_with = {**self.made_with, "revision": answer["revision"]}
        told = {key: answer[key] for key in ("finish_reason", "usage", "refusal", "error")}
        return prediction_row(question, name, answer["completion"], made_with) | told


class _Run:
    """The requests of one run."""

    def __init__(self, asked: Asked, sending: Sending, retry: RetryPolicy, journal: Journal) -> None:
        self.asked, self.sending, self.retry, self.journal = asked, sending, retry, journal
        self.pace = Pace(retry.per_minute)
        self.lost = 0

    async def answer_all(
        self, total: int, on_error: Callable[[str], None] | None, on_progress: Callable[[int, int], None] | None
    ) -> dict[int, str]:
        """Get all answers into the journal; return why some could not be had, by number."""
        todo = iter([number for number in range(total) if str(number) not in self.journal.found])
        failures: dict[int, str] = {}
        client = _client(self.sending.endpoint)

        async def work() -> None:
            for number in todo:  # each worker takes the next one: there is one thread
                try:
                    self.journal.add(str(number), {"row": await self._row(client, number)})
                    self.lost = 0
                except TryAgainError as error:
                    failures[number] = f"{error}, {self.retry.tries} tries"
                    self._give_up(failures[number], on_error)
                if on_progress is not None:
                    on_progress(len(self.journal.found) + len(failures), total)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.retry.concurrency):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            await client.close()
        return failures

    def _give_up(self, message: str, on_error: Callable[[str], None] | None) -> None:
        if on_error is not None:
            on_error(message)
        self.lost += 1
        if self.lost >= LOST:
            raise ConfigError(f"{self.lost} prompts in a row got no answer; the last: {message}")

    async def _row(self, client: Any, number: int) -> dict[str, Any]:
        """Return the row of one prediction, by as many tries as are allowed."""
        question, body = await asyncio.to_thread(self._ask, number)
        pause = self.retry.first_pause
        for left in range(self.retry.tries - 1, -1, -1):
            await self.pace.wait()
            try:
                return self.sending.row(question, number, await exchange(client, self.sending.endpoint, body))
            except TryAgainError as error:
                if not left:
                    raise
                if error.after is not None:
                    self.pace.hold(error.after)
                # By chance, so that requests that failed together do not come back together.
                await asyncio.sleep(min(pause, self.retry.longest_pause) * random.uniform(0.5, 1.0))  # noqa: S311
                pause *= 2
        raise AssertionError

    def _ask(self, number: int) -> tuple[Question, dict[str, Any]]:
        question = self.asked[number // self.sending.sampling.samples]
        return question._replace(images=[]), self.sending.body(question, number)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


class Pace:
    """The clock that all requests of a run share.

    Args:
        per_minute: greatest number of requests that start in a minute, evenly spaced; None: as many as there are.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = self._held = 0.0

    async def wait(self) -> None:
        """Wait for a turn, and until nobody is held."""
        turn = max(self._next, time.monotonic())
        self._next = turn + self._gap
        while (left := max(turn, self._held) - time.monotonic()) > 0:  # noqa: ASYNC110  whom a server holds waits on
            await asyncio.sleep(left)

    def hold(self, seconds: float) -> None:
        """Let nobody start for some time: the server asked for it."""
        self._held = max(self._held, time.monotonic() + seconds)


# What is sent


def message_parts(question: Question, max_pixels: int | None) -> list[dict[str, Any]]:
    """Return the messages of a prompt as the interface takes them, images as data URLs."""
    found = []
    for message in question.in_parts() if question.images else question.messages:
        content = message["content"]
        if not isinstance(content, str):
            content = [
                {"type": "image_url", "image_url": {"url": data_url(part["image"], max_pixels)}}
                if part["type"] == "image"
                else part
                for part in content
            ]
            if all(part["type"] == "text" for part in content):  # some servers take nothing else of a system prompt
                content = "".join(part["text"] for part in content)
        found.append({**message, "content": content})
    return found


def data_url(image: Any, max_pixels: int | None = None) -> str:
    """Return a PIL image as a data URL: PNG, which loses nothing; of more than a megapixel JPEG of quality 95."""
    width, height = image.size
    if max_pixels is not None and width * height > max_pixels:
        scale = (max_pixels / (width * height)) ** 0.5
        image = image.resize((max(1, int(width * scale)), max(1, int(height * scale))))
    kind = "JPEG" if image.size[0] * image.size[1] > _LARGE else "PNG"
    content = io.BytesIO()
    image.save(content, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"


# One exchange


def _client(endpoint: Endpoint) -> Any:
    """Return a client that retries nothing, follows nobody elsewhere, and reads no more than `MAX_ANSWER` bytes."""
    import openai

    http = import_module(openai.DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0])

    class Bounded(http.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for piece in self._stream:
                size += len(piece)
                if size > MAX_ANSWER:
                    raise http.ReadError(f"the answer is longer than {MAX_ANSWER >> 20} MB")
                yield piece

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def bound(response: Any) -> None:
        response.stream = Bounded(response.stream)

    transport = openai.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"response": [bound]})
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.key or "none",
        max_retries=0,
        timeout=endpoint.timeout,
        http_client=transport,
    )


async def exchange(client: Any, endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any]:
    """Send one request and return the answer as the journal holds it.

    Raises:
        TryAgainError: another try may mend it.
        ConfigError: every request would be refused: wrong key, model or address.
    """
    import openai

    named = {name: body[name] for name in ("model", "messages")}
    extra = {name: value for name, value in body.items() if name not in named}
    try:
        async with asyncio.timeout(endpoint.timeout):
            raw = await client.chat.completions.with_raw_response.create(**named, extra_body=extra)
            content = bytes(raw.content)
    except TimeoutError:
        raise TryAgainError(f"no answer within {endpoint.timeout:g} s") from None
    except openai.APIStatusError as error:
        return _refused(endpoint, error)
    except openai.OpenAIError as error:
        reason = error.__cause__ or error
        raise TryAgainError(endpoint.hide(f"no answer: {type(reason).__name__} {reason}".strip())[:300]) from None
    return read_answer(endpoint, content)


def _refused(endpoint: Endpoint, error: Any) -> dict[str, Any]:
    """Return a refusal for good as an answer; raise what concerns every request, or may be mended."""
    status = error.status_code
    said = str(error.message).removeprefix(f"Error code: {status}").removeprefix(" - ")
    message = f"HTTP {status}: {' '.join(endpoint.hide(said).split())[:300]}".removesuffix(": ")
    if status in _TRY_AGAIN or status >= 500:
        raise TryAgainError(message, wanted_pause(error.response.headers.get("Retry-After")))
    if status in _FOR_ALL:
        hint = f" (no key was sent: ${endpoint.key_name} is not set)" if endpoint.key is None else ""
        raise ConfigError(f"the server refuses: {message}{hint if status in {401, 403} else ''}")
    return _answer(error=message)


def _answer(**told: Any) -> dict[str, Any]:
    known = dict.fromkeys(("completion", "finish_reason", "refusal", "usage", "revision", "error"))
    return known | told


def read_answer(endpoint: Endpoint, content: bytes) -> dict[str, Any]:
    """Read what a server answered: completion, why it ended, refusal, tokens, and what the model calls itself.

    Raises:
        TryAgainError: it is no chat completion: a proxy or an overloaded server answered.
    """
    try:
        found = json.loads(content)
        choice = found["choices"][0]
        message = choice["message"]
        refusal = message.get("refusal")
        text = completion_text({**message, "role": "assistant", "content": message.get("content")})
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError, DataError):
        shown = endpoint.hide(content[:4096].decode("utf-8", "replace"))[:80]
        raise TryAgainError(f"the answer is no chat completion: {shown!r}") from None
    reason = choice.get("finish_reason")
    filtered = reason == "content_filter"
    said = refusal if isinstance(refusal, str) and refusal else "content_filter" if filtered else None
    return _answer(
        completion=endpoint.hide(text),
        finish_reason=reason if isinstance(reason, str) else None,
        refusal=endpoint.hide(said) if said else None,
        usage=_usage(found.get("usage")),
        revision=endpoint.hide(" ".join(_texts(found, ("model", "system_fingerprint")))) or None,
    )


def _texts(found: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    return [found[name] for name in names if isinstance(found.get(name), str)]


def _usage(found: Any) -> dict[str, int] | None:
    """Return the tokens that a server counted: of the prompt, of the completion, and of reasoning among these."""
    if not isinstance(found, dict):
        return None
    details = found.get("completion_tokens_details")
    told = {name: found.get(name) for name in _USAGE}
    told["reasoning_tokens"] = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return {name: value for name, value in told.items() if type(value) is int and value >= 0} or None
