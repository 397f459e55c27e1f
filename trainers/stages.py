"""The two stages: supervised fine-tuning and reinforcement learning, by TRL's own trainers."""

from __future__ import annotations

import atexit
import errno
import time
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.files.lock import locked
from rewards.errors import ConfigError, DataError
from rewards.named import named_object
from trainers.advice import (
    LEFT_OUT,
    PATIENCE,
    Launcher,
    Lengths,
    Stop,
    TrainingFailed,
    fault_shares,
    first_to_say,
    watching,
)
from trainers.attention import attend_without_cudnn
from trainers.checkpoints import (
    ExactResume,
    check_can_save,
    checkpoint_to_resume,
    goes_on_from_last,
    last_complete,
    remove_incomplete,
    remove_leftovers,
    save_model,
)
from trainers.config import read_config
from trainers.credit import SpanCredit, check_credit
from trainers.fast import gathered, make_fast
from trainers.kept_completions import check_keep_varied, drop_equal_groups, keep_varied
from trainers.processors import load_processor
from trainers.reward_functions import check_targets, reward_functions
from trainers.rows import IMAGE_COLUMNS, answer_lengths, load_rows, place_of_row

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from trainers.advice import Progress
    from trainers.config import Settings, Stage

HOPELESS: Final = 3  # updates in a row whose gradient is not finite


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

    A process that torchrun or accelerate has started ends with its launcher, even if that is killed; see
    `trainers.advice.Launcher`.

    Args:
        stage: ``sft``: loss on the completions of demonstrations; ``rl``: GRPO on prompts and targets.
        config: a YAML file, or what it would hold; see `trainers.config`.
        arguments: as on the command line; they win over the file.
        on_progress: called after every step.
        on_advice: called with what the logs give reason to say.

    Raises:
        ConfigError: the configuration is wrong, a reward function does not do what it must, or another run writes into
            ``output_dir``.
        DataError: the data are wrong.
        TrainingFailed: the loss is no number, or the gradient in several steps in a row; or a checkpoint could not be
            written.
    """
    with Launcher(on_advice) as launcher:
        settings = read_config(stage, config, arguments)
        output = Path(settings.training.output_dir)
        launcher.left = lambda: _rest(output)
        if settings.training.process_index:  # the first process holds the lock for the whole run
            return _train(settings, output, on_progress, on_advice)
        output.mkdir(parents=True, exist_ok=True)
        with locked(output / "run", str(output)):
            if goes_on_from_last(settings.training):
                remove_leftovers(output)
            return _train(settings, output, on_progress, on_advice)


def _train(
    settings: Settings,
    output: Path,
    on_progress: Callable[[Progress], None] | None,
    on_advice: Callable[[str], None] | None,
) -> Trained:
    resume = checkpoint_to_resume(settings.training)
    trainer = build_trainer(settings)
    atexit.register(_leave_group)
    check_can_save(trainer)
    make_fast(trainer, settings.star)
    _tell_nothing_twice(trainer)
    lengths = _lengths(trainer, settings)
    if on_advice is not None and trainer.is_world_process_zero() and (warning := lost_updates(trainer)):
        on_advice(warning)

    def tell_late() -> None:
        if on_advice is not None and first_to_say("late"):
            on_advice(_late(trainer, output))

    with Stop(tell_late) as stop:
        trainer.add_callback(watching(on_progress, on_advice, stop=stop, lengths=lengths))
        try:
            stopped = _run(trainer, settings, stop, resume)
        except (TrainingFailed, ConfigError, DataError) as error:
            raise _with_rest(error, output) from error.__cause__
        except Exception as error:  # the model itself, or a table of completions
            lost = _is_lost_process(error)
            if _is_full_disk(error):
                what = f"step {trainer.state.global_step}: the disk is full: {error}"
            elif lost:
                reason = str(error).splitlines()[0]
                what = f"{_where(trainer)}: another process of the run is gone ({reason[:160]})"
            else:
                raise
            failed = TrainingFailed(f"{what}; {_rest(output)}")
            failed.lost = lost
            raise failed from error
    state = trainer.state
    return Trained(output, int(state.global_step), stopped, list(state.log_history), bool(state.is_world_process_zero))


def _leave_group() -> None:
    """Leave the other processes of a run before the interpreter ends: threads of theirs that still run abort it."""
    import torch.distributed as processes

    if processes.is_available() and processes.is_initialized():
        processes.destroy_process_group()


def _run(trainer: Any, settings: Settings, stop: Stop, resume: Path | None) -> bool:
    """Train and, unless it was stopped, save; return whether it was."""
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    if trainer.state.global_step == 0:
        raise ConfigError("no step was made: there are fewer rows than one step takes")
    stopped = bool(stop.asked and trainer.state.global_step < trainer.state.max_steps)
    if not stopped:
        output = Path(settings.training.output_dir)
        save_model(trainer, output, str(settings.model.model_name_or_path))
        trainer.save_state()
    return stopped


def _lengths(trainer: Any, settings: Settings) -> Lengths | None:
    """Return what is known of the length of completions, for the advice on those that are cut off."""
    if settings.stage == "sft":
        return None
    answers = answer_lengths(trainer.train_dataset, trainer.processing_class)
    return Lengths(int(settings.training.max_completion_length), max(answers)) if answers else None


def lost_updates(trainer: Any) -> str | None:
    """Return what to say where steps of the learning rate's size are lost to rounding, or None.

    A step of Adam moves a weight by about the learning rate. bfloat16 has 8 bits of precision: where its values are
    further apart than two steps, the weight stays as it is, whatever the number of steps. FSDP and DeepSpeed keep
    float32 masters of the weights in mixed precision; nothing does where each process holds the whole model.
    """
    import torch

    masters = trainer.is_deepspeed_enabled or (
        trainer.is_fsdp_enabled and trainer.accelerator.state.mixed_precision != "no"
    )
    rate = float(trainer.args.learning_rate)
    trained = [each for each in trainer.model.parameters() if each.requires_grad and each.dtype == torch.bfloat16]
    if masters or not trained:
        return None
    with torch.no_grad():
        lost = sum(int(((each + rate) == each).sum()) for each in trained) / sum(each.numel() for each in trained)
    if lost < 0.1:
        return None
    return (
        f"bfloat16 weights without float32 masters: {lost:.0%} of them stay as they are under steps of the learning "
        f"rate, {rate:g}; use dtype: float32 with bf16: true, FSDP2 or ZeRO-3 (recipes/accelerate), or LoRA"
    )


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
    attend_without_cudnn()
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

        trainer = _with_care(SFTTrainer)(**given)
        trainer.start_dtype = trainer.model.dtype
        return trainer
    from trl import GRPOTrainer

    functions = given["reward_funcs"] = reward_functions(star)
    check_all_targets(functions, data)
    if star.keep_varied is not None:
        check_keep_varied(star.keep_varied, training)
    if star.credit == "spans":
        check_credit(star, training)
    if star.rollout_func:
        given["rollout_func"] = named_object(star.rollout_func, "rollout_func")
    try:
        trainer = _with_care(GRPOTrainer)(**given)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    trainer.start_dtype = trainer.model.dtype
    trainer.drop_equal_groups, trainer.keep_varied = star.drop_equal_groups, star.keep_varied
    trainer.credit = SpanCredit(star) if star.credit == "spans" else None
    return trainer


def training_rows(settings: Settings) -> Any:
    """Return the rows of a configuration, see `trainers.rows.load_rows`.

    Raises:
        ConfigError: it names none, or there are no such data.
        DataError: as `trainers.rows.load_rows`.
    """
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
        task=star.task,
        needs=("prompt", "completion") if sft else ("prompt",),
        keeps=("prompt", "completion", "images") if sft else None,
    )


def check_all_targets(functions: list[Any], data: Any) -> None:
    """Read the target of every row before a model is loaded; those of a stream are read as they come.

    Raises:
        DataError: one is wrong: which, with file, line and id.
        ConfigError: no column holds targets.
    """
    if not hasattr(data, "__len__"):
        return
    plain = data.with_format(None)
    given = [name for name in plain.column_names if name not in ("prompt", "completion", *IMAGE_COLUMNS)]
    try:
        check_targets(functions, len(plain), {name: plain[name][:] for name in given})
    except DataError as error:
        if error.row is None:
            raise
        raise DataError(f"{place_of_row(data, error.row)}: {error.args[0]}") from error


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
    """Return a TRL trainer that resumes exactly, chooses completions, and learns nothing from what is no number."""

    class Careful(ExactResume, base):  # type: ignore[misc]
        drop_equal_groups = False
        keep_varied: int | None = None
        credit: SpanCredit | None = None
        left_out = 0  # updates since the last logged step
        in_a_row = 0  # of those, without one between them
        finish = staticmethod(lambda batch: batch)  # what a collator left to the training device

        def _prepare_inputs(self, inputs: Any) -> Any:
            return self.finish(super()._prepare_inputs(inputs))

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)
            self.loss_sum = self.loss_sum + loss.double()
            if not loss.isfinite().all():
                raise TrainingFailed(
                    f"step {self.state.global_step + 1}: the loss is {loss.item()}; a lower learning_rate or "
                    "max_grad_norm, or bf16 in place of fp16, often helps"
                )
            return loss

        def _get_grad_norm(self, model: Any, *args: Any, **kwargs: Any) -> Any:
            norm = super()._get_grad_norm(model, *args, **kwargs)
            # fp16's scaler leaves out updates itself, and DeepSpeed has made its own by now
            if self.is_deepspeed_enabled or self.accelerator.scaler is not None:
                return norm
            if isfinite(float(norm)):
                self.in_a_row = 0
                return norm
            model.zero_grad()  # an optimizer without gradients changes neither weights nor its moments
            self.left_out += 1
            self.in_a_row += 1
            if self.in_a_row == HOPELESS:
                raise TrainingFailed(
                    f"step {self.state.global_step + 1}: the gradient is {float(norm)} in {HOPELESS} steps in a row, "
                    "though the loss is finite; a lower learning_rate may help, and attn_implementation: eager tells "
                    "whether an attention kernel is at fault"
                )
            return norm

        def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
            try:
                super()._save_checkpoint(*args, **kwargs)
            except Exception as error:
                raise _not_written(error, int(self.state.global_step), Path(self.args.output_dir)) from error

        def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
            with gathered(self):
                return super()._generate_single_turn(*args, **kwargs)

        def _generate(self, prompts: Any) -> Any:
            began = time.perf_counter()
            generated = super()._generate(prompts)
            self._metrics["train" if self.model.training else "eval"]["generation_seconds"].append(
                time.perf_counter() - began
            )
            return generated

        def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
            rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            if seconds := self._pending_metrics.get("reward_seconds"):  # of each function; TRL would log their mean
                seconds[:] = [sum(seconds)]
            if self.credit is not None and self.model.training:
                self.credit.observe(self, inputs, completions, completion_ids_list, rewards)
            return rewards

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            output = super()._generate_and_score_completions(inputs)
            if not self.model.training:
                return output
            if self.keep_varied is not None:
                output = keep_varied(self, output, self.keep_varied)
            if self.drop_equal_groups:
                drop_equal_groups(self, output)
            if self.credit is not None:
                self.credit.spread(self, output)
            return output

        def log(self, logs: dict[str, float], *args: Any) -> None:
            if "loss" in logs and self.left_out:
                logs[LEFT_OUT] = self.left_out
                self.left_out = 0
            if "loss" in logs and (tables := getattr(self, "_logs", None)):
                logs |= fault_shares(tables["extra"].get("fault", ()))
            super().log(logs, *args)

    Careful.__name__ = Careful.__qualname__ = base.__name__
    return Careful


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


def _is_lost_process(error: Exception) -> bool:
    from torch.distributed import DistError

    # gloo tells its errors as plain ones
    return isinstance(error, DistError) or (isinstance(error, RuntimeError) and "gloo/transport" in str(error))


def _where(trainer: Any) -> str:
    return f"process {trainer.accelerator.process_index}, step {trainer.state.global_step + 1}"


def _late(trainer: Any, output: Path) -> str:
    """Return what to say where a step does not end after SIGTERM: the launcher sends that when a process is gone."""
    return (
        f"{_where(trainer)}: still in this step {PATIENCE:.0f} s after SIGTERM; if another process of the run is gone, "
        f"this one waits until it is killed; {_rest(output)}"
    )


def _rest(output: Path) -> str:
    last = last_complete(output)
    return "there is no earlier checkpoint" if last is None else f"{last} is complete: resume_from_checkpoint: true"


def _with_rest(error: TrainingFailed | ConfigError | DataError, output: Path) -> Exception:
    """Return the error with what is left to go on from."""
    return type(error)(f"{error}; {_rest(output)}")
