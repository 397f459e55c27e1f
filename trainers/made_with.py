"""How predictions are made, as `star predict` writes it beside each of them, see `benchmarks.run.made_with`."""

from __future__ import annotations

import json
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trainers.processors import model_file

if TYPE_CHECKING:
    from collections.abc import Iterable

_WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".gguf")
_OF_TRAINING: Final = ("training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt")
_SMALL: Final = frozenset(
    {"config.json", "generation_config.json", "adapter_config.json", "chat_template.json", "chat_template.jinja"}
    | {"preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json", "tokenizer.model"}
    | {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"}
    | {"vocab.json", "merges.txt", "model.safetensors.index.json", "pytorch_model.bin.index.json"}
)
_TABLES: Final = (".jsonl", ".json", ".gz", ".parquet", ".arrow", ".csv", ".tsv", ".h5")
_END: Final = 64 * 1024  # bytes at either end of a file that count


def revision_of(model: str, revision: str = "main") -> str:
    """Return what tells a model from others of its name: the commit on the hub, or a digest of a folder.

    The digest is of the name, the size and both ends of each file of the model: training changes these, and a model of
    many gigabytes need not be read. An adapter is followed by what it is for. A name of which nothing is known is
    returned as it is asked for.
    """
    folder = Path(model)
    if folder.is_dir():
        found = f"folder-{_digest(folder)}"
        base = _base_of(folder)
        return found if base is None else f"{found} on {base} {revision_of(base)}"
    known = model_file(model, "config.json", revision)
    parts = () if known is None else known.parts
    return parts[parts.index("snapshots") + 1][:12] if "snapshots" in parts else revision


def _base_of(folder: Path) -> str | None:
    """Return the model that an adapter is for; None where this is no adapter."""
    try:
        found = json.loads((folder / "adapter_config.json").read_bytes())
    except (OSError, ValueError):
        return None
    base = found.get("base_model_name_or_path") if isinstance(found, dict) else None
    return base if isinstance(base, str) and base else None


def _files_of(folder: Path) -> list[Path]:
    """Return the files of a model: not what training or other programs have left beside them."""
    weights = [file for file in folder.iterdir() if file.suffix in _WEIGHTS and file.name not in _OF_TRAINING]
    return sorted([*weights, *(file for file in folder.iterdir() if file.name in _SMALL)])


def _digest(folder: Path) -> str:
    known = blake2b(digest_size=6)
    for file in _files_of(folder):
        known.update(f"{file.name} {file.stat().st_size} ".encode())
        known.update(_ends(file))
    return known.hexdigest()


def times_of(model: str) -> list[int]:
    """Return when each file of a model's folder was written, in nanoseconds; none of a model on the hub."""
    folder = Path(model)
    base = _base_of(folder)
    own = [file.stat().st_mtime_ns for file in _files_of(folder)] if folder.is_dir() else []
    return own if base is None else [*own, *times_of(base)]


def content_of(name: str, *, apart: Path) -> str | None:
    """Return a digest of a file, or of the files of a folder: their names, sizes and times, and the ends of tables.

    None where there is no such file or folder: it has another source, such as a function or the hub. What is written
    *apart* may lie in the folder, with what belongs to it, and does not count.
    """
    path, own = Path(name), (apart.name, f".{apart.name}")
    if not path.exists():
        return None
    known = blake2b(digest_size=8)
    for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
        if file.name.startswith(own) and file.parent.resolve() == apart.parent.resolve():
            continue
        stat = file.stat()
        known.update(f"{file.relative_to(path)} {stat.st_size} {stat.st_mtime_ns} ".encode("utf-8", "surrogateescape"))
        if file == path or file.suffix in _TABLES:
            known.update(_ends(file))
    return known.hexdigest()


def _ends(file: Path) -> bytes:
    size = file.stat().st_size
    with file.open("rb") as content:
        first = content.read(_END)
        content.seek(max(len(first), size - _END))
        return first + content.read(_END)


def packages(names: Iterable[str]) -> str:
    """Return the versions of the packages that are installed among some.

    >>> packages(["no-such-package"])
    ''
    """
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def pixels_of(processor: Any) -> str | None:
    """Return the sizes that a processor brings images to, or None where it does not say."""
    images = getattr(processor, "image_processor", None)
    size = getattr(images, "size", None)
    if size is None:
        return None
    plain = dict(size)
    if {"shortest_edge", "longest_edge"} <= {name for name, value in plain.items() if value is not None}:
        return f"{plain['shortest_edge']}-{plain['longest_edge']}"
    return json.dumps({name: value for name, value in plain.items() if value is not None}, separators=(",", ":"))
