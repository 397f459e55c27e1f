"""Checkpoints: which one to go on from, and loading it as it was saved."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Final

from rewards.errors import ConfigError

_WEIGHTS: Final = ("model*.safetensors", "adapter_model.safetensors", "pytorch_model*.bin", "*.distcp", "global_step*")
_NUMBERED: Final = re.compile(r"checkpoint-(\d+)")


def is_complete(folder: Path) -> bool:
    """Return whether a checkpoint was written to its end: trainers write its state last."""
    state = folder / "trainer_state.json"
    return (
        state.is_file()
        and state.stat().st_size > 0
        and any(next(folder.glob(f"**/{pattern}"), None) is not None for pattern in _WEIGHTS)
        and any((folder / name).exists() for name in ("optimizer.pt", "optimizer.bin", "latest", "optimizer_0"))
    )


def last_complete(output: Path) -> Path | None:
    """Return the newest complete checkpoint of a run, or None. Folders that a kill left half-written are skipped."""
    found = [(int(match[1]), path) for path in output.glob("checkpoint-*") if (match := _NUMBERED.fullmatch(path.name))]
    return next((path for _, path in sorted(found, reverse=True) if is_complete(path)), None)


def checkpoint_to_resume(training: Any) -> Path | None:
    """Return where a run goes on: ``resume_from_checkpoint`` is a folder, or true for the last complete one.

    Raises:
        ConfigError: the folder is not there or not complete.
    """
    wanted = training.resume_from_checkpoint
    if wanted in (None, False) or str(wanted).lower() in ("false", "none"):
        return None
    if str(wanted).lower() in ("true", "auto"):
        return last_complete(Path(training.output_dir))
    if not is_complete(Path(wanted)):
        raise ConfigError(f"resume_from_checkpoint: {wanted} is no complete checkpoint")
    return Path(wanted)


def remove_incomplete(output: Path, step: int) -> None:
    """Remove the checkpoint of a step if it was not written to its end."""
    folder = output / f"checkpoint-{step}"
    if folder.is_dir() and not is_complete(folder):
        shutil.rmtree(folder, ignore_errors=True)


class ConvertedResume:
    """Put before a trainer of transformers: loads a checkpoint through `from_pretrained`.

    transformers 5 saves some models under the key names of the hub, but resumes with a plain ``load_state_dict`` that
    is not strict: nothing matches, and training goes on from the start weights with a mere warning
    (huggingface/transformers#43701). Adapters, FSDP and DeepSpeed have ways of their own and are left alone.
    """

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
        if best is not None:
            self._load_from_checkpoint(best)
