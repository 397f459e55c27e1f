"""What other systems write: the columns by which their files are known, and what each of them is to us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rewards.columns import TARGET_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

Names = tuple[str, ...]


class Dialect(NamedTuple):
    """What a system writes. A dot looks inside a column that holds objects, and ``*`` at each entry of a list.

    Attributes:
        name: for people.
        signs: its columns; of names in one tuple, any.
        roles: the only names that count for a role, if any of them is there.
        ordered: roles whose names do not rival each other: of those that a row has, the first counts.
        inside: a column that holds what else the author of the data set said of a row, under the usual names.
        questions: whether it logs an evaluation: then ids tell questions apart, whose wording may be alike, and a list
            of texts is several attempts at one question, whatever is scored.
        once: a column; rows with another value in it than the file's first are the same completions once more.
    """

    name: str
    signs: tuple[Names, ...]
    roles: Mapping[str, Names]
    ordered: Names = ()
    inside: str | None = None
    questions: bool = False
    once: str | None = None


_STEP, _PROMPT = ("step", "gen_step"), ("prompt", "messages")
# `filtered_resps` is what the task's filters have left of the text; where that is all of it, there is no `resps`.
_RESPONSES = ("resps", "filtered_resps")
# What an API answers: chat, the older completions, and responses.
_CHOICES = ("response.body.choices.*.message", "response.body.choices.*.text", "response.body.output")

DIALECTS: Final = (
    # `answer` beside another target is what the reward function has read, logged into the table.
    Dialect(
        "TRL completions",
        (_STEP, ("prompt",), ("completion",), ("advantage",)),
        {"completion": ("completion",), "target": tuple(name for name in TARGET_COLUMNS if name != "answer")},
    ),
    Dialect(
        "verl rollout",
        (("input",), ("output",), ("score",), ("step",)),
        {"completion": ("output",), "target": ("gts",), "prompt": ("input",)},
    ),
    Dialect(
        "ms-swift completions",
        (_STEP, _PROMPT, ("completion",), ("advantages", "reward")),
        {"completion": ("completion",), "prompt": _PROMPT},
    ),
    # `messages` ends with the response once more; `labels` is what the data set had in its place.
    Dialect(
        "ms-swift inference",
        (("response",), ("labels",), ("messages",)),
        {"completion": ("response",), "target": (*TARGET_COLUMNS, "labels")},
    ),
    # Its `target` is the output to be learned, and `doc.gt_answer` the letter that is right.
    Dialect(
        "lmms-eval samples of MindCube",
        (("doc_id",), ("doc.gt_answer",), _RESPONSES),
        {
            "completion": _RESPONSES,
            "target": ("doc.gt_answer",),
            "id": ("doc.id",),
            "cogmap": ("doc.grounded_cogmap",),
        },
        ordered=("completion",),
        inside="doc",
        questions=True,
    ),
    # lm-eval writes every response once for each filter of the task.
    Dialect(
        "lm-eval samples",
        (("doc_id",), ("target",), ("filter",), _RESPONSES),
        {"completion": _RESPONSES, "target": ("target",), "id": ("doc.id", "doc_id")},
        ordered=("completion",),
        inside="doc",
        questions=True,
        once="filter",
    ),
    # Up to version 0.3 the question's own columns are in `doc`; since then the tasks' metrics say what kind it is.
    Dialect(
        "lmms-eval samples",
        (("doc_id",), ("target",), _RESPONSES),
        {
            "completion": _RESPONSES,
            "target": ("target",),
            "id": ("doc.id", "doc_id"),
            "kind": ("doc.task", "doc.question_type", "sparbench_score.task", "average.l2_category"),
            "setting": tuple(f"{name}_accuracy.type" for name in ("overall", "around", "among", "rotation")),
        },
        ordered=("completion",),
        inside="doc",
        questions=True,
    ),
    Dialect(
        "inspect_ai log",
        (("epoch",), ("target",), ("output.choices",)),
        {"completion": ("output.choices.*.message",), "target": ("target",), "options": ("choices",)},
        inside="metadata",
        questions=True,
    ),
    Dialect(
        "VLMEvalKit predictions",
        (("index",), ("question",), ("answer",), ("prediction",)),
        {
            "completion": ("prediction",),
            "target": ("answer",),
            "id": ("index",),
            "reasoning": ("thinking",),
            "kind": ("category", "l2-category", "task", "question_type"),
        },
        questions=True,
    ),
    Dialect(
        "OpenAI batch output",
        (("custom_id",), _CHOICES),
        {"completion": _CHOICES, "id": ("custom_id",)},
        ordered=("completion",),
        questions=True,
    ),
    Dialect(
        "Anthropic batch output",
        (("custom_id",), ("result.message",)),
        {"completion": ("result.message",), "id": ("custom_id",)},
        questions=True,
    ),
    # MindCube's own inference puts the response beside the columns of its prompt files; older files name it otherwise.
    Dialect(
        "MindCube responses",
        (("input_prompt",), ("gt_answer",), ("answer", "cogmap_gen_answer")),
        {
            "completion": ("response", "completion", "prediction", "output", "cogmap_gen_answer", "answer"),
            "target": ("gt_answer",),
            "prompt": ("input_prompt",),
        },
    ),
)


def failed_request(row: Mapping[str, Any]) -> str | None:
    """Return why a row of a batch, or of ``star predict``, has no completion: its request failed; None where not.

    >>> failed_request({"custom_id": "7", "response": {"status_code": 429, "body": {"error": {"message": "too many"}}}})
    'the request failed: 429 too many'
    """
    if "custom_id" not in row:
        said = row.get("error")
        return f"the request failed: {said}" if isinstance(said, str) and said else None
    response, result = _object(row.get("response")), _object(row.get("result"))
    error = _object(row.get("error")) or _object(_object(response.get("body")).get("error"))
    error = error or _object(_object(result.get("error")).get("error")) or _object(result.get("error"))
    code = error.get("code") or response.get("status_code") or result.get("type")
    if not error and code in (None, 200, "succeeded"):
        return None
    told = (str(each) for each in (code, error.get("message")) if each is not None)
    return f"the request failed: {' '.join(told)}"


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
