"""What a run leaves on disk: checkpoints that it goes on from as if it had never stopped, and the finished model."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.files.write import bring_to_disk, path_beside, write_whole
from rewards.errors import ConfigError
from trainers.advice import TrainingFailed
from trainers.processors import keep_video_section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_WEIGHTS: Final = (
    *("model*.safetensors", "adapter_model.safetensors", "pytorch_model*.bin"),
    *("pytorch_model_fsdp_0/.metadata", "global_step*"),  # of FSDP: written when all shards are; of DeepSpeed
)
_OPTIMIZER: Final = ("optimizer.pt", "optimizer.bin", "latest", "optimizer_0/.metadata")
_NUMBERED: Final = re.compile(r"checkpoint-(\d+)")


def is_complete(folder: Path) -> bool:
    """Return whether a checkpoint was written to its end and is on the disk, and nothing of it was removed since."""
    return (
        _has_state(folder)
        and any(next(folder.glob(f"**/{pattern}"), None) is not None for pattern in _WEIGHTS)
        and any((folder / name).exists() for name in _OPTIMIZER)
    )


def _has_state(folder: Path) -> bool:
    """Return whether the state of a checkpoint, which trainers write last, is there and not cut."""
    try:
        json.loads((folder / "trainer_state.json").read_bytes())
    except (OSError, ValueError):
        return False
    return True


def last_complete(output: Path) -> Path | None:
    """Return the newest complete checkpoint of a run, or None. Folders that a kill left half-written are skipped."""
    found = [(int(match[1]), path) for path in output.glob("checkpoint-*") if (match := _NUMBERED.fullmatch(path.name))]
    return next((path for _, path in sorted(found, reverse=True) if is_complete(path)), None)


def goes_on_from_last(training: Any) -> bool:
    """Return whether a run is to go on from its last complete checkpoint, if it has one."""
    return str(training.resume_from_checkpoint).lower() in ("true", "auto")


def checkpoint_to_resume(training: Any) -> Path | None:
    """Return where a run goes on: ``resume_from_checkpoint`` is a folder, or true for the last complete one.

    Raises:
        ConfigError: the folder is not there or not complete; or a new run is to begin where an earlier one has left
            checkpoints: once it is killed, nothing would tell them from its own.
    """
    wanted = training.resume_from_checkpoint
    if wanted in (None, False) or str(wanted).lower() in ("false", "none"):
        if (there := last_complete(Path(training.output_dir))) is not None:
            raise ConfigError(
                f"{there} is of an earlier run: resume_from_checkpoint: true goes on from it; for a new run name "
                "another output_dir, or remove its checkpoints"
            )
        return None
    if goes_on_from_last(training):
        return last_complete(Path(training.output_dir))
    if not is_complete(Path(wanted)):
        raise ConfigError(f"resume_from_checkpoint: {wanted} is no complete checkpoint")
    return Path(wanted)


def remove_incomplete(output: Path, step: int) -> None:
    """Remove the checkpoint of a step if it was not written to its end."""
    folder = output / f"checkpoint-{step}"
    if folder.is_dir() and not is_complete(folder):
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(output: Path) -> None:
    """Remove what a killed run has left: checkpoints that were being written, and weights that were getting a name."""
    for folder in output.glob("checkpoint-*"):
        if _NUMBERED.fullmatch(folder.name) and not _has_state(folder):
            shutil.rmtree(folder, ignore_errors=True)
    for file in output.glob(".tmp??????"):  # as safetensors calls a file that is not yet whole
        file.unlink(missing_ok=True)


class ExactResume:
    """Put before a trainer of TRL: a run that goes on draws, learns and counts as one that never stopped.

    What transformers 5 and TRL 1.16 do otherwise:

    - Some models are saved under the key names of the hub but resumed with a plain ``load_state_dict`` that is not
      strict: nothing matches, and training goes on from the start weights with a mere warning
      (huggingface/transformers#43701). Adapters, FSDP and DeepSpeed have ways of their own and are left alone.
    - ``RepeatSampler`` draws the orders of the epochs one after another from one generator, which a resumed run starts
      anew: it draws the first epoch's rows again.
    - Where completions serve several steps (``num_iterations``, ``steps_per_generation``), a checkpoint between two of
      them forgets the completions, and which of the steps is next.
    - The number of tokens (SFT) and the mean loss of the run start from zero.
    - A run that was finished within an epoch takes one more step, and the last table of completions is written empty.
    - Nothing of a checkpoint is brought to the disk: after a power cut its state may be there without its weights, and
      the checkpoint before is already removed.
    """

    loss_sum: Any = 0.0  # of this process, over the steps of the run

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: Any = None) -> None:
        model = self.model if model is None else model
        if hasattr(model, "peft_config") or self.is_fsdp_enabled or self.is_deepspeed_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        inner = self.accelerator.unwrap_model(model)
        fresh = type(inner).from_pretrained(resume_from_checkpoint, dtype=inner.dtype)
        inner.load_state_dict(fresh.state_dict(), strict=True)  # strict: a mismatch must stop the run
        inner.tie_weights()

    def _load_best_model(self: Any) -> None:
        best = self.state.best_model_checkpoint
        if hasattr(self.model, "peft_config") or self.is_fsdp_enabled or self.is_deepspeed_enabled:
            super()._load_best_model()  # type: ignore[misc]
        elif best is not None:
            self._load_from_checkpoint(best)

    def _get_train_sampler(self: Any, *arguments: Any) -> Any:
        sampler = super()._get_train_sampler(*arguments)  # type: ignore[misc]
        if type(sampler).__name__ != "RepeatSampler" or not sampler.shuffle:
            return sampler
        return _orders_by_epoch(sampler, lambda: int(self.state.epoch or 0))

    def get_batch_samples(self: Any, *arguments: Any) -> Any:
        """Return the rows of a step; none where the run was finished before."""
        if self.state.global_step >= self.state.max_steps:
            return [], None
        return super().get_batch_samples(*arguments)  # type: ignore[misc]

    def _save_rng_state(self: Any, output_dir: str) -> None:
        import torch

        super()._save_rng_state(output_dir)  # type: ignore[misc]
        kept = {"tokens": getattr(self, "_total_train_tokens", 0), "loss_sum": float(self.loss_sum)}
        if hasattr(self, "_buffered_inputs"):
            kept["step"] = self._step
            if self._step % (self.args.steps_per_generation * self.num_iterations):
                kept["completions"] = self._buffered_inputs
        torch.save(kept, _kept_file(output_dir, self.args.process_index))
        self.accelerator.wait_for_everyone()  # all of it is written
        if self.is_local_process_zero():
            folder = Path(output_dir)
            bring_to_disk(*folder.rglob("*"), folder, folder.parent)
        self.accelerator.wait_for_everyone()  # the first process writes the state, which says that all is there

    def _save_checkpoint(self: Any, *arguments: Any) -> None:
        state = self.state

        def save_to_json(path: str) -> None:  # what is written last, before older checkpoints are removed
            with path_beside(path) as partial:
                type(state).save_to_json(state, str(partial))

        state.save_to_json = save_to_json
        try:
            super()._save_checkpoint(*arguments)  # type: ignore[misc]
        finally:
            del state.save_to_json

    def _load_optimizer_and_scheduler(self: Any, checkpoint: Any) -> None:
        import torch

        super()._load_optimizer_and_scheduler(checkpoint)  # type: ignore[misc]
        if checkpoint is None or not (file := _kept_file(checkpoint, self.args.process_index)).exists():
            return
        kept = torch.load(file, map_location=self.args.device, weights_only=True)
        self.loss_sum = kept["loss_sum"]
        if hasattr(self, "_total_train_tokens"):
            self._total_train_tokens = kept["tokens"]
        if "step" in kept:
            self._step = kept["step"]
            self._buffered_inputs = kept.get("completions")

    def log(self: Any, logs: dict[str, float], *arguments: Any) -> None:
        """Log, with the mean loss of the whole run."""
        import torch

        if "train_loss" in logs and self.state.global_step:
            own = torch.as_tensor(float(self.loss_sum), dtype=torch.float64, device=self.args.device)
            logs["train_loss"] = float(self.accelerator.gather(own).mean()) / self.state.global_step
        shown, tables = getattr(self, "log_completions", False), getattr(self, "_logs", {})
        if shown and not tables.get("prompt"):  # a run that was finished before: its last table stays
            self.log_completions = False
        super().log(logs, *arguments)  # type: ignore[misc]
        if shown:
            self.log_completions = shown


def _kept_file(checkpoint: Any, process: int) -> Path:
    return Path(checkpoint) / f"kept_state_{process}.pt"


def _orders_by_epoch(sampler: Any, epoch: Callable[[], int]) -> Any:
    """Return a sampler with the same orders, each of which depends on seed and epoch alone."""
    import torch

    class OrdersByEpoch(torch.utils.data.Sampler):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(sampler)

        def __iter__(self) -> Iterator[int]:
            sampler.generator.manual_seed(sampler.seed)
            for _ in range(epoch()):  # the orders of the epochs before
                torch.randperm(sampler.num_samples, generator=sampler.generator)
            yield from sampler

    return OrdersByEpoch()


def check_can_save(trainer: Any) -> None:
    """Raise a ConfigError where the finished model could not be gathered, before a run and not after it."""
    if not trainer.is_deepspeed_enabled:
        return
    zero = trainer.accelerator.state.deepspeed_plugin.deepspeed_config.get("zero_optimization", {})
    if zero.get("stage") == 3 and not zero.get("stage3_gather_16bit_weights_on_model_save", False):
        raise ConfigError(
            "ZeRO-3 may not gather the model, so that none could be saved: zero3_save_16bit_model: true in accelerate's"
            " file, or stage3_gather_16bit_weights_on_model_save: true in DeepSpeed's"
        )


def save_model(trainer: Any, folder: Path, source: str) -> None:
    """Write the whole model, also one that is spread over processes, and read it back.

    Every process calls this; the first one writes. Weights are written in the data type that they were loaded with:
    FSDP and DeepSpeed keep float32 masters of what is to be bfloat16.

    Args:
        trainer: a trainer of TRL that has trained; ``start_dtype`` is the data type of what it began with.
        folder: where the model and its processor go.
        source: what the model was made from; its processor's video section is kept.

    Raises:
        TrainingFailed: what lies on disk is not the model that was trained.
    """
    inner = trainer.accelerator.unwrap_model(trainer.model)
    adapter = hasattr(inner, "peft_config")
    try:
        state = _whole_state(trainer, adapter=adapter)
    except ValueError as error:  # of DeepSpeed, where it may not gather
        raise TrainingFailed(f"{folder}: no model was saved: {error}") from error
    if trainer.is_world_process_zero():
        trainer._save(str(folder), state_dict=state)  # noqa: SLF001  `Trainer.save_model` leaves sharded models out
        keep_video_section(source, folder)
        if adapter:
            from peft import get_peft_model_state_dict

            state = get_peft_model_state_dict(inner, state_dict=state)
        else:
            _set_dtype(folder, trainer.start_dtype)
        expected = _fingerprints(state)
        del state  # a second copy is about to be read
        try:
            found = _fingerprints(_read_back(folder, adapter=adapter))
        except Exception as error:
            raise TrainingFailed(f"{folder}: what was saved cannot be read: {error}") from error
        # a tied weight may have one name in memory and two when it is read
        known = set(expected.values())
        wrong = [name for name in expected if found.get(name) != expected[name]]
        wrong += [name for name in found if name not in expected and found[name] not in known]
        if wrong or not expected:
            raise TrainingFailed(
                f"{folder}: what was saved is not the model that was trained: {len(wrong)} of {len(expected)} tensors "
                f"differ, among them {', '.join(wrong[:3]) or 'all'}"
            )
        bring_to_disk(*(file for file in folder.iterdir() if file.is_file()), folder)
    trainer.accelerator.wait_for_everyone()


def _whole_state(trainer: Any, *, adapter: bool) -> dict[str, Any]:
    """Return the names and tensors of the trained model, of LoRA those of its adapter at least.

    Processes but the first may get none.
    """
    if trainer.is_deepspeed_enabled:
        engine = trainer.model_wrapped
        if adapter and engine.zero_optimization_stage() == 3:
            return dict(engine._zero3_consolidated_16bit_state_dict(exclude_frozen_parameters=True) or {})  # noqa: SLF001
        state = trainer.accelerator.get_state_dict(engine)
    elif trainer.is_fsdp_enabled and trainer.accelerator.is_fsdp2:
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

        options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=adapter)
        state = get_model_state_dict(trainer.model, options=options)
    else:
        state = trainer.accelerator.get_state_dict(trainer.model)
    state = dict(state or {})
    for name, tensor in state.items():
        if tensor.is_floating_point() and not adapter:
            state[name] = tensor.to(trainer.start_dtype)
    return state


def _set_dtype(folder: Path, dtype: Any) -> None:
    """Name the data type in which the weights lie; transformers writes that of the masters."""
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["dtype"] = str(dtype).removeprefix("torch.")
    write_whole(file, json.dumps(config, indent=2) + "\n")


def _read_back(folder: Path, *, adapter: bool) -> dict[str, Any]:
    """Return names and tensors of a saved model, read as ``star predict`` and the next stage read them."""
    if adapter:
        from safetensors.torch import load_file

        return dict(load_file(folder / "adapter_model.safetensors"))
    import transformers
    from transformers.integrations import deepspeed

    architecture = json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"][0]
    sharded = deepspeed._hf_deepspeed_config_weak_ref  # noqa: SLF001  this process alone reads, so that nothing is spread
    deepspeed.unset_hf_deepspeed_config()
    try:
        return dict(getattr(transformers, architecture).from_pretrained(folder, dtype="auto").state_dict())
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = sharded  # noqa: SLF001


def _fingerprints(state: Mapping[str, Any]) -> dict[str, tuple[tuple[int, ...], str, str]]:
    """Return the shape, data type and checksum of each tensor by its name."""
    import torch
    from xxhash import xxh3_128_hexdigest

    return {
        name: (
            tuple(tensor.shape),
            str(tensor.dtype),
            xxh3_128_hexdigest(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()),
        )
        for name, tensor in state.items()
    }
