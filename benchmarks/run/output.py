"""Where output rows go: a file that appears whole, or a folder of numbered parts that the same command completes.

One process writes at a time: it holds a lock until the end, and a second one is refused with the name of the first.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from benchmarks.extras import need
from benchmarks.files.lock import locked
from benchmarks.files.paths import is_address
from benchmarks.files.sources import is_stream
from benchmarks.files.write import need_folder, path_beside, refuse_input, remove_partials, whole_file, write_whole
from benchmarks.run.parts import Part
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.run.parts import PartResult

    Schema = Mapping[str, Any]
    """Field of a row -> ``float``, ``int``, ``bool``, ``str``, or a mapping of the same."""


def fingerprint(files: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the output depends on: the files, by size and time of change, and the settings.

    Of a stream and of a file at an address only the name is known.

    Raises:
        DataError: a file is not there.
    """
    try:
        inputs = {path: _stat(Path(path)) for path in files if not is_stream(path) and not is_address(path)}
    except OSError as error:
        raise DataError(f"{error.filename}: {error.strerror}") from error
    plain: dict[str, Any] = json.loads(
        msgspec.json.encode({"files": list(files), "inputs": inputs, "settings": settings}, enc_hook=str)
    )
    return plain


def _stat(path: Path) -> tuple[int, int]:
    """Return the size of a file, or of the files of a folder, and when the last of them was changed."""
    stats = [each.stat() for each in (path.iterdir() if path.is_dir() else [path])]
    return sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)


def check_unchanged(run: Mapping[str, Any]) -> None:
    """Raise a DataError if a file is no longer as it was when its `fingerprint` was taken."""
    now = fingerprint([*run["inputs"]], {})["inputs"]
    if changed := [path for path, stat in run["inputs"].items() if now[path] != stat]:
        raise DataError(f"{', '.join(changed)} changed while being read; score it again")


def is_folder(out: str) -> bool:
    """Return whether ``--out`` means a folder of parts."""
    return out.endswith(("/", os.sep)) or Path(out).is_dir()


# --- a file ----------------------------------------------------------------------------------------------------------


class Lines(Protocol):
    """Takes output rows."""

    def write(self, lines: bytes, /) -> object:
        """Append rows as lines of JSON, or a piece of such lines."""


@contextmanager
def output_file(out: str, run: Mapping[str, Any], schema: Schema, *, overwrite: bool) -> Iterator[Lines]:
    """Give what takes output rows; they appear as a file, all of them, when the block ends.

    Args:
        out: ``.jsonl``, or ``.parquet``.
        run: the `fingerprint` of the run.
        schema: of a row.
        overwrite: whether *out* may be there already.

    Raises:
        ConfigError: *out* cannot be written, already exists, or is being written by another process.
    """
    path = Path(out)
    if path.suffix not in (".jsonl", ".parquet"):
        raise ConfigError(f"{out}: --out ends in .jsonl or .parquet, or in / for a folder of parts")
    if path.suffix == ".parquet":
        _import_parquet(path)
    need_folder(out)
    refuse_input(path, run["inputs"])
    with locked(path, out):
        if path.exists() and not overwrite:
            raise ConfigError(f"{out} already exists; --overwrite replaces it")
        remove_partials(path)
        if path.suffix == ".jsonl":
            with whole_file(path, "wb") as file:
                yield file
        else:
            with path_beside(path) as partial, _parquet_rows(partial, schema) as rows:
                yield rows


@contextmanager
def folder_beside(out: str) -> Iterator[str]:
    """Give a folder beside a file, for the parts of which it is put together."""
    path = Path(os.path.realpath(out))
    folder = path.with_name(f".{path.name}.parts")
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed, since the lock is held
    folder.mkdir()
    try:
        yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import_parquet(path: Path) -> list[Any]:
    package, purpose = "'star-r1[scale]'", f"{path}: writing Parquet"
    return [need(module, package=package, purpose=purpose) for module in ("pyarrow", "pyarrow.parquet")]


class _ParquetRows:
    """Takes lines of JSON and writes a table of them now and then."""

    def __init__(self, write: Callable[[list[dict[str, Any]]], None]) -> None:
        self._write = write
        self._held = bytearray()

    def write(self, lines: bytes) -> None:
        self._held += lines
        if len(self._held) >= _TABLE_BYTES:
            self.flush()

    def flush(self) -> None:
        end = self._held.rfind(b"\n") + 1
        if end:
            self._write(_decode_lines(self._held[:end]))
            del self._held[:end]


_TABLE_BYTES = 1 << 20  # of JSON, of which a row group is made
_decode_lines = msgspec.json.Decoder(dict[str, Any]).decode_lines


@contextmanager
def _parquet_rows(path: Path, schema: Schema) -> Iterator[_ParquetRows]:
    pa, parquet = _import_parquet(path)
    types = pa.schema(_arrow_fields(pa, schema))
    with parquet.ParquetWriter(path, types) as writer:
        rows = _ParquetRows(
            lambda some: writer.write_table(pa.Table.from_pylist([_typed(row, schema) for row in some], schema=types))
        )
        yield rows
        rows.flush()


def _arrow_fields(pa: Any, schema: Schema) -> list[tuple[str, Any]]:
    types = {float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
    return [
        (name, types[kind] if isinstance(kind, type) else pa.struct(_arrow_fields(pa, kind)))
        for name, kind in schema.items()
    ]


def _typed(row: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Return a row with text where the schema has text: ids may be numbers or text, and a column has one type."""
    return {name: _typed_value(value, schema[name]) for name, value in row.items()}


def _typed_value(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if not isinstance(kind, type):
        return _typed(value, kind)
    return json.dumps(value) if kind is str and not isinstance(value, str) else value


# --- a folder --------------------------------------------------------------------------------------------------------

MANIFEST = "manifest.json"


@contextmanager
def output_folder(
    out: str, run: Mapping[str, Any], parts: Callable[[], Sequence[Part]], *, overwrite: bool
) -> Iterator[list[Part]]:
    """Give the parts whose output rows a folder is to hold; what is there of an earlier run with the same goes on.

    ``part-00000.jsonl``, ... hold the output rows, one after the other the same bytes as one file. ``manifest.json``
    says which part of which file each is of; `write_manifest` adds in the end what was made of it.

    Args:
        out: the folder; it is made if it is not there.
        run: the `fingerprint` of the run.
        parts: cuts the files.
        overwrite: whether to remove the parts of another run.

    Raises:
        ConfigError: the folder holds something else, or is being written by another process.
    """
    folder = Path(out)
    if streams := [path for path in run["files"] if is_stream(path)]:
        raise ConfigError(f"{out}: parts are made of files, which can be read again, and not of {streams[0]}")
    if not folder.resolve().parent.is_dir():
        raise ConfigError(f"{out}: there is no folder {folder.resolve().parent}")
    folder.mkdir(exist_ok=True)
    manifest = folder / MANIFEST
    with locked(manifest, out):
        _remove(folder, ".part-*.partial", "..part-*.partial")
        found = _read_manifest(manifest)
        if found is None and (others := [each.name for each in folder.iterdir() if each.name[0] != "."]):
            raise ConfigError(f"{out} holds {others[0]!r}, which is none of ours; name an empty folder")
        if found is not None and found["run"] != run:
            if not overwrite:
                changed = [name for name in run if found["run"].get(name) != run[name]]
                raise ConfigError(
                    f"{out} holds the parts of a run with other {' and '.join(changed)}; --overwrite removes them"
                )
            found = None
        if found is None or overwrite:
            _remove(folder, "part-*.jsonl", ".part-*.tally")
            found = {"run": run, "parts": [describe(part) for part in parts()]}
            write_manifest(out, run, found["parts"])
        yield [Part(number, part["input"], part["start"], part["end"]) for number, part in enumerate(found["parts"])]


def write_manifest(out: str, run: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> None:
    """Write down which parts a folder holds, see `describe`."""
    write_whole(Path(out, MANIFEST), json.dumps({"run": run, "parts": parts}, indent=1) + "\n")


def describe(part: Part, result: PartResult | None = None) -> dict[str, Any]:
    """Return what the manifest says of a part, before and after it was made."""
    plain = {"name": part.name, "input": part.path, "start": part.start, "end": part.stop}
    if result is None:
        return plain
    errors = len(result.errors)
    made = {"first_line": part.line + 1, "rows": result.scored + errors, "errors": errors}
    return plain | made | {"bytes": result.size, "sha256": result.sha256}


def _read_manifest(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(f"{path} cannot be read ({error}); remove it and its parts to start again") from error
    if not isinstance(found, dict) or not {"run", "parts"} <= found.keys():
        raise ConfigError(f"{path} is none of ours; name an empty folder")
    return found


def _remove(folder: Path, *patterns: str) -> None:
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        path.unlink(missing_ok=True)
