"""Whether a model's chat template opens ``<think>`` itself, so that completions come without it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

State = Literal["open", "closed", "none", "unknown"]

_QUESTION = "Which objects changed between the two images?"
_MESSAGES: tuple[list[dict[str, Any]], ...] = (
    [{"role": "user", "content": _QUESTION}],
    [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": _QUESTION}]}],
)
_SPECIAL_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


class Prefill(NamedTuple):
    """What stands behind the question where the model begins to write.

    Attributes:
        state: ``"open"``: ``<think>``, so completions lack it; ``"closed"``: ``<think>`` and ``</think>``, so there is
            no reasoning; ``"none"``: neither; ``"unknown"``: the text of the template does not tell.
        how: ``"rendered"`` with jinja2, or ``"scanned"`` where that is not installed.
        switch: a value of the template's ``enable_thinking`` that changes the state, and the state then.
    """

    state: State
    how: Literal["rendered", "scanned"]
    switch: tuple[bool, State] | None = None


def find_template(source: Path) -> tuple[str, Path]:
    """Return the chat template of a model's folder, or of a file of its own, and the file that it stands in.

    Looks where transformers does: ``chat_template.jinja``, ``chat_template.json``, ``tokenizer_config.json``.

    Raises:
        LookupError: if there is none; the message says where it was looked for.
    """
    if source.is_file():
        return _read(source), source
    names = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json")
    for path in (source / name for name in names):
        if path.is_file():
            try:
                return _read(path), path
            except LookupError:
                continue
    raise LookupError(f"{source}: there is no chat template in {', '.join(names)}")


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text).get("chat_template") if path.suffix == ".json" else text
    except (ValueError, AttributeError) as error:
        raise LookupError(f"{path}: not readable: {error}") from error
    if isinstance(found, list):  # several templates by name
        named = {str(each.get("name")): each.get("template") for each in found}
        found = named.get("default", next(iter(named.values()), None))
    if isinstance(found, str):
        return found
    raise LookupError(f"{path}: there is no chat template in it")


def read_prefill(template: str) -> Prefill:
    """Say what a chat template writes where the model begins, by rendering it or, without jinja2, by scanning it.

    Raises:
        ValueError: if the template cannot be rendered.

    >>> read_prefill("{{ messages[0].content }}{% if add_generation_prompt %}<|assistant|><think>{% endif %}").state
    'open'
    """
    try:
        import jinja2  # noqa: F401
    except ImportError:
        return Prefill(scan(template), "scanned")
    state = _tags(_generation_prompt(template))
    for value in (False, True) if "enable_thinking" in template else ():
        switched = _tags(_generation_prompt(template, enable_thinking=value))
        if switched != state:
            return Prefill(state, "rendered", (value, switched))
    return Prefill(state, "rendered")


def scan(template: str) -> State:
    """Say what the end of a template's text shows, without rendering it."""
    _, asked, tail = template.rpartition("add_generation_prompt")
    state = _tags(tail if asked else "")
    return "unknown" if "</think>" in tail else state


def _tags(text: str) -> State:
    if text.rfind("<think>") > text.rfind("</think>"):
        return "open"
    return "closed" if "</think>" in text else "none"


def _generation_prompt(template: str, **variables: Any) -> str:
    """Return what the template writes behind a user's question."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda _: "2025-01-01"}
    # transformers marks the assistant's words with a tag of its own.
    plain = re.sub(r"\{%-?\s*(?:end)?generation\s*-?%\}", "", template)
    error: Exception | None = None
    for messages in _MESSAGES:
        try:
            rendered = environment.from_string(plain).render(
                **dict.fromkeys(_SPECIAL_TOKENS, ""), messages=messages, add_generation_prompt=True, **variables
            )
        except Exception as caught:  # noqa: BLE001  a template is somebody's program and may raise anything
            error = caught
            continue
        _, asked, tail = rendered.rpartition(_QUESTION)
        if asked:
            return tail
    raise ValueError(f"the template does not render a user's question: {error or 'it leaves it out'}")
