"""What `star train` writes itself, with the trainer stubbed out: the lock, the data type, the processor's video section."""

import json
from pathlib import Path

import click

CONFIG = {"architectures": ["Qwen2_5_VLForConditionalGeneration"], "dtype": "float32"}


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
def train_files(source, folder):
    """Do to a folder what `trainers.checkpoints.save_model` does once transformers has written its files."""
    from benchmarks.files.lock import locked
    from benchmarks.files.write import write_whole
    from trainers.checkpoints import _set_dtype
    from trainers.processors import keep_video_section

    folder.mkdir(exist_ok=True)
    with locked(folder / "run", str(folder)):
        write_whole(folder / "config.json", json.dumps(CONFIG))
        write_whole(folder / "processor_config.json", json.dumps({"image_processor": {"size": 1}}))
        keep_video_section(str(source), folder)
        _set_dtype(folder, "torch.bfloat16")
