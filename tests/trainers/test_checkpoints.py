import json
from types import SimpleNamespace

import pytest

from rewards.errors import ConfigError
from trainers.checkpoints import (
    ExactResume,
    check_can_save,
    checkpoint_to_resume,
    is_complete,
    last_complete,
    remove_incomplete,
    remove_leftovers,
)


class Training:
    def __init__(self, folder, resume):
        self.output_dir, self.resume_from_checkpoint = str(folder), resume


def checkpoint(folder, step, *files):
    made = folder / f"checkpoint-{step}"
    made.mkdir()
    for name in files:
        (made / name).write_text("{}")
    return made


WHOLE = ("model.safetensors", "optimizer.pt", "trainer_state.json")


@pytest.mark.parametrize("missing", WHOLE)
def test_a_checkpoint_that_lacks_a_file_is_skipped(tmp_path, missing):
    whole = checkpoint(tmp_path, 4, *WHOLE)
    broken = checkpoint(tmp_path, 10, *(name for name in WHOLE if name != missing))
    assert is_complete(whole)
    assert not is_complete(broken)
    assert last_complete(tmp_path) == whole


def test_the_newest_is_by_number(tmp_path):
    checkpoint(tmp_path, 9, *WHOLE)
    newest = checkpoint(tmp_path, 10, *WHOLE)
    assert last_complete(tmp_path) == newest


def test_a_state_that_is_cut_is_not_complete(tmp_path):
    """The state is written last, and not at once: a kill may leave any part of it."""
    made = checkpoint(tmp_path, 1, *WHOLE)
    whole = json.dumps({"global_step": 1, "log_history": [{"loss": 0.5, "step": 1}]}, indent=2)
    for end in range(len(whole)):
        (made / "trainer_state.json").write_text(whole[:end])
        assert last_complete(tmp_path) is None, end
    (made / "trainer_state.json").write_text(whole)
    assert last_complete(tmp_path) == made


def test_the_state_is_written_when_all_processes_have_written_theirs(tmp_path):
    """Random numbers and completions of each process belong to a checkpoint; the first one says that it is complete."""
    pytest.importorskip("torch")
    told = []

    class Writes:
        def _save_rng_state(self, folder):
            told.append("random numbers")

    class Trainer(ExactResume, Writes):
        args = SimpleNamespace(process_index=1)
        is_local_process_zero = staticmethod(lambda: told.append("disk") or True)
        accelerator = SimpleNamespace(wait_for_everyone=lambda: told.append((tmp_path / "kept_state_1.pt").exists()))

    Trainer()._save_rng_state(tmp_path)
    assert told == ["random numbers", True, "disk", True]


def test_adapters_and_sharded_weights_are_complete(tmp_path):
    assert is_complete(checkpoint(tmp_path, 1, "adapter_model.safetensors", *WHOLE[1:]))
    assert is_complete(checkpoint(tmp_path, 2, "model-00001-of-00002.safetensors", *WHOLE[1:]))


@pytest.mark.parametrize("resume", [None, False, "false"])
def test_nothing_is_resumed_unasked(tmp_path, resume):
    """And nothing begins among the checkpoints of another run: once killed, it would go on from those."""
    checkpoint(tmp_path, 4, "model.safetensors")
    assert checkpoint_to_resume(Training(tmp_path, resume)) is None
    checkpoint(tmp_path, 2, *WHOLE)
    with pytest.raises(ConfigError, match="checkpoint-2 is of an earlier run: resume_from_checkpoint: true goes on"):
        checkpoint_to_resume(Training(tmp_path, resume))


@pytest.mark.parametrize("resume", [True, "true", "auto"])
def test_true_means_the_last_or_a_new_start(tmp_path, resume):
    assert checkpoint_to_resume(Training(tmp_path, resume)) is None
    made = checkpoint(tmp_path, 1, *WHOLE)
    assert checkpoint_to_resume(Training(tmp_path, resume)) == made


def test_a_named_checkpoint_must_be_whole(tmp_path):
    made = checkpoint(tmp_path, 1, "model.safetensors")
    with pytest.raises(ConfigError, match="no complete checkpoint"):
        checkpoint_to_resume(Training(tmp_path, str(made)))


def test_only_incomplete_folders_are_removed(tmp_path):
    whole, broken = checkpoint(tmp_path, 1, *WHOLE), checkpoint(tmp_path, 2, "model.safetensors")
    remove_incomplete(tmp_path, 1)
    remove_incomplete(tmp_path, 2)
    remove_incomplete(tmp_path, 3)
    assert whole.exists()
    assert not broken.exists()


def test_what_a_killed_run_has_left_is_removed(tmp_path):
    """Checkpoints without an optimizer, of `save_only_model`, are no leftovers; nor is what is not called like one."""
    checkpoint(tmp_path, 2, *WHOLE)
    checkpoint(tmp_path, 4, "model.safetensors", "trainer_state.json")
    checkpoint(tmp_path, 6, "model.safetensors", "optimizer.pt")
    (checkpoint(tmp_path, 8, *WHOLE) / "trainer_state.json").write_text('{"global_step": 8, "log_h')
    (tmp_path / "checkpoint-best").mkdir()
    for name in (".tmpNKlPPu", ".tmp", "notes.tmp"):
        (tmp_path / name).write_text("x")
    remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"checkpoint-2", "checkpoint-4", "checkpoint-best", ".tmp", "notes.tmp"}


@pytest.mark.parametrize("missing", ["pytorch_model_fsdp_0/.metadata", "optimizer_0/.metadata", "trainer_state.json"])
def test_sharded_checkpoints_are_complete_with_all_their_parts(tmp_path, missing):
    made = checkpoint(tmp_path, 4, "trainer_state.json")
    for part in ("pytorch_model_fsdp_0", "optimizer_0"):
        (made / part).mkdir()
        for name in (".metadata", "__0_0.distcp"):
            (made / part / name).write_text("x")
    assert is_complete(made)
    (made / missing).unlink()
    assert not is_complete(made)


@pytest.mark.parametrize(
    ("zero", "right"),
    [
        ({"stage": 3, "stage3_gather_16bit_weights_on_model_save": True}, True),
        ({"stage": 3, "stage3_gather_16bit_weights_on_model_save": False}, False),
        ({"stage": 3}, False),
        ({"stage": 2}, True),
    ],
)
def test_what_could_not_be_saved_is_refused_at_the_start(zero, right):
    plugin = SimpleNamespace(deepspeed_config={"zero_optimization": zero})
    accelerator = SimpleNamespace(state=SimpleNamespace(deepspeed_plugin=plugin))
    trainer = SimpleNamespace(is_deepspeed_enabled=True, accelerator=accelerator)
    if right:
        check_can_save(trainer)
        return
    with pytest.raises(ConfigError, match="zero3_save_16bit_model: true"):
        check_can_save(trainer)
