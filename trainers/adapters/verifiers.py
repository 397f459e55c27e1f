"""verifiers (and prime-rl): reward functions for a task of yours, and a taskset of generated rows without end.

    # rewards of any taskset whose data holds `target` (or `answer`), and where there are some task, references, options
    [env.taskset.task.rewards]
    star = { fn = "star_r1.verifiers:tvr" }
    [env.taskset.task.metrics]
    parts = { fn = "star_r1.verifiers:tvr_parts" }

    # generated scenes with images: `vf-eval star-r1`, or in a configuration
    [env.taskset]
    id = "star-r1"
    rows = "tvr"           # or multiview
    seed = 0
    size = 128             # pixels

Reasoning that a server keeps apart from the text is put in front of it again. Images are drawn by the ray caster, which
needs torch: ``pip install 'star-r1[train]'``.
"""

import base64
import io
from collections.abc import Iterator
from itertools import count
from typing import Any, Literal

from rewards.messages import completion_text
from rewards.score import Score
from trainers.adapters.score_row import COLUMNS, score_row


def scored(task: Any, trace: Any, name: str = "tvr") -> Score:
    """Score the last message of a trace against a task's data, which may name its own task."""
    row = {each: getattr(task, each, None) for each in ("target", "answer", *COLUMNS)}
    text = completion_text(trace.assistant_messages[-1]) if trace.assistant_messages else ""
    return score_row(text, row["answer"] if row["target"] is None else row["target"], row, task=name)


async def tvr(task: Any, trace: Any) -> float:
    """R_format + R_acc."""
    return scored(task, trace).total


async def multiview(task: Any, trace: Any) -> float:
    """R_format + R_ans + R_ref."""
    return scored(task, trace, "multiview").total


async def tvr_parts(task: Any, trace: Any) -> dict[str, float]:
    """Return total, correct and the parts, as metrics."""
    return scored(task, trace).flat()


async def multiview_parts(task: Any, trace: Any) -> dict[str, float]:
    """Return total, correct and the parts, as metrics."""
    return scored(task, trace, "multiview").flat()


def generated_row(task: str, seed: int, index: int, size: int) -> tuple[dict[str, Any], list[Any]]:
    """Return row *index* of a data set and its images, (size, size, 3) each; both depend on the arguments only."""
    from trainers.scenes.cameras import VIEWS
    from trainers.scenes.multiview_questions import multiview_item
    from trainers.scenes.records import multiview_row, tvr_rows
    from trainers.scenes.render import draw_views, render
    from trainers.scenes.tvr import generate_scene

    if task == "multiview":
        scene, question = multiview_item(seed, index)
        return multiview_row(index, scene, question), draw_views(scene, size)
    changed, view = generate_scene(seed, index), VIEWS[index % len(VIEWS)]
    (row,) = tvr_rows(changed, (view,), size=(size, size))
    return row, [render(changed, "center", size), render(changed, view, size, final=True)]


def data_url(image: Any) -> str:
    """Return an image as a PNG in a URL."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def __getattr__(name: str) -> Any:
    """Make the taskset where verifiers is installed."""
    if name != "StarTaskset":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import verifiers.v1 as vf

    class StarData(vf.TaskData):  # type: ignore[misc]
        """A question with its target."""

        task: str
        target: str
        references: list[list[str]] | None = None
        relations: list[list[list[str]]] | None = None
        options: list[str] | None = None

    class StarTask(vf.Task[StarData, vf.State, vf.TaskConfig]):  # type: ignore[misc]
        """Its reward, and that its target earns all of it."""

        @vf.reward  # type: ignore[untyped-decorator]
        async def star(self, trace: vf.Trace) -> float:
            return scored(self.data, trace).total

        @vf.metric  # type: ignore[untyped-decorator]
        async def parts(self, trace: vf.Trace) -> dict[str, float]:
            return scored(self.data, trace).flat()

        async def validate(self, runtime: Any) -> bool:  # noqa: ARG002  nothing runs there
            row = self.data.model_dump()
            return score_row(f"<think>b</think><answer>{row['target']}</answer>", row["target"], row).correct

    class StarTasksetConfig(vf.TasksetConfig):  # type: ignore[misc]
        """Which rows are generated."""

        rows: Literal["tvr", "multiview"] = "tvr"
        seed: int = 0
        size: int = 128

    class StarTaskset(vf.Taskset[StarTask, StarTasksetConfig]):  # type: ignore[misc]
        """Rows without end."""

        INFINITE = True

        def load(self) -> Iterator[StarTask]:
            for index in count():
                row, images = generated_row(self.config.rows, self.config.seed, index, self.config.size)
                content = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in images]
                message = vf.UserMessage(content=[*content, {"type": "text", "text": row["prompt"]}])
                gold = {each: row.get(each) for each in ("task", "target", "references", "relations", "options")}
                yield StarTask(StarData(id=row["id"], prompt=[message], **gold), self.config.task)

    return globals().setdefault(name, StarTaskset)
