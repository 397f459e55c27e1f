"""verifiers (and prime-rl): reward functions for a task of yours, and a taskset of generated rows without end.

    # rewards of any taskset whose data holds `target` (or `answer`), and where there are some task, references, options
    [env.taskset.task.rewards]
    star = { fn = "star_r1.verifiers:tvr" }
    [env.taskset.task.metrics]
    parts = { fn = "star_r1.verifiers:tvr_parts" }
    # under a preset: star_r1.verifiers:tvr_paper, star_r1.verifiers:tvr_paper_parts

    # generated scenes with images: `vf-eval star-r1`, or in a configuration
    [env.taskset]
    id = "star-r1"
    rows = "tvr"           # or multiview
    seed = 0
    size = 128             # pixels
    [env.taskset.task]
    settings = { preset = "paper" }

The metrics hold total, correct, parsed, prefilled, unit and the parts; ``info["fault"]`` of a trace the code of what is
wrong with its text. Reasoning that a server keeps apart from the text is put in front of it again. Images are drawn by
the ray caster, which needs torch: ``pip install 'star-r1[train]'``.
"""

import base64
import io
from collections.abc import Callable, Coroutine, Iterator
from itertools import count
from typing import Any, Literal

from rewards.batch_score import Score
from rewards.errors import ConfigError
from rewards.messages import completion_text
from rewards.score import resolve
from trainers.adapters.score_row import COLUMNS, score_row

Hook = Callable[[Any, Any], Coroutine[Any, Any, Any]]


def scored(data: Any, trace: Any, /, **settings: Any) -> Score:
    """Score the last message of a trace against a task's data, which may name its own task; note its fault there."""
    row = {each: getattr(data, each, None) for each in ("target", "answer", *COLUMNS)}
    text = completion_text(trace.assistant_messages[-1]) if trace.assistant_messages else ""
    score = score_row(text, row["answer"] if row["target"] is None else row["target"], row, **settings)
    trace.info["fault"] = None if score.fault is None else score.fault.code
    return score


def hooks(**settings: Any) -> tuple[Hook, Hook]:
    """Return a reward and its metrics, as verifiers calls them; settings are those of `score_completion`."""

    async def reward(task: Any, trace: Any) -> float:
        return scored(task, trace, **settings).total

    async def parts(task: Any, trace: Any) -> dict[str, float]:
        return scored(task, trace, **settings).flat()

    return reward, parts


tvr, tvr_parts = hooks(task="tvr")
multiview, multiview_parts = hooks(task="multiview")


def generated_row(task: str, seed: int, index: int, size: int) -> tuple[dict[str, Any], list[Any]]:
    """Return row *index* of a data set and its images, (size, size, 3) each; both depend on the arguments only."""
    from benchmarks.tvr.world import VIEWS
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
    """Return the reward or metrics of a preset, ``tvr_paper``; or the taskset, where verifiers is installed."""
    task, _, preset = name.removesuffix("_parts").partition("_")
    if task in ("tvr", "multiview") and preset:
        try:
            resolve(task, preset)
        except ConfigError as error:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}: {error}") from error
        return hooks(task=task, preset=preset)[name.endswith("_parts")]
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

    class StarTaskConfig(vf.TaskConfig):  # type: ignore[misc]
        """Settings of the reward, those of `score_completion`."""

        settings: dict[str, Any] = {}  # noqa: RUF012  pydantic copies it

    class StarTask(vf.Task[StarData, vf.State, StarTaskConfig]):  # type: ignore[misc]
        """Its reward, and that its target scores all of it."""

        @vf.reward  # type: ignore[untyped-decorator]
        async def star(self, trace: vf.Trace) -> float:
            return scored(self.data, trace, **self.config.settings).total

        @vf.metric  # type: ignore[untyped-decorator]
        async def parts(self, trace: vf.Trace) -> dict[str, float]:
            return scored(self.data, trace, **self.config.settings).flat()

        async def validate(self, runtime: Any) -> bool:  # noqa: ARG002  nothing runs there
            row = self.data.model_dump()
            return score_row(f"<think>b</think><answer>{row['target']}</answer>", row["target"], row).correct

    class StarTasksetConfig(vf.TasksetConfig):  # type: ignore[misc]
        """Which rows are generated."""

        task: StarTaskConfig = StarTaskConfig()
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
