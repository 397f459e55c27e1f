"""Chains of thought from a model behind a server: many requests at once, tried again, resumed, counted."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rewards.errors import ConfigError, DataError
from trainers.data.chat_client import TryAgainError, ask, user_message
from trainers.data.journal import Journal
from trainers.data.lines import json_line, refuse_existing, whole_file
from trainers.data.pace import Pace
from trainers.data.training_rows import image_files, read_training_rows, rebased, rows_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from trainers.data.chat_client import Endpoint, Reply
    from trainers.data.training_rows import OnProgress, Row

LOST: Final = 20
"""Rows that fail one after the other until the run is given up: then it is not the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a run goes about a server.

    Attributes:
        concurrency: requests under way at the same time.
        per_minute: greatest number of requests that start in a minute; None: no limit.
        tries: of each row, at least 1.
        first_pause: seconds before the second try; before each further one twice as long, by chance a little less.
        longest_pause: seconds.
    """

    concurrency: int = 8
    per_minute: float | None = None
    tries: int = 6
    first_pause: float = 1.0
    longest_pause: float = 60.0

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.tries < 1:
            raise ConfigError("a run needs at least one request at a time, and one try")
        if (self.per_minute is not None and self.per_minute <= 0) or min(self.first_pause, self.longest_pause) < 0:
            raise ConfigError("requests a minute and pauses are positive numbers")


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
    patience: Patience | None = None,
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
        patience: how requests are made.
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
    run = _Run(endpoint, patience or Patience(), rows_file(source).parent, journal)
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

    def __init__(self, endpoint: Endpoint, patience: Patience, folder: Path, journal: Journal) -> None:
        self.endpoint, self.patience, self.folder, self.journal = endpoint, patience, folder, journal
        self.stop = threading.Event()
        self.pace = Pace(patience.per_minute, self.stop)

    def outcomes(self, rows: Mapping[str, Row]) -> Iterator[tuple[str, Failure | None]]:
        """Yield each row's place, and why it failed if it did, as they come; answers are in the journal by then.

        Raises:
            ConfigError: it makes no sense to go on.
        """
        lost = 0
        with ThreadPoolExecutor(self.patience.concurrency) as pool:
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
            return Failure(f"{where}: {error} ({self.patience.tries} tries)", served=False)
        return None

    def _ask(self, message: dict[str, Any]) -> Reply:
        pause = self.patience.first_pause
        for left in range(self.patience.tries - 1, -1, -1):
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
                self.stop.wait(min(pause, self.patience.longest_pause) * random.uniform(0.5, 1.0))  # noqa: S311
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
