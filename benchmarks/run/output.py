"""One output row for each input row, written so that a killed run goes on where it was, and a finished one is whole."""

from __future__ import annotations

import json
import os
from glob import escape
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from benchmarks.extras import need
from benchmarks.files.paths import is_address
from benchmarks.files.sources import is_stream, read_chunks
from benchmarks.files.write import path_beside, remove_partials, write_whole
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Schema = Mapping[str, Any]

_encode_lines = msgspec.json.Encoder(enc_hook=str).encode_lines


def fingerprint(files: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be the same when a run is resumed: the files by size and time of change, and the options."""
    try:
        stats = {path: Path(path).stat() for path in files if not is_stream(path) and not is_address(path)}
    except OSError as error:
        raise DataError(f"{error.filename}: {error.strerror}") from error
    inputs = {path: [stat.st_size, stat.st_mtime_ns] for path, stat in stats.items()}
    plain: dict[str, Any] = json.loads(
        msgspec.json.encode({"files": list(files), "inputs": inputs, **options}, enc_hook=str)
    )
    return plain


class Output:
    """The file OUT while it is written: ``OUT.partial``, beside it ``OUT.partial.checkpoint``; renamed at the end.

    Rows are written as JSON Lines. Where OUT ends in ``.parquet``, they are converted at the end.

    Args:
        path: OUT, ``.jsonl`` or ``.parquet``.
        schema: field of a row -> ``float``, ``int``, ``bool``, ``str``, or a mapping of the same.
        run: the `fingerprint` of the run.
        overwrite: whether OUT, or what is left of an earlier run, may be replaced.
        resume: whether to go on with what is left of an earlier run, if there is any.

    Attributes:
        state: what the last checkpoint of the earlier run holds, or None where the run starts anew.

    Raises:
        ConfigError: if OUT is there already, or an unfinished run that cannot or should not be resumed.
    """

    def __init__(
        self, path: str, *, schema: Schema, run: Mapping[str, Any], overwrite: bool = False, resume: bool = False
    ) -> None:
        self.path = Path(path)
        self.schema = schema
        self.partial = Path(f"{path}.partial")
        self.state: dict[str, Any] | None = None
        self._checkpoint = Path(f"{path}.partial.checkpoint")
        self._run = run
        self._check(overwrite=overwrite, resume=resume)
        remove_partials(self.path)
        remove_partials(self._checkpoint)
        if resume and self.partial.exists() and self._checkpoint.exists():
            self.state = self._read_checkpoint()
            self._file: IO[bytes] = self.partial.open("r+b")
            self._file.truncate(self.state["bytes"])
            self._file.seek(0, os.SEEK_END)
        else:
            self._remove_checkpoint()
            self._file = self.partial.open("wb")

    def _check(self, *, overwrite: bool, resume: bool) -> None:
        if self.path.suffix not in (".jsonl", ".parquet"):
            raise ConfigError(f"{self.path}: --out ends in .jsonl or .parquet")
        if self.path.suffix == ".parquet":
            _import_parquet(self.path)
        if not self.path.parent.is_dir():
            raise ConfigError(f"{self.path}: there is no folder {self.path.parent}")
        if overwrite and resume:
            raise ConfigError("--resume goes on with a run and --overwrite starts it again; give one of them")
        if any(self.path.resolve() == Path(each).resolve() for each in self._run["inputs"]):
            raise ConfigError(f"{self.path}: the output is also an input")
        if overwrite or (resume and self.partial.exists()):
            return
        if self.path.exists():
            raise ConfigError(f"{self.path} is there already; --overwrite replaces it")
        if self.partial.exists():
            raise ConfigError(
                f"{self.partial} is left of an unfinished run; --resume goes on with it, --overwrite starts again"
            )

    def _read_checkpoint(self) -> dict[str, Any]:
        try:
            saved: dict[str, Any] = json.loads(self._checkpoint.read_bytes())
        except ValueError as error:
            raise ConfigError(f"{self._checkpoint} cannot be read ({error}); --overwrite starts again") from error
        if not isinstance(saved, dict) or not {"run", "bytes", "progress", "file", "end", "tally"} <= saved.keys():
            raise ConfigError(f"{self._checkpoint} is no checkpoint of a run; --overwrite starts again")
        changed = [name for name, value in self._run.items() if saved["run"].get(name) != value]
        if any(is_stream(path) for path in self._run["files"]):
            raise ConfigError("standard input cannot be resumed; --overwrite starts again")
        if changed or self.partial.stat().st_size < saved["bytes"]:
            what = ", ".join(changed) or self.partial.name
            raise ConfigError(
                f"{self.path}: cannot resume, since the run was started with other {what}; --overwrite starts again"
            )
        return saved

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows."""
        self._file.write(_encode_lines(rows))

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Make what was written so far last, and *state* with it. It is read back as `state` on the next run."""
        self._file.flush()
        os.fsync(self._file.fileno())
        saved = {**state, "bytes": self._file.tell(), "run": self._run}
        write_whole(self._checkpoint, json.dumps(saved))

    def finish(self) -> None:
        """Give the file its name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if self.path.suffix == ".parquet":
            with path_beside(self.path) as converted:
                _convert(self.partial, converted, self.schema)
            self.partial.unlink()
        else:
            self.partial.replace(self.path)
        self._remove_checkpoint()

    def close(self) -> None:
        """Close the file and leave what was written, to be resumed."""
        self._file.close()

    def discard(self) -> None:
        """Remove what was written."""
        self._file.close()
        self.partial.unlink(missing_ok=True)
        self._remove_checkpoint()

    def _remove_checkpoint(self) -> None:
        """Remove the checkpoint, and what kills left of others that were being written."""
        self._checkpoint.unlink(missing_ok=True)
        for left in self.path.parent.glob(f".{escape(self._checkpoint.name)}.*.partial"):
            left.unlink(missing_ok=True)


def _import_parquet(path: Path) -> list[Any]:
    package, purpose = "'star-r1[scale]'", f"{path}: writing Parquet"
    return [need(module, package=package, purpose=purpose) for module in ("pyarrow", "pyarrow.parquet")]


def _convert(source: Path, target: Path, schema: Schema) -> None:
    """Convert JSON Lines to Parquet, a chunk at a time."""
    pa, parquet = _import_parquet(target)
    types = pa.schema(_arrow_fields(pa, schema))
    with parquet.ParquetWriter(target, types) as writer:
        for chunk in read_chunks(str(source)):
            rows = [_typed(row, schema) for row in chunk.rows]
            writer.write_table(pa.Table.from_pylist(rows, schema=types))


def _arrow_fields(pa: Any, schema: Schema) -> list[tuple[str, Any]]:
    types = {float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
    return [
        (name, types[kind] if isinstance(kind, type) else pa.struct(_arrow_fields(pa, kind)))
        for name, kind in schema.items()
    ]


def _typed(row: Any, schema: Schema) -> dict[str, Any]:
    """Return a row with text where the schema has text: ids may be numbers or text, and a column has one type."""
    if not isinstance(row, dict):
        raise DataError(f"the unfinished output is damaged: {row}")
    return {name: _typed_value(value, schema[name]) for name, value in row.items()}


def _typed_value(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if not isinstance(kind, type):
        return _typed(value, kind)
    return json.dumps(value) if kind is str and not isinstance(value, str) else value
