"""Chains of thought from a model behind a server: many requests at once, tried again, resumed, counted.

What the server answered is in a journal on disk before the next request, so that a run that is killed goes on where it
was; all workers share one clock, which holds them back where the server asks for it.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt  # noqa: TC002  pydantic reads them

from benchmarks.files.write import whole_file
from rewards.errors import ConfigError, DataError
from trainers.data.chat_client import TryAgainError, ask, user_message
from trainers.data.files import json_line, refuse_existing
from trainers.data.training_rows import image_files, read_training_rows, rebased, rows_file
from trainers.scenes.validation import CheckedSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from trainers.data.chat_client import Endpoint, Reply
    from trainers.data.training_rows import OnProgress, Row

LOST: Final = 20
"""Rows that fail one after the other until the run is given up: then it is not the rows."""


class RetryPolicy(CheckedSettings):
    """How a run goes about a server.

    Attributes:
        concurrency: requests under way at the same time.
        per_minute: greatest number of requests that start in a minute; None: no limit.
        tries: of each row, at least 1.
        first_pause: seconds before the second try; before each further one twice as long, by chance a little less.
        longest_pause: seconds.
    """

    concurrency: PositiveInt = 8
    per_minute: PositiveFloat | None = None
    tries: PositiveInt = 6
    first_pause: NonNegativeFloat = 1.0
    longest_pause: NonNegativeFloat = 60.0


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


class Failure(NamedTuple):
    """Why a row got no chain."""

    message: str
    served: bool  # whether the server did answer


def teach(
    source: Path,
    out: Path,
    endpoint: Endpoint,
    *,
    retry: RetryPolicy | None = None,
    prices: tuple[float, float] | None = None,
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
        overwrite: whether OUT may be replaced where no journal shows that it belongs to this run.
        on_error: takes what is wrong with a row.
        on_progress: takes the number done and the total.

    Raises:
        ConfigError: the server refuses every request, or `LOST` rows failed one after the other without an answer;
            what was answered before is in the journal.
        DataError: the source cannot be opened.
    """
    journal_path, failed_path = (out.with_name(f"{out.name}.{ending}") for ending in ("journal", "failed"))
    refuse_existing(out, overwrite=overwrite or journal_path.exists())
    rows = list(read_training_rows(source))
    journal = Journal(journal_path, _settings(source, endpoint))
    failures: dict[str, str] = {where: str(row) for where, row in rows if isinstance(row, DataError)}
    for message in failures.values():
        _tell(on_error, message)
    open_rows = {where: row for where, row in rows if isinstance(row, dict) and _key(where) not in journal.found}
    resumed = len(rows) - len(failures) - len(open_rows)
    run = _Run(endpoint, retry or RetryPolicy(), rows_file(source).parent, journal)
    try:
        for done, (where, failure) in enumerate(run.outcomes(open_rows), start=len(rows) - len(open_rows) + 1):
            if failure is not None:
                failures[where] = failure.message
                _tell(on_error, failure.message)
            if on_progress is not None:
                on_progress(done, len(rows))
    finally:
        journal.close()
    _write(
        rows,
        journal.found,
        failures,
        source=rows_file(source).parent,
        out=out,
        failed=failed_path,
        teacher=endpoint.model,
    )
    if not failures:
        journal_path.unlink()
        failed_path.unlink(missing_ok=True)
    cost = _cost([journal.found[_key(where)] for where, _ in rows if _key(where) in journal.found], prices)
    return Taught(len(rows), len(rows) - len(failures), resumed, len(failures), cost)


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


class _Run:
    """The requests of one run."""

    def __init__(self, endpoint: Endpoint, retry: RetryPolicy, folder: Path, journal: Journal) -> None:
        self.endpoint, self.retry, self.folder, self.journal = endpoint, retry, folder, journal
        self.stop = threading.Event()
        self.pace = Pace(retry.per_minute, self.stop)

    def outcomes(self, rows: Mapping[str, Row]) -> Iterator[tuple[str, Failure | None]]:
        """Yield each row's place, and why it failed if it did, as they come; answers are in the journal by then.

        Raises:
            ConfigError: it makes no sense to go on.
        """
        lost = 0
        with ThreadPoolExecutor(self.retry.concurrency) as pool:
            futures: dict[Future[Failure | None], str] = {
                pool.submit(self._teach, where, row): where for where, row in rows.items()
            }
            try:
                for future in as_completed(futures):
                    failure = future.result()
                    yield futures[future], failure
                    lost = 0 if failure is None or failure.served else lost + 1
                    if failure is not None and lost >= LOST:
                        raise ConfigError(f"{lost} rows in a row got no answer; the last: {failure.message}")
            finally:
                self.stop.set()
                pool.shutdown(cancel_futures=True)

    def _teach(self, where: str, row: Row) -> Failure | None:
        """Get the answer for one row into the journal, by as many tries as are allowed."""
        try:
            message = user_message(str(row["prompt"]), image_files(row, self.folder, where))
            self.journal.add(_key(where), self._ask(message)._asdict())
        except DataError as error:
            return Failure(f"{where}: {error}", served=True)
        except TryAgainError as error:
            return Failure(f"{where}: {error} ({self.retry.tries} tries)", served=False)
        return None

    def _ask(self, message: dict[str, Any]) -> Reply:
        pause = self.retry.first_pause
        for left in range(self.retry.tries - 1, -1, -1):
            if not self.pace.wait():
                raise TryAgainError("the run was stopped")
            try:
                return ask(self.endpoint, message)
            except TryAgainError as error:
                if not left:
                    raise
                if error.after is not None:
                    self.pace.hold(error.after)
                # By chance, so that workers that failed together do not come back together.
                self.stop.wait(min(pause, self.retry.longest_pause) * random.uniform(0.5, 1.0))  # noqa: S311
                pause *= 2
        raise AssertionError


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


class Pace:
    """The clock that all workers of a run share.

    Args:
        per_minute: greatest number of requests that start in a minute, evenly spaced; None: as many as there are.
        stop: set when the run ends early; nobody waits any longer then.
    """

    def __init__(self, per_minute: float | None, stop: threading.Event) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> bool:
        """Wait for a turn; False if the run ended meanwhile."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + self._gap
        return not self._stop.wait(turn - now)

    def hold(self, seconds: float) -> None:
        """Let nobody start for some time: the server asked for it."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


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
        self._lock = threading.Lock()
        self._file: IO[str] = path.open("a", encoding="utf-8")
        if not entries:
            self._append({"settings": wanted})

    def add(self, key: str, entry: Mapping[str, Any]) -> None:
        """Write one entry, from any thread; once this returns, it lasts."""
        with self._lock:
            self._append({"key": key, **entry})
            self.found[key] = dict(entry)

    def _append(self, record: Mapping[str, Any]) -> None:
        self._file.write(json_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())

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
        with path.open("r+b") as file:
            file.truncate(len(kept))
    try:
        entries = [json.loads(line) for line in kept.splitlines()]
        if all(isinstance(entry, dict) for entry in entries) and all("key" in entry for entry in entries[1:]):
            return entries
    except ValueError:
        pass
    raise ConfigError(f"{path} is there already and is no journal of such a run; name another output")
