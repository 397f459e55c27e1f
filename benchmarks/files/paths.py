"""Which files are meant: a name, a pattern, a folder, or an address such as ``hf://datasets/org/name/rows.parquet``."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from io import RawIOBase

STREAM: Final = "-"
"""The name of standard input."""

METADATA: Final = "metadata.jsonl"
"""The rows of a folder of images, as `imagefolder` of `datasets` reads it and `star data` writes it."""

_COMPLETIONS: Final = "completions"  # in the output folder of a trainer
_COMPRESSED: Final = (".gz", ".zst", ".xz", ".bz2")
_ROWS: Final = (".jsonl", ".ndjson", ".parquet", ".arrow", ".csv", ".tsv", ".xlsx", ".eval")
_DOCUMENT: Final = ".json"  # in a folder, settings and results as often as rows: read where there is nothing else


def find_files(given: Iterable[str]) -> list[str]:
    """Return the files that some names mean, those of a folder or a pattern in natural order.

    Args:
        given: files, ``-``, folders, patterns (``runs/*.parquet``), and addresses of any of these that fsspec knows.
            A folder that `datasets` saved counts as one file. Of a folder with ``metadata.jsonl`` that file is meant,
            of a trainer's output folder the tables in ``completions/``, of others the files of rows, or, where there
            are none, those of the folders in it.

    Raises:
        DataError: there is no such file; a folder holds no files of rows, or files of several kinds.
        ConfigError: the client of an address is not installed.
    """
    files: list[str] = []
    among: set[str] = set()  # those of patterns and folders, which may overlap; a name that is given twice counts twice
    for name in given:
        found = _meant(name)
        if list(found) != [name]:
            found = [file for file in found if file not in files]
            among.update(found)
        elif name in among:
            continue
        files += found
    return files


def given_twice(files: Iterable[str], starts: Mapping[str, object] = MappingProxyType({})) -> dict[str, str]:
    """Return the files that stand more than once among some, each with how that is known.

    Args:
        files: by whatever name (a link, too).
        starts: file -> what two files share iff they begin with the same rows, as a copy does, whatever compresses it.

    >>> given_twice(["runs/a.jsonl", "b.jsonl", "runs/../runs/a.jsonl", "-"], {"b.jsonl": 7, "runs/a.jsonl": 7})
    {'b.jsonl': 'it begins with the rows of runs/a.jsonl', 'runs/../runs/a.jsonl': 'the file is given more than once'}
    """
    names: set[object] = set()
    begun: dict[object, str] = {}
    found: dict[str, str] = {}
    for name in files:
        file, start = _identity(name), starts.get(name)
        if file in names:
            found.setdefault(name, "the file is given more than once")
        elif start is not None and begun.setdefault(start, name) != name:
            found[name] = f"it begins with the rows of {begun[start]}"
        names.add(file)
    return found


def _identity(name: str) -> object:
    """Return what two names of one file share."""
    if name == STREAM or is_address(name):
        return name
    path = Path(name).resolve()
    with suppress(OSError):  # a hard link is the same file under a path of its own
        about = path.stat()
        return (about.st_dev, about.st_ino) if about.st_ino else path
    return path


def missing_shards(files: Iterable[str]) -> list[str]:
    """Say of which sets of numbered files, as ``train-00000-of-00003.parquet``, only some are there.

    >>> missing_shards(["a-00000-of-00003.jsonl", "a-00002-of-00003.jsonl", "b-1-of-2.jsonl", "b-2-of-2.jsonl"])
    ['a-*-of-00003.jsonl: 1 of 3 files is not among those given: 00001']
    """
    sets: dict[tuple[str, ...], set[str]] = {}
    for name in files:
        if match := _SHARD.fullmatch(name):
            before, number, count, after = match.groups()
            sets.setdefault((before, count, after), set()).add(number)
    said = []
    for (before, count, after), numbers in sets.items():
        first = int(any(int(number) == int(count) for number in numbers))  # they count from 0 or from 1
        width = len(next(iter(numbers)))
        absent = [f"{at:0{width}}" for at in range(first, int(count) + first) if f"{at:0{width}}" not in numbers]
        if absent and len(numbers) <= int(count):
            shown = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
            are = "are" if len(absent) > 1 else "is"
            said.append(
                f"{before}*-of-{count}{after}: {len(absent)} of {int(count)} files {are} not among those given: {shown}"
            )
    return said


_SHARD: Final = re.compile(r"(.*?)(\d{1,9})-of-(\d{1,9})([^/\d][^/]*)")


def is_address(path: str) -> bool:
    """Return whether a path is an address, as ``hf://datasets/org/name`` is.

    >>> is_address("s3://bucket/rows.jsonl"), is_address("rows.jsonl")
    (True, False)
    """
    return "://" in path


def is_data_set(path: str) -> bool:
    """Return whether a folder is one that `save_to_disk` of `datasets` wrote, and not several splits."""
    place = Path(path)
    return not is_address(path) and (place / "state.json").is_file() and (place / "dataset_info.json").is_file()


def file_size(path: str) -> int:
    """Return the bytes of a file, or of all files of a folder; 0 where nobody can say."""
    if path == STREAM:
        return 0
    if is_address(path):
        system, name = _file_system(path)
        return int(system.size(name) or 0)
    place = Path(path)
    return sum(each.stat().st_size for each in place.iterdir()) if place.is_dir() else place.stat().st_size


def open_address(path: str) -> RawIOBase:
    """Open the file at an address.

    Raises:
        DataError: there is no such file, or the other side does not give it.
        ConfigError: the client is not installed.
    """
    system, name = _file_system(path)
    try:
        return cast("RawIOBase", system.open(name, "rb"))
    except Exception as error:  # each client has errors of its own
        raise DataError(f"{path}: {client_reason(error)}") from error


def suffix(path: str) -> str:
    """Return the suffix that says what a file holds, in lower case.

    >>> suffix("runs/rows.CSV.gz"), suffix("rows")
    ('.csv', '')
    """
    name = path.rsplit("/", 1)[-1].lower()
    for packed in _COMPRESSED:
        name = name.removesuffix(packed)
    return Path(name).suffix


def in_natural_order(names: Iterable[str]) -> list[str]:
    """Sort names as people count.

    >>> in_natural_order(["10.jsonl", "9.jsonl", "a.jsonl"])
    ['9.jsonl', '10.jsonl', 'a.jsonl']
    """
    # Texts and numbers take turns, so that the same places are always of the same type.
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])


def _meant(name: str) -> Sequence[str]:
    if name == STREAM:
        return [name]
    if is_address(name):
        return _at_address(name)
    place = Path(name)
    if (place / "dataset_dict.json").is_file():
        return [_only_split(name)]
    if place.is_dir():
        return [name] if is_data_set(name) else _in_folder(name)
    if place.exists():
        return [name]
    if has_magic(name) and (matches := glob(name, recursive=True)):  # noqa: PTH207  with its own first folder
        return [file for match in in_natural_order(matches) for file in _meant(match)]
    raise DataError(_absent(place))


def _only_split(folder: str) -> str:
    splits = json.loads((Path(folder) / "dataset_dict.json").read_text(encoding="utf-8")).get("splits", [])
    if len(splits) != 1:
        named = f"name one, as in {Path(folder) / splits[0]}" if splits else "it is damaged"
        raise DataError(f"{folder}: a data set with the splits {', '.join(splits) or 'none'}; {named}")
    return str(Path(folder) / splits[0])


def _in_folder(folder: str) -> Sequence[str]:
    place = Path(folder)
    if (place / METADATA).is_file():
        return [str(place / METADATA)]
    if (place / _COMPLETIONS).is_dir():
        return _in_folder(str(place / _COMPLETIONS))
    here = [str(each) for each in place.iterdir() if each.is_file()]
    below = (str(each) for each in place.rglob("*") if each.is_file())
    found = _of_one_kind(folder, here) or _of_one_kind(folder, _shown(folder, below))
    if not found:
        seen = ", ".join(sorted(Path(name).name for name in here)[:5])
        raise DataError(f"{folder}: the folder holds no file of rows ({', '.join(_ROWS)}){seen and f' but {seen}'}")
    parents = {name: str(Path(name).parent) for name in found}
    return list(dict.fromkeys(parents[name] if is_data_set(parents[name]) else name for name in found))


def _shown(folder: str, names: Iterable[str]) -> list[str]:
    """Leave out what is hidden, as ``.cache/`` and ``_SUCCESS`` are."""
    start = len(folder.rstrip("/")) + 1
    return [name for name in names if not any(part[:1] in (".", "_") for part in name[start:].split("/"))]


def _of_one_kind(folder: str, files: Iterable[str]) -> list[str]:
    """Return the files of rows in their order; of several kinds it is not for us to say which are meant."""
    kinds: dict[str, list[str]] = {}
    for name in _shown(folder, files):
        kinds.setdefault(suffix(name), []).append(name)
    known = {kind: found for kind, found in kinds.items() if kind in _ROWS}
    if not known and _DOCUMENT in kinds:
        known = {_DOCUMENT: kinds[_DOCUMENT]}
    if len(known) > 1:
        counts = ", ".join(f"{len(found)} {kind}" for kind, found in sorted(known.items()))
        pattern = f"{folder.rstrip('/')}/*{min(known)}"
        raise DataError(f"{folder}: the folder holds files of several kinds ({counts}); say which: '{pattern}'")
    return in_natural_order(next(iter(known.values()), []))


def _absent(place: Path) -> str:
    """Say that there is no such file, and what is nearly called so."""
    if has_magic(str(place)):
        return f"{place}: no file matches this pattern"
    folder = place.parent
    while not folder.is_dir():
        place, folder = folder, folder.parent
    names = {each.name.lower(): each.name for each in folder.iterdir()}
    near = get_close_matches(place.name.lower(), names, n=1, cutoff=0.7)
    hint = f"; did you mean {str(folder / names[near[0]])!r}?" if near else ""
    return f"{place}: does not exist{hint}"


# --- addresses --------------------------------------------------------------------------------------------------------


def _file_system(path: str) -> tuple[Any, str]:
    """Return the file system of an address, and the name there."""
    protocol = path.partition("://")[0]
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415  only addresses need it

        system, name = url_to_fs(path)
    except ImportError as error:
        client = {"hf": "huggingface_hub", "s3": "s3fs", "gs": "gcsfs", "http": "aiohttp", "https": "aiohttp"}
        package = f"fsspec {client.get(protocol, '')}".rstrip()
        raise ConfigError(f"{path}: reading {protocol}:// needs its client: pip install {package}") from error
    except ValueError as error:
        raise DataError(f"{path}: {client_reason(error)}") from error
    return system, name


def _at_address(path: str) -> Sequence[str]:
    system, name = _file_system(path)
    protocol = path.partition("://")[0]

    def full(names: Iterable[str]) -> list[str]:
        return [each if is_address(each) else f"{protocol}://{each.removeprefix('/')}" for each in names]

    try:
        if has_magic(name) and not system.exists(name):
            return in_natural_order(full(system.glob(name))) or _no_such(path)
        if system.isfile(name):
            return [path]
        if system.isdir(name):
            return _of_one_kind(path, full(system.find(name))) or _no_such(path)
    except DataError:
        raise
    except Exception as error:  # as above
        raise DataError(f"{path}: {client_reason(error)}") from error
    return _no_such(path)


def _no_such(path: str) -> Sequence[str]:
    raise DataError(f"{path}: there is no such file of rows")


def client_reason(error: Exception) -> str:
    """Return in one line what a client raised."""
    return " ".join(f"{type(error).__name__}: {error}".split())
