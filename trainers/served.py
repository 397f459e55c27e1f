"""Completions of a model behind a server with OpenAI's chat completions: closed models, vLLM, `transformers serve`.

How it is asked, what is tried again and when a run ends is `trainers.data.chat_client`'s. A request that the server
refuses for good is an answer too: that there is none. Each answer is in ``OUT.journal`` as soon as it is there, so that
a run that is killed goes on where it was.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from benchmarks.files.write import whole_file
from rewards.errors import ConfigError
from trainers.asking import prediction_row, sample_name
from trainers.data.chat_client import RefusedError, Request, ask_all
from trainers.data.files import json_line
from trainers.data.teacher import Journal
from trainers.made_with import packages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from trainers.asking import Asked, Question
    from trainers.data.chat_client import Answer, Endpoint, RetryPolicy
    from trainers.prediction import Sampling

_LARGE: Final = 1024 * 1024
"""Pixels of an image beyond which it is sent as JPEG of quality 95, and not as PNG."""


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
) -> None:
    """Write a completion for each prompt, in order, once all are there.

    A row has, beside what `trainers.asking.prediction_row` gives it, ``finish_reason``, ``usage`` (the tokens of a
    request, on its first completion; None where the server does not count), ``refusal`` (what the model or its filter
    says instead of an answer), ``error`` (why the server refused the request) and ``content`` (the answer alone, where
    the server keeps reasoning apart, which is put back in front of it).

    Args:
        asked: the prompts.
        output: a ``.jsonl`` that nobody else writes.
        sampling: how completions are drawn; its batch size does not count.
        endpoint: the server and the model; fields of its ``body`` count before those of *sampling*, and those that are
            null are left out of the request.
        retry: how requests are made.
        settings: what must be the same for a run to go on.
        made_with: what predictions say of how they are made; the server's own words are added.
        max_pixels: larger images are reduced before they are sent.
        overwrite: forget what an earlier run was answered.
        on_error: takes what is wrong with a prompt that got no answer.
        on_progress: takes the number of prompts that are done and of all, times the samples.

    Raises:
        ConfigError: the server refuses every request, or some prompts got no answer; what was answered is in the
            journal, and the same call goes on with the others.
    """
    journal_path = output.with_name(f"{output.name}.journal")
    if overwrite:
        journal_path.unlink(missing_ok=True)
    journal = Journal(journal_path, {**settings, "base_url": endpoint.base_url, "body": dict(endpoint.body)})
    fixed = _fixed(endpoint, made_with, max_pixels)
    under_way: dict[int, Question] = {}
    failures: dict[int, str] = {}

    def request(number: int) -> Callable[[], Request]:
        def make() -> Request:
            question = asked[number]
            messages = message_parts(question, max_pixels)
            under_way[number] = question._replace(images=[])
            return Request(messages, _seed(endpoint, sampling, number))

        return make

    def keep(number: int, answer: Answer) -> None:
        rows = _answered(under_way.pop(number), answer, sampling.samples, {**fixed, "revision": answer.model})
        journal.add(str(number), {"rows": rows})

    def on_done(number: int, failure: Exception | None) -> None:
        question = under_way.pop(number, None)
        if isinstance(failure, RefusedError) and question is not None:
            journal.add(str(number), {"rows": _refused(question, str(failure), sampling.samples, fixed)})
        elif failure is not None:
            failures[number] = str(failure)
            if on_error is not None:
                on_error(f"prompt {number + 1:,}: {failure}")
        if on_progress is not None:
            done = len(journal.found) + len(failures)
            on_progress(done * sampling.samples, len(asked) * sampling.samples)

    try:
        todo = ((number, request(number)) for number in range(len(asked)) if str(number) not in journal.found)
        filled = replace(endpoint, body=_body(endpoint, sampling))
        ask_all(filled, todo, keep=keep, on_done=on_done, retry=retry, samples=sampling.samples)
    finally:
        journal.close()
    if failures:
        first = next(iter(failures.values()))
        raise ConfigError(
            f"{len(failures):,} of {len(asked):,} prompts got no answer ({first}); give the same command again to try "
            "these"
        )
    with whole_file(output) as file:
        for number in range(len(asked)):
            file.writelines(map(json_line, journal.found[str(number)]["rows"]))
    journal_path.unlink()


def _answered(question: Question, answer: Answer, samples: int, made_with: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a prompt that was answered."""
    names = ("prompt_tokens", "completion_tokens", "reasoning_tokens")
    usage = {name: value for name in names if (value := getattr(answer, name)) is not None}
    rows = []
    for sample, reply in enumerate(answer.replies):
        refusal = (reply.refusal or reply.finish_reason) if reply.refused else None
        told = {"finish_reason": reply.finish_reason, "usage": {} if sample else usage or None}
        told |= {"refusal": refusal, "error": None, "content": reply.content}
        rows.append(prediction_row(question, sample_name(question, sample, samples), reply.text, made_with) | told)
    return rows


def _refused(question: Question, why: str, samples: int, made_with: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a prompt whose request the server refused."""
    names = [sample_name(question, sample, samples) for sample in range(samples)]
    told = {"finish_reason": None, "usage": None, "refusal": None, "error": why, "content": None}
    return [prediction_row(question, name, None, made_with) | told for name in names]


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


def _body(endpoint: Endpoint, sampling: Sampling) -> dict[str, Any]:
    """Return the fields of every request."""
    fields: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if endpoint.body.keys().isdisjoint({"max_tokens", "max_completion_tokens"}):
        newer = urlsplit(endpoint.base_url).hostname == "api.openai.com"
        fields["max_completion_tokens" if newer else "max_tokens"] = sampling.max_new_tokens
    return {name: value for name, value in {**fields, **endpoint.body}.items() if value is not None}


def _seed(endpoint: Endpoint, sampling: Sampling, number: int) -> dict[str, Any]:
    """Return the seed of a prompt's first sample, unless the user has a say in it."""
    if "seed" in endpoint.body:
        return {}
    return {"seed": (sampling.seed * 1_000_003 + number * sampling.samples) % 2**31}


# --- what is sent ----------------------------------------------------------------------------------------------------


def message_parts(question: Question, max_pixels: int | None) -> list[dict[str, Any]]:
    """Return the messages of a prompt as the interface takes them, images as data URLs."""
    found = []
    for message in question.in_parts() if question.images else question.messages:
        content = message["content"]
        if not isinstance(content, str):
            content = [
                {"type": "image_url", "image_url": {"url": image_url(part["image"], max_pixels)}}
                if part["type"] == "image"
                else part
                for part in content
            ]
            if all(part["type"] == "text" for part in content):  # some servers take nothing else of a system prompt
                content = "".join(part["text"] for part in content)
        found.append({**message, "content": content})
    return found


def image_url(image: Any, max_pixels: int | None = None) -> str:
    """Return a PIL image as a data URL: PNG, which loses nothing; of more than a megapixel JPEG of quality 95."""
    width, height = image.size
    if max_pixels is not None and width * height > max_pixels:
        scale = (max_pixels / (width * height)) ** 0.5
        image = image.resize((max(1, int(width * scale)), max(1, int(height * scale))))
    kind = "JPEG" if image.size[0] * image.size[1] > _LARGE else "PNG"
    content = io.BytesIO()
    image.save(content, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"
