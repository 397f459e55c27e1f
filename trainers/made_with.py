"""How predictions are made, as `star predict` writes it beside each of them, see `benchmarks.run.made_with`."""

from __future__ import annotations

import json
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".gguf")
_SMALL: Final = ("config.json", "adapter_config.json", "generation_config.json", "chat_template.jinja")
_END: Final = 64 * 1024  # bytes at either end of a file of weights that count


def revision_of(model: str, revision: str = "main") -> str:
    """Return what tells a model from others of its name: the commit on the hub, or a digest of a folder.

    The digest is of the configuration, and of each file of weights the name, the size and both ends: training changes
    these, and a model of many gigabytes need not be read. A name of which nothing is known is returned as it is asked
    for.
    """
    folder = Path(model)
    if folder.is_dir():
        return f"folder-{_digest(folder)}"
    from transformers.utils import cached_file

    found = cached_file(
        model,
        "config.json",
        revision=revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    parts = Path(found).parts if found else ()
    return parts[parts.index("snapshots") + 1][:12] if "snapshots" in parts else revision


def _digest(folder: Path) -> str:
    known = blake2b(digest_size=6)
    for file in sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS or path.name in _SMALL):
        size = file.stat().st_size
        known.update(f"{file.name} {size} ".encode())
        with file.open("rb") as content:
            known.update(content.read(_END))
            if size > _END:
                content.seek(max(_END, size - _END))
                known.update(content.read())
    return known.hexdigest()


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
