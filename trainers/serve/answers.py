"""The body of a request -> the body of its answer: what one process of ``star serve`` does, without HTTP.

Whatever the bytes are, there is an answer: JSON with a status of HTTP. Messages are one line and hold no traceback.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rewards.batch_score import Score, answer_text
from rewards.errors import ConfigError, DataError, nearest
from rewards.score import check_reading, resolve, score_batch
from rewards.targets import unpack_value
from rewards.tasks import load_task, route_task, task_names
from trainers.adapters.openrlhf import logs, response
from trainers.adapters.score_row import flat_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rewards.tasks import Task

MOST_ROWS: Final = 10_000
"""Of one request. More of them belong into several requests, or into `star score`."""
MOST_TARGET: Final = 100_000
"""Characters of one target: parsers remember those that they have read."""
LOG: Final = logging.getLogger("star.serve")
LOG_FORMAT: Final = "star serve: %(message)s"


class Served(NamedTuple):
    """What a server scores with, where a request does not say otherwise.

    Attributes:
        tasks: names, or paths of YAML files; rows that name none are of the first.
        settings: of `rewards.score_completion`, but for the task.
    """

    tasks: tuple[str, ...] = ("tvr",)
    settings: Mapping[str, Any] = {}


class Answer(NamedTuple):
    """The answer to one request.

    Attributes:
        status: of HTTP.
        body: JSON.
        rows: how many were asked for.
        errors: how many of them could not be scored: their target is wrong, say.
        faults: code -> how many completions had it.
    """

    status: int
    body: bytes
    rows: int = 0
    errors: int = 0
    faults: Mapping[str, int] = {}


class ScoreRequest(BaseModel):
    """``POST /score``: a batch, by columns. Every list has one entry a row."""

    model_config = ConfigDict(extra="forbid")

    completions: list[Any] = Field(max_length=MOST_ROWS)
    targets: list[Any]
    references: list[Any] | None = None
    relations: list[Any] | None = None
    options: list[Any] | None = None
    task: str | list[str | None] | None = None
    preset: str | list[str | None] | None = None
    settings: dict[str, Any] | list[dict[str, Any] | None] | None = None


class RewardRequest(BaseModel):
    """``POST /get_reward``, as OpenRLHF sends it; other keys are not read."""

    query: list[str] = Field(max_length=MOST_ROWS)
    prompts: list[str]
    labels: list[Any]


def check_served(served: Served) -> None:
    """Raise a ConfigError unless a server can score with this."""
    for name in served.tasks:
        _check_settings(load_task(name), served.settings)


def _check_settings(task: Task, settings: Mapping[str, Any]) -> None:
    """Raise a ConfigError unless these are settings of `rewards.score_completion` that fit a task."""
    check_reading(settings.get("mode", "strict"), settings.get("think_prefilled", "auto"))
    resolve(task, **{name: value for name, value in settings.items() if name not in ("mode", "think_prefilled")})


def answer(path: str, body: bytes, served: Served) -> Answer:
    """Answer one request.

    Args:
        path: ``"/score"`` or ``"/get_reward"``.
        body: what was sent.
        served: what the server scores with.
    """
    try:
        return {"/score": _score, "/get_reward": _get_reward}[path](body, served)
    except ValidationError as error:
        message, status = _said(error), 400 if error.errors()[0]["type"] == "json_invalid" else 422
    except (DataError, ConfigError) as error:
        message, status = str(error), 422
    except Exception as error:  # noqa: BLE001  a client is told that it was not its request
        LOG.error("%s: %s", path, _place(error))  # noqa: TRY400  one line
        message, status = "internal error; the server's log says more", 500
    if path == "/get_reward" and status == 422:
        _warn_once(f"{path}: {message}"[:500])
    return Answer(status, _json({"error": message[:500]}))


@lru_cache(maxsize=256)
def _warn_once(message: str) -> None:
    """Tell the log why a run gets no rewards: OpenRLHF tells its own no more than the status."""
    LOG.warning("%s", message)


def _said(error: ValidationError) -> str:
    """Return the first thing that is wrong with a request, in one line."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])  # a name that is misspelt
    where = ".".join(map(str, first["loc"][:2]))
    if first["type"] == "extra_forbidden":
        return f"unknown field {where!r}{nearest(where, ScoreRequest.model_fields)}"
    return f"{where + ': ' if where else ''}{first['msg']}"


def _json(value: Any) -> bytes:
    # Messages may hold what is no UTF-8 (half a surrogate pair): escaped, JSON can carry it.
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def _place(error: Exception) -> str:
    frame = extract_tb(error.__traceback__)[-1]
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{said[:300]} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"


# --- /get_reward ------------------------------------------------------------------------------------------------------


def _get_reward(body: bytes, served: Served) -> Answer:
    """Return ``rewards``, ``scores`` and ``extra_logs``; a row that is wrong refuses them all, for want of a place.

    OpenRLHF takes any other status than 200 for a failure, which it tries again and then logs.
    """
    request = RewardRequest.model_validate_json(body)
    _same_length(request, "query", ("prompts", "labels"))
    texts = []
    for row, (query, prompt) in enumerate(zip(request.query, request.prompts, strict=True)):
        try:
            texts.append(response(query, prompt))
        except DataError as error:
            raise DataError(error.message, row=row) from error
    rows = [_Row(text, label) for text, label in zip(texts, request.labels, strict=True)]
    found = _score_rows(rows, [(None, None, {})] * len(rows), served)
    for row, score in enumerate(found):
        if not isinstance(score, Score):
            raise DataError(score, row=row)
    scores = [score for score in found if isinstance(score, Score)]
    tasks = served.tasks if len(served.tasks) > 1 else ()
    names = flat_names(served.tasks, **served.settings)
    if others := {part for score in scores for part in score.parts} - {*names}:
        raise DataError(f"a row is of a task that is not served: its part {min(others)!r} is none of {served.tasks}")
    said = {
        "rewards": [score.total for score in scores],
        "scores": [score.unit for score in scores],
        "extra_logs": logs(scores, tasks, **served.settings),
    }
    return Answer(200, _json(said), len(scores), 0, _count(scores))


# --- /score -----------------------------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """One row; the last three are of questions."""

    completion: Any
    target: Any
    references: Any = None
    relations: Any = None
    options: Any = None


Asked = tuple[str | None, str | None, Mapping[str, Any]]
"""Task, preset and settings that a request names for a row."""


def _score(body: bytes, served: Served) -> Answer:
    """Return ``scores``, one for each row; a row that is wrong holds an ``error`` in place of a score."""
    request = ScoreRequest.model_validate_json(body)
    columns = ("targets", "references", "relations", "options", "task", "preset", "settings")
    _same_length(request, "completions", columns)
    count = len(request.completions)
    _check_whole(request, served)
    given = (request.targets, request.references, request.relations, request.options)
    columns_of = ([None] * count if column is None else column for column in given)
    rows = list(map(_Row, request.completions, *columns_of))
    asked = [_each(value, count) for value in (request.task, request.preset, request.settings)]
    asks: list[Asked] = [(task, preset, settings or {}) for task, preset, settings in zip(*asked, strict=True)]
    scores = _score_rows(rows, asks, served)
    said = [_told(score) for score in scores]
    errors = sum(each["error"] is not None for each in said)
    faults = _count(score for score in scores if isinstance(score, Score))
    return Answer(200, _json({"scores": said, "rows": count, "errors": errors}), count, errors, faults)


def _check_whole(request: ScoreRequest, served: Served) -> None:
    """Refuse a task, a preset or settings that are given for all rows and are wrong: none could be scored."""
    task = request.task if isinstance(request.task, str) else None
    preset = request.preset if isinstance(request.preset, str) else None
    settings = request.settings if isinstance(request.settings, dict) else {}
    if task is not None or preset is not None or settings:
        _try_settings((task, preset, settings), served)


def _try_settings(asked: Asked, served: Served, own: str | None = None) -> tuple[Task, dict[str, Any]]:
    """Return the task and the settings that a row is scored with; *own* is the task that its packed target names.

    Raises:
        ConfigError: they are wrong.
    """
    task, preset, more = asked
    settings = {**served.settings, **more} | ({} if preset is None else {"preset": preset})
    found = load_task(served.tasks[0]) if task is None else _known_task(task, served)
    if own is not None:
        named = _known_task(own, served)
        found = (route_task(found, own) if own in task_names() else None) or named
    if "task" in more or not set(_Row._fields).isdisjoint(more):
        raise ConfigError("settings hold a preset, mode, think_prefilled and options of the reward")
    _check_settings(found, settings)
    return found, settings


def _known_task(name: str, served: Served) -> Task:
    """Return a task by its name. A client names no files: only those that the server was started with are read."""
    tasks = {load_task(each).name: load_task(each) for each in served.tasks}
    if name in tasks:
        return tasks[name]
    if name in task_names():
        return load_task(name)
    raise ConfigError(f"unknown task {name[:60]!r}{nearest(name[:60], sorted({*task_names(), *tasks}))}")


def _score_rows(rows: Sequence[_Row], asked: Sequence[Asked], served: Served) -> list[Score | str]:
    """Return the score of each row, or what is wrong with it."""
    found: list[Score | str] = [""] * len(rows)
    groups: dict[str, tuple[Task, dict[str, Any], list[int]]] = {}
    for at, (row, wants) in enumerate(zip(rows, asked, strict=True)):
        try:
            own = _own_task(row.target)
            key = json.dumps([own, *wants], sort_keys=True)
            if key not in groups:
                groups[key] = (*_try_settings(wants, served, own), [])
            groups[key][2].append(at)
        except (DataError, ConfigError) as error:
            found[at] = str(error)
        except Exception as error:  # noqa: BLE001  the other rows are none the worse
            found[at] = _internal(error)
    for task, settings, places in groups.values():
        for at, score in zip(places, _score_group([rows[at] for at in places], task, settings), strict=True):
            found[at] = score
    return found


def _own_task(target: Any) -> str | None:
    """Return the task that a packed target names."""
    if isinstance(target, str) and len(target) > MOST_TARGET:
        raise DataError(f"the target has {len(target)} characters; it may have {MOST_TARGET}")
    named = unpack_value(target).get("task")
    return named if isinstance(named, str) else None


def _score_group(rows: Sequence[_Row], task: Task, settings: Mapping[str, Any]) -> Iterable[Score | str]:
    """Score rows of one task together; where one of them is wrong, each alone."""
    completions, targets, references, relations, options = map(list, zip(*rows, strict=True))
    try:
        # The task that a packed target names is the group's; it is not looked up again.
        targets = [{**gold, "task": None} if len(gold := unpack_value(each)) > 1 else each for each in targets]
        columns: dict[str, Any] = {"references": references, "relations": relations, "options": options}
        return list(score_batch(completions, targets, task=task, **columns, **settings))
    except (DataError, ConfigError) as error:
        if len(rows) == 1:
            return [error.message if isinstance(error, DataError) else str(error)]
    except Exception as error:  # noqa: BLE001  likewise
        if len(rows) == 1:
            return [_internal(error)]
    return [each for row in rows for each in _score_group([row], task, settings)]


def _internal(error: Exception) -> str:
    LOG.error("a row cannot be scored: %s", _place(error))
    return "internal error; the server's log says more"


def _told(score: Score | str) -> dict[str, Any]:
    """Return what a client is told of a row, with the same keys for every row."""
    if isinstance(score, str):
        nothing = ("total", "correct", "unit", "prefilled", "parts", "answer", "fault")
        return {**dict.fromkeys(nothing), "error": score[:500]}
    fault = score.fault
    return {
        "total": score.total,
        "correct": score.correct,
        "unit": score.unit,
        "prefilled": score.prefilled,
        "parts": dict(score.parts),
        "answer": answer_text(score.answer),
        "fault": None if fault is None else {"code": fault.code, "message": fault.message, "offset": fault.offset},
        "error": None,
    }


def _count(scores: Iterable[Score]) -> dict[str, int]:
    return dict(Counter(score.fault.code for score in scores if score.fault is not None))


def _each(value: Any, count: int) -> list[Any]:
    return value if isinstance(value, list) else [value] * count


def _same_length(request: BaseModel, first: str, others: Iterable[str]) -> None:
    count = len(getattr(request, first))
    for name in others:
        column = getattr(request, name)
        if isinstance(column, list) and len(column) != count:
            raise DataError(f"there are {count} {first} and {len(column)} {name}")
