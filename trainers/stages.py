"""The two stages: supervised fine-tuning and reinforcement learning, by TRL's own trainers."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rewards.errors import ConfigError
from rewards.named import named_object
from trainers.attention import attend_at_once
from trainers.checkpoints import ConvertedResume, checkpoint_to_resume, last_complete, remove_incomplete
from trainers.config import read_config
from trainers.processors import keep_video_section, load_processor
from trainers.reward_functions import reward_functions
from trainers.rows import load_rows
from trainers.watch import Stop, TrainingFailed, watching

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from trainers.config import Settings, Stage
    from trainers.watch import Progress


class Trained(NamedTuple):
    """What came of a run.

    Attributes:
        folder: holds the model and its processor; the run's checkpoints if it was stopped.
        step: steps done.
        stopped: whether SIGTERM ended it early; ``resume_from_checkpoint: true`` goes on.
        history: what was logged, a mapping for each logged step.
        first: whether this is the first of a run's processes, the one that speaks for all.
    """

    folder: Path
    step: int
    stopped: bool
    history: list[dict[str, Any]]
    first: bool = True


def train(
    stage: Stage,
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    arguments: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
    on_advice: Callable[[str], None] | None = None,
) -> Trained:
    """Train a model and save it, with its processor, in ``output_dir``.

    Args:
        stage: ``sft``: loss on the completions of demonstrations; ``rl``: GRPO on prompts and targets.
        config: a YAML file, or what it would hold; see `trainers.config`.
        arguments: as on the command line; they win over the file.
        on_progress: called after every step.
        on_advice: called with what the logs give reason to say.

    Raises:
        ConfigError: the configuration is wrong, or a reward function does not do what it must.
        DataError: the data are wrong.
        TrainingFailed: the loss is no number, or a checkpoint could not be written.
    """
    settings = read_config(stage, config, arguments)
    resume = checkpoint_to_resume(settings.training)
    trainer = build_trainer(settings)
    attend_at_once(trainer.model)
    _tell_nothing_twice(trainer)
    output = Path(settings.training.output_dir)
    with Stop() as stop:
        trainer.add_callback(watching(on_progress, on_advice, stop=stop))
        try:
            stopped = _run(trainer, settings, stop, resume)
        except TrainingFailed as error:
            raise _with_rest(error, output) from error.__cause__
        except Exception as error:  # the model itself, or a table of completions
            if not _is_full_disk(error):
                raise
            failed = TrainingFailed(f"step {trainer.state.global_step}: the disk is full: {error}")
            raise _with_rest(failed, output) from error
    state = trainer.state
    return Trained(output, int(state.global_step), stopped, list(state.log_history), bool(state.is_world_process_zero))


def _run(trainer: Any, settings: Settings, stop: Stop, resume: Path | None) -> bool:
    """Train and, unless it was stopped, save; return whether it was."""
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    if trainer.state.global_step == 0:
        raise ConfigError("no step was made: there are fewer rows than one step takes")
    stopped = bool(stop.asked and trainer.state.global_step < trainer.state.max_steps)
    if not stopped:
        output = Path(settings.training.output_dir)
        trainer.save_model(str(output))
        trainer.save_state()
        if trainer.is_world_process_zero():
            keep_video_section(settings.model.model_name_or_path, output)
    return stopped


def _tell_nothing_twice(trainer: Any) -> None:
    """Remove the trainer's own bar and lines: ``on_progress`` has all that they show."""
    from transformers import PrinterCallback, ProgressCallback

    for shown in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(shown)


def build_trainer(settings: Settings) -> Any:
    """Return TRL's trainer for a configuration, with its model loaded.

    Raises:
        ConfigError: as `train`.
        DataError: as `train`.
    """
    star, training, model = settings.star, settings.training, settings.model
    if not model.model_name_or_path:
        raise ConfigError("model_name_or_path names no model")
    data = training_rows(settings)
    processor = load_processor(
        model.model_name_or_path,
        revision=model.model_revision,
        min_pixels=star.image_min_pixels,
        max_pixels=star.image_max_pixels,
    )
    training.model_init_kwargs = _model_options(model) | (training.model_init_kwargs or {})
    from trl import get_peft_config

    given = {
        "model": model.model_name_or_path,
        "args": training,
        "train_dataset": data,
        "processing_class": processor,
        "peft_config": get_peft_config(model),
    }
    if settings.stage == "sft":
        from trl import SFTTrainer

        return _with_care(SFTTrainer)(**given)
    from trl import GRPOTrainer

    given["reward_funcs"] = reward_functions(star)
    if star.rollout_func:
        given["rollout_func"] = named_object(star.rollout_func, "rollout_func")
    try:
        trainer = _with_care(GRPOTrainer)(**given)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    trainer.drop_equal_groups = star.drop_equal_groups
    return trainer


def training_rows(settings: Settings) -> Any:
    """Return the rows of a configuration."""
    star = settings.star
    if not star.dataset_name:
        raise ConfigError("dataset_name names no training rows")
    sft = settings.stage == "sft"
    return load_rows(
        star.dataset_name,
        split=star.dataset_train_split,
        kwargs=star.dataset_arguments if isinstance(star.dataset_arguments, dict) else {},
        limit=star.train_rows,
        system_prompt=star.system_prompt,
        needs=("prompt", "completion") if sft else ("prompt",),
        keeps=("prompt", "completion", "images") if sft else None,
    )


def _model_options(model: Any) -> dict[str, Any]:
    from trl import get_quantization_config

    options: dict[str, Any] = {
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        "dtype": model.dtype,
    }
    quantization = get_quantization_config(model)
    if quantization is not None:
        options |= {"quantization_config": quantization}
    return options


def _with_care(base: Any) -> Any:
    """Return a TRL trainer that resumes rightly, stops at a loss that is no number, and can drop equal groups."""

    class Careful(ConvertedResume, base):  # type: ignore[misc]
        drop_equal_groups = False

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)
            if not loss.isfinite().all():
                raise TrainingFailed(
                    f"step {self.state.global_step + 1}: the loss is {loss.item()}; a lower learning_rate or "
                    "max_grad_norm, or bf16 in place of fp16, often helps"
                )
            return loss

        def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
            try:
                super()._save_checkpoint(*args, **kwargs)
            except Exception as error:
                raise _not_written(error, int(self.state.global_step), Path(self.args.output_dir)) from error

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            output = super()._generate_and_score_completions(inputs)
            return _without_equal_groups(self, output) if self.drop_equal_groups else output

    Careful.__name__ = Careful.__qualname__ = base.__name__
    return Careful


def _without_equal_groups(trainer: Any, output: dict[str, Any]) -> dict[str, Any]:
    """Take completions whose advantage is zero out of the loss's masks and averages.

    In a group whose rewards are all equal every advantage is zero; without its tokens the average is over what teaches.
    A batch of nothing else is left as it is.
    """
    learns = output["advantages"] != 0
    learns = learns.view(-1, 1) if learns.dim() == 1 else learns.any(dim=1, keepdim=True)
    kept = output["completion_mask"] * learns
    total = trainer.accelerator.gather(kept.sum()).sum()
    if total > 0:
        output["completion_mask"] = kept
        output["num_items_in_batch"] = total
    return output


def _not_written(error: Exception, step: int, output: Path) -> TrainingFailed:
    """Return what to say of a checkpoint that could not be written, and remove what there is of it."""
    remove_incomplete(output, step)
    reason = "the disk is full" if _is_full_disk(error) else f"{type(error).__name__}: {error}"
    return TrainingFailed(f"step {step}: {reason}; the checkpoint was not written")


def _is_full_disk(error: Exception) -> bool:
    # torch's own writer tells a full disk only by a file position
    return getattr(error, "errno", None) == errno.ENOSPC or any(
        sign in str(error) for sign in ("No space left on device", "inline_container")
    )


def _with_rest(error: TrainingFailed, output: Path) -> TrainingFailed:
    """Return the error with what is left to go on from."""
    last = last_complete(output)
    left = "there is no earlier checkpoint" if last is None else f"{last} is complete: resume_from_checkpoint: true"
    return TrainingFailed(f"{error}; {left}")
