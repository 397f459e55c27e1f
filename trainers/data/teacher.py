"""Chains of thought from a model behind a server, resumed and counted.

What the server answered is in a journal on disk before its row is done, so that a run that is killed goes on where it
was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.files.lock import locked
from benchmarks.files.write import GrowingFile, cut_off, remove_partials, whole_file
from rewards.errors import ConfigError, DataError
from trainers.data.chat_client import Request, ask_all
from trainers.data.chat_messages import user_message
from trainers.data.files import json_line, refuse_existing
from trainers.data.training_rows import image_files, read_training_rows, rebased, rows_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trainers.data.chat_client import Answer, Endpoint, RetryPolicy
    from trainers.data.training_rows import OnProgress, Row


class Cost(NamedTuple):
    """What a run used, over all its parts.

    Attributes:
        prompt_tokens: as far as the server told.
        completion_tokens: likewise.
        untold: answers without a count.
        price: in the unit of the prices; None where no prices were given.
    """

    prompt_tokens: int
    completion_tokens: int
    untold: int
    price: float | None


class Taught(NamedTuple):
    """What became of the rows.

    Attributes:
        read: rows of the source.
        written: rows with a chain, those of earlier runs included.
        resumed: rows that an earlier run had got.
        failed: rows without one; the same command tries them again.
        cost: of all chains.
    """

    read: int
    written: int
    resumed: int
    failed: int
    cost: Cost


def teach(
    source: Path,
    out: Path,
    endpoint: Endpoint,
    *,
    retry: RetryPolicy | None = None,
    prices: tuple[float, float] | None = None,
    image_roots: Sequence[Path] = (),
    overwrite: bool = False,
    on_error: Callable[[str], None] | None = None,
    on_progress: OnProgress | None = None,
) -> Taught:
    """Ask a model for the chain of every row.

    Every answer is kept in ``OUT.journal`` as soon as it is there. At the end OUT has the rows with ``completion``,
    ``teacher`` and ``finish_reason``, in the order of the source; rows that failed are in ``OUT.failed``, with the
    reason, and the journal stays, so that the same command goes on with them.

    Args:
        source: rows, see `trainers.data.training_rows.read_training_rows`.
        out: JSON Lines.
        endpoint: the server and the model.
        retry: how requests are made.
        prices: of a million tokens of prompts and of completions.
        image_roots: folders that images may lie in, besides that of the source; links are followed.
        overwrite: whether OUT may be replaced where no journal shows that it belongs to this run.
        on_error: takes what is wrong with a row.
        on_progress: takes the number done and the total.

    Raises:
        ConfigError: the server refuses every request, or many rows failed one after the other without an answer; what
            was answered before is in the journal. Or another process writes OUT.
        DataError: the source cannot be opened.
    """
    with locked(out, str(out)):
        refuse_existing(out, source=source, overwrite=overwrite or _journal(out).exists())
        remove_partials(out)
        remove_partials(_failed(out))
        return _teach(
            source,
            out,
            endpoint,
            retry=retry,
            prices=prices,
            image_roots=image_roots,
            on_error=on_error,
            on_progress=on_progress,
        )


def _journal(out: Path) -> Path:
    return out.with_name(f"{out.name}.journal")


def _failed(out: Path) -> Path:
    return out.with_name(f"{out.name}.failed")


def _teach(
    source: Path,
    out: Path,
    endpoint: Endpoint,
    *,
    retry: RetryPolicy | None,
    prices: tuple[float, float] | None,
    image_roots: Sequence[Path],
    on_error: Callable[[str], None] | None,
    on_progress: OnProgress | None,
) -> Taught:
    journal_path, failed_path = _journal(out), _failed(out)
    rows = list(read_training_rows(source))
    folder = rows_file(source).parent
    journal = Journal(journal_path, _settings(source, endpoint))
    failures: dict[str, str] = {where: str(row) for where, row in rows if isinstance(row, DataError)}
    for message in failures.values():
        _tell(on_error, message)
    open_rows = {where: row for where, row in rows if isinstance(row, dict) and _key(where) not in journal.found}
    resumed = done = len(rows) - len(open_rows)
    resumed -= len(failures)

    def request(where: str, row: Row) -> Callable[[], Request]:
        folders = [folder, *image_roots]
        return lambda: Request([user_message(str(row["prompt"]), image_files(row, folder, where), folders=folders)])

    def keep(where: str, answer: Answer) -> str | None:
        failure = _failure(answer)
        if failure is None:
            journal.add(_key(where), _entry(answer))
        return failure

    def on_done(where: str, failure: Exception | None) -> None:
        nonlocal done
        done += 1
        if failure is not None:
            failures[where] = f"{where}: {failure}"
            _tell(on_error, failures[where])
        if on_progress is not None:
            on_progress(done, len(rows))

    try:
        requests = ((where, request(where, row)) for where, row in open_rows.items())
        ask_all(endpoint, requests, keep=keep, on_done=on_done, retry=retry)
    finally:
        journal.close()
    _write(
        rows,
        journal.found,
        failures,
        source=folder,
        out=out,
        failed=failed_path,
        teacher=endpoint.model,
    )
    if not failures:
        journal_path.unlink()
        failed_path.unlink(missing_ok=True)
    cost = _cost([journal.found[_key(where)] for where, _ in rows if _key(where) in journal.found], prices)
    return Taught(len(rows), len(rows) - len(failures), resumed, len(failures), cost)


def _failure(answer: Answer) -> str | None:
    """Return why an answer is no chain of thought."""
    reply = answer.replies[0]
    if reply.refused:
        return f"the teacher refuses: {' '.join((reply.refusal or 'filtered by the server').split())[:300]}"
    if not reply.answered:
        cut = "; a greater max_tokens may help" if reply.truncated else ""
        return f"the teacher's answer is empty (finish_reason {reply.finish_reason!r}{cut})"
    return None


def _entry(answer: Answer) -> dict[str, Any]:
    """Return what the journal keeps of an answer."""
    reply = answer.replies[0]
    counts = {"prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.completion_tokens}
    return {"text": reply.text, "finish_reason": reply.finish_reason} | counts


def _tell(on_error: Callable[[str], None] | None, message: str) -> None:
    if on_error is not None:
        on_error(message)


def _key(where: str) -> str:
    """Return the key of a row in the journal: its line."""
    return where.rpartition(":")[2]


def _settings(source: Path, endpoint: Endpoint) -> dict[str, Any]:
    file = rows_file(source)
    stat = file.stat() if file.exists() else None
    return {
        "source": [file.name, stat.st_size, stat.st_mtime_ns] if stat else [file.name],
        "base_url": endpoint.base_url,
        "model": endpoint.model,
        "body": dict(endpoint.body),
    }


def _write(
    rows: list[tuple[str, Row | DataError]],
    answers: dict[str, Any],
    failures: dict[str, str],
    *,
    source: Path,
    out: Path,
    failed: Path,
    teacher: str,
) -> None:
    """Write the rows with their chains, and those that got none."""
    with whole_file(out) as good, whole_file(failed) as bad:
        for where, row in rows:
            record: Row = {} if isinstance(row, DataError) else row
            if where in failures:
                bad.write(json_line({**rebased(record, source, out.parent), "failed": failures[where]}))
                continue
            answer = answers[_key(where)]
            chain = {"completion": answer["text"], "teacher": teacher, "finish_reason": answer["finish_reason"]}
            good.write(json_line({**rebased(record, source, out.parent), **chain}))


def _cost(answers: list[dict[str, Any]], prices: tuple[float, float] | None) -> Cost:
    tokens = [sum(answer[name] or 0 for answer in answers) for name in ("prompt_tokens", "completion_tokens")]
    untold = sum(answer["prompt_tokens"] is None or answer["completion_tokens"] is None for answer in answers)
    price = sum(n * each for n, each in zip(tokens, prices, strict=True)) / 1e6 if prices else None
    return Cost(tokens[0], tokens[1], untold, price)


class Journal:
    """A file of JSON lines that only grows: first what the run was started with, then ``{"key": ..., ...}``.

    Args:
        path: the file; it is made if it is not there.
        settings: what must be the same for the run to go on.

    Attributes:
        found: key -> entry, of what was there already and of what was added.

    Raises:
        ConfigError: the file is of another run.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        wanted = json.loads(json.dumps(settings))
        entries = _whole_lines(path)
        if entries and entries[0] != {"settings": wanted}:
            old = entries[0].get("settings", {})
            other = ", ".join(name for name, value in wanted.items() if old.get(name) != value) or "settings"
            raise ConfigError(f"{path} is of a run with other {other}; remove it, or name another output")
        self.found: dict[str, Any] = {entry["key"]: entry for entry in entries[1:]}
        self._file = GrowingFile(path)
        if not entries:
            try:
                self._append({"settings": wanted})
            except OSError:
                self.close()
                raise

    def add(self, key: str, entry: Mapping[str, Any]) -> None:
        """Write one entry; once this returns, it lasts."""
        self._append({"key": key, **entry})
        self.found[key] = dict(entry)

    def _append(self, record: Mapping[str, Any]) -> None:
        self._file.append(json_line(record).encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a file; what a kill left half written at its end is cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    kept = content[: content.rfind(b"\n") + 1]
    if len(kept) < len(content):
        cut_off(path, len(kept))
    try:
        entries = [json.loads(line) for line in kept.splitlines()]
        if all(isinstance(entry, dict) for entry in entries) and all("key" in entry for entry in entries[1:]):
            return entries
    except ValueError:
        pass
    raise ConfigError(f"{path} already exists and is no journal of such a run; name another output")
