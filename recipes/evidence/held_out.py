"""What a model says of held-out scenes, and what that is worth."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.codec import decode_scene
from benchmarks.tvr.scoring import score_as_strict
from recipes.evidence import questions, symbolic
from recipes.tiny.world import row, scenes
from rewards.score import score_batch
from trainers.fast_collate import Undrawn, fast_processor
from trainers.scenes.render import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from recipes.evidence.study import Study
    from trainers.scenes.tvr import Scene

RIGHT: Final = "tacc"
"""The measure by which an arm may end."""
SEED: Final = 7  # of the held-out scenes: the same for all arms
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
OTHER_IMAGES: Final = ("swapped", "blank")
"""What a scene can be shown in place of its own images: those of the next scene from the same view, or none of either
(pixel values of zero, the middle gray; told in words there is no such prompt)."""


class HeldOut:
    """Held-out scenes as a processor's batches; scene ``i`` is seen from view ``i mod len(views)``, or asked about.

    Args:
        study: which scenes, how many and how large a batch.
        processor: of the model.
        device: where batches lie.
    """

    def __init__(self, study: Study, processor: Any, device: Any) -> None:
        self.study, self.device = study, device
        self.items = questions.held_out_items(study) if study.questions else []
        if study.questions:
            self.scenes = [item.scene for item in self.items]
            self.rows = [questions.row(item, study.world, symbolic=study.symbolic) for item in self.items]
        else:
            self.scenes = list(islice(scenes(study.world, SEED, held_out=True), study.test["scenes"]))
            self.rows = [_row(scene, study) for scene in self.scenes]
        self.views: list[str] = [each["view"] for each in self.rows]
        self.targets: list[str] = [each["target"] for each in self.rows]
        self.processor = processor if study.symbolic else _drawing(processor, device)
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self._made: dict[tuple[int, int], dict[str, Any]] = {}

    @property
    def other_images(self) -> tuple[str, ...]:
        """Those of `OTHER_IMAGES` that there are."""
        if self.study.symbolic:  # there a prompt is both, the images and the question
            return () if self.study.questions else OTHER_IMAGES[:1]
        return OTHER_IMAGES

    def batch(self, start: int, stop: int, images: str = "own") -> dict[str, Any]:
        """Return the inputs of some scenes; with their own images they are made once."""
        if images == "swapped":
            count, views = len(self.scenes), len(self.study.views)
            return self._batch(range(start, stop), [(at + views) % count for at in range(start, stop)])
        key = (start, stop)
        if key not in self._made:
            self._made[key] = self._batch(range(start, stop), range(start, stop))
        found = self._made[key]
        return found | {"pixel_values": found["pixel_values"] * 0} if images == "blank" else found

    def _batch(self, asked: Sequence[int], shown: Sequence[int]) -> dict[str, Any]:
        made = self._in_words(shown) if self.study.symbolic else self._drawn(asked, shown)
        return dict(made.to(self.device))

    def _in_words(self, which: Sequence[int]) -> Any:
        asked = [self.rows[at]["prompt"] for at in which]
        texts = self.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        return self.tokenizer(texts, return_tensors="pt", padding=True, padding_side="left")

    def _drawn(self, asked: Sequence[int], shown: Sequence[int]) -> Any:
        images = [self.rows[at]["images"] for at in shown]
        texts = [self._asked(self.rows[at]["prompt"][0]["content"]) for at in asked]
        return self.processor(images=images, text=texts, return_tensors="pt", padding=True)

    def _asked(self, text: str) -> Any:
        content = [{"type": "image"}, {"type": "image"}, {"type": "text", "text": text}]
        messages = [{"role": "user", "content": content}]
        return self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def answers(self, write: Writer, count: int, samples: int = 1, images: str = "own") -> list[str]:
        """Return completions of the first *count* scenes, *samples* of each in a row, shown what `batch` says."""
        size, texts = max(1, self.study.test["batch"] // samples), []
        for start in range(0, count, size):
            tokens = write(self.batch(start, min(start + size, count), images), samples)
            texts += self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        if samples > 1:
            self._made = {key: made for key, made in self._made.items() if key[1] - key[0] > size}
        return texts


def _row(scene: Scene, study: Study) -> dict[str, Any]:
    view = study.views[scene.idx % len(study.views)]
    if study.symbolic:
        return symbolic.row(scene, view, study.world)
    pictures = Picture(scene, "center"), Picture(scene, view, final=True)
    return row(scene, view, study.world, [Undrawn(each, study.world.side) for each in pictures], name="held-out")


def _drawing(processor: Any, device: Any) -> Any:
    from accelerate.utils import send_to_device

    return fast_processor(processor, lambda patches, packed: patches.finished(send_to_device(packed, device)))


class Writer:
    """Writes completions with a model, as fast as its kind allows.

    Args:
        model: on its device; `trainers.fast.make_fast` has seen it.
        longest: tokens of a completion at most.
        sample: draw at temperature 1; otherwise the likeliest token.
    """

    def __init__(self, model: Any, longest: int, *, sample: bool) -> None:
        from transformers import GenerationConfig

        self.model = model
        text = model.config.get_text_config()
        pictures = getattr(model.config, "image_token_id", None)
        self.config = GenerationConfig(
            do_sample=sample,
            max_new_tokens=longest,
            eos_token_id=[text.eos_token_id],
            pad_token_id=text.pad_token_id,
            disable_compile=True,
            **({} if pictures is None else {"suppress_tokens": [pictures]}),
            **({"top_k": 0, "temperature": 1.0} if sample else {}),
        )
        self.decoder = None if pictures is None else self._decoder()

    def _decoder(self) -> Any:
        from trainers.rollout import Decoder, choice_of

        return Decoder(self.model, choice_of(self.config, self.model.generation_config), self._autocast)

    def _autocast(self) -> Any:
        import torch

        if self.model.device.type != "cuda":
            return nullcontext()
        # weights cast once for many tokens would stay as they were when a graph was recorded
        return torch.autocast("cuda", torch.bfloat16, cache_enabled=False)

    def __call__(self, inputs: dict[str, Any], samples: int) -> list[list[int]]:
        """Return the tokens of completions, *samples* of each row in turn."""
        import torch

        learning = self.model.training
        self.model.eval()
        rows = len(inputs["input_ids"])
        try:
            with torch.no_grad():
                if self.decoder is not None:
                    owner = torch.arange(rows, device=self.model.device).repeat_interleave(samples)
                    tokens: list[list[int]] = self.decoder(inputs, owner)[0]
                    return tokens
                repeated = {name: value.repeat_interleave(samples, 0) for name, value in inputs.items()}
                out = self.model.generate(**repeated, generation_config=self.config)
                return [row.tolist() for row in out[:, inputs["input_ids"].shape[1] :]]
        finally:
            self.model.train(learning)


class Judged(NamedTuple):
    """What greedy completions are worth, an array of each scene.

    Attributes:
        correct: whether the set of changes is right.
        diff: cells of the final state that differ, as TVR's own scorer counts them.
        true: number of true changes.
        predictions: number of predicted changes.
        reward: the paper's, with this project's default reading.
        well_formed: whether the tags are right.
    """

    correct: npt.NDArray[np.bool_]
    diff: npt.NDArray[np.int64]
    true: npt.NDArray[np.int64]
    predictions: npt.NDArray[np.int64]
    reward: npt.NDArray[np.float64]
    well_formed: npt.NDArray[np.bool_]


def judge(held_out: HeldOut, texts: Sequence[str]) -> Judged:
    """Return what completions of the first scenes are worth, one of each scene."""
    some = held_out.scenes[: len(texts)]
    targets = held_out.targets[: len(texts)]
    scored = score_batch(list(texts), targets, task="tvr")
    rows = [
        {"prediction": text, "transformations": wanted, "initial_objects": decode_scene(scene.initial)}
        for text, wanted, scene in zip(texts, targets, some, strict=True)
    ]
    strict = score_as_strict(rows).stats
    return Judged(
        correct=np.asarray(scored.correct, dtype=bool),
        diff=np.asarray(strict["dist"]).astype(np.int64),
        true=np.array([len(scene.changes) for scene in some]),
        predictions=np.asarray(scored.n_pred),
        reward=np.asarray(scored.total, dtype=np.float64),
        well_formed=np.asarray(scored.well_formed, dtype=bool),
    )


def summary(judged: Judged, chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Return means with their standard errors."""
    which = np.ones(len(judged.correct), dtype=bool) if chosen is None else chosen
    count = int(which.sum())
    found: dict[str, Any] = {"scenes": count}
    if not count:
        return found
    values = {
        "tacc": judged.correct,
        "diff": judged.diff,
        "ndiff": judged.diff / np.maximum(judged.true, 1),
        "predictions": judged.predictions,
        "true": judged.true,
        "reward": judged.reward,
        "well_formed": judged.well_formed,
    }
    for name, column in values.items():
        some = np.asarray(column, dtype=np.float64)[which]
        found[name] = round(float(some.mean()), 5)
        if name in ("tacc", "ndiff", "predictions", "reward"):
            found[f"{name}_se"] = round(float(some.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0, 5)
    return found


def groups(held_out: HeldOut, count: int) -> dict[str, dict[str, npt.NDArray[np.bool_]]]:
    """Return masks of the first *count* scenes by view, number of objects and number of changes."""
    some = held_out.scenes[:count]
    columns: Mapping[str, list[str]] = {
        "views": held_out.views[:count],
        "objects": [str(len(decode_scene(scene.initial))) for scene in some],
        "changes": [str(len(scene.changes)) for scene in some],
    }
    return {
        name: {value: np.array([each == value for each in column]) for value in sorted(set(column))}
        for name, column in columns.items()
    }


def in_full(held_out: HeldOut, judged: Judged) -> dict[str, Any]:
    """Return the summary, also by group, and the outcome of each scene as a digit, so that runs can be paired."""
    found = summary(judged)
    for name, masks in groups(held_out, len(judged.correct)).items():
        found[name] = {value: summary(judged, mask) for value, mask in masks.items()}
    outcomes = {"correct": judged.correct, "diff": judged.diff, "predictions": judged.predictions}
    found["each"] = {name: "".join(DIGITS[min(int(v), 35)] for v in column) for name, column in outcomes.items()}
    return found


class Knowledge(NamedTuple):
    """What a model knows, as `benchmarks.audit.predictions` takes it.

    Attributes:
        p: the chance that a first guess is right. First guesses are the changes that a greedy completion names; those
            that are missing, where it names fewer than are true, are wrong ones.
        spread: how unlike they are known: the variance over first guesses of the chance to be right, told from how many
            samples give the same one (in ten equal parts), as a share of p (1 - p).
        wrong: of the wrong predictions of greedy completions, the share that reaches each lower tier, or ``none``.
    """

    p: float
    spread: float
    wrong: dict[str, float]


def knowledge(held_out: HeldOut, greedy: Sequence[str], samples: Sequence[str]) -> Knowledge:
    """Return what a model knows.

    Args:
        held_out: the scenes.
        greedy: a completion of each of the first scenes.
        samples: completions of each of as many or fewer scenes, as many of each, in a row.
    """
    many, shares, right = held_out.study.test["samples"], [], []
    drawn = score_batch(list(samples), [held_out.targets[at // many] for at in range(len(samples))], task="tvr")
    named = score_batch(list(greedy), held_out.targets[: len(greedy)], task="tvr")
    for at in range(len(samples) // many):
        seen = [_cells(answer) for answer in drawn.answers[at * many : (at + 1) * many]]
        true, guesses = _true_cells(held_out.scenes[at]), _cells(named.answers[at])
        for cell, value in guesses.items():
            shares.append(sum(each.get(cell) == value for each in seen) / many)
            right.append(true.get(cell) == value)
        missing = max(0, len(true) - len(guesses))
        shares += [0.0] * missing
        right += [False] * missing
    p, spread = float(np.mean(right)), _spread(np.array(shares), np.array(right, dtype=np.float64))
    return Knowledge(round(p, 4), round(spread, 4), _wrong_guesses(held_out, greedy))


def _cells(answer: Any) -> dict[tuple[str, str], str]:
    """Return what an answer says of each cell, the last value of each."""
    items = () if answer is None else answer.items
    return {(str(each.index), str(each.attribute)): str(each.value) for each in items}


def _true_cells(scene: Scene) -> dict[tuple[str, str], str]:
    from benchmarks.tvr.world import PAIRS

    pairs = [PAIRS[change.pair] for change in scene.changes]
    return {(str(change.obj_idx), pair[0]): pair[1] for change, pair in zip(scene.changes, pairs, strict=True)}


def _spread(shares: npt.NDArray[np.float64], right: npt.NDArray[np.float64], parts: int = 10) -> float:
    """Return the variance of the chance of being right that shares tell, over that of being right.

    >>> _spread(np.array([0.0] * 50 + [1.0] * 50), np.array([0.0] * 50 + [1.0] * 50))
    1.0
    >>> _spread(np.linspace(0, 1, 100), np.tile([0.0, 1.0], 50))
    0.0
    """
    p = float(right.mean())
    if p in (0.0, 1.0):
        return 0.0
    order = np.argsort(shares, kind="stable")
    pieces = np.array_split(right[order], parts)
    between = sum(len(piece) * (float(piece.mean()) - p) ** 2 for piece in pieces if len(piece)) / len(right)
    return min(1.0, between / (p * (1 - p)))


def _wrong_guesses(held_out: HeldOut, greedy: Sequence[str]) -> dict[str, float]:
    scored = score_batch(list(greedy), held_out.targets[: len(greedy)], task="tvr")
    found = {"attribute": 0, "object": 0, "none": 0}
    for scene, answer in zip(held_out.scenes, scored.answers, strict=False):
        true = _true_cells(scene)
        for cell, value in _cells(answer).items():
            if true.get(cell) == value:
                continue
            object_known = cell[0] in {index for index, _ in true}
            found["attribute" if cell in true else "object" if object_known else "none"] += 1
    total = sum(found.values())
    if not total:  # nothing wrong was said
        return {"attribute": 0.0, "object": 0.0, "none": 1.0}
    return {name: round(count / total, 4) for name, count in found.items()}


def writer_of(trainer: Any, longest: int) -> Callable[..., Writer]:
    """Return what makes writers of the model that a trainer holds."""
    return lambda *, sample: Writer(trainer.model, longest, sample=sample)
