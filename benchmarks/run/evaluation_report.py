"""What an evaluation found: tables with intervals, the benchmark's own summary, faults, and what each row was."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from benchmarks.metric_names import format_metric, format_range, unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.attempts import AtK
    from benchmarks.benchmark import Protocol
    from benchmarks.statistics import Interval
    from benchmarks.tables import Table


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `benchmarks.evaluate`.

    Attributes:
        benchmark: its name.
        protocols: those evaluated; of two, the first is the benchmark's own.
        rows: rows that were scored.
        errors: rows that could not be scored.
        error_messages: what is wrong with the first of them, ``file:line: ...``.
        aggregate: the benchmark's own summary under its own names; of two protocols the first one's.
        tables: protocol -> group of rows -> metric -> mean with its interval.
        attempts: protocol -> ``pass@k`` and ``mean@k``; empty where no prompt has several completions.
        faults: protocol -> code -> ``rows`` and ``examples``.
        differing: number of rows that two protocols score differently.
        differences: the first of them, each with both scores.
        signatures: protocol -> the settings that its numbers depend on.
        headline: the metric that stands for the whole; the first group of a table is all rows.
        made_with: how the predictions were made, as they say themselves, see `benchmarks.run.made_with`.
        ended: how many completions were ``cut off`` at the token limit, and how many ``refused``, where rows say so.
        source: where the rows came from and how they were read: what `benchmarks.evaluate` takes to do the same again.
        row_scores: what is kept of each row, ``(rows, ...)`` each, see
            `benchmarks.run.evaluation_tally.EvaluationTally.columns`.
    """

    benchmark: str
    protocols: Sequence[Protocol]
    rows: int
    errors: int
    error_messages: Sequence[str]
    aggregate: Mapping[str, Any]
    tables: Mapping[str, Table]
    attempts: Mapping[str, Mapping[str, AtK]]
    faults: Mapping[str, Mapping[str, Any]]
    differing: int
    differences: Sequence[Mapping[str, Any]]
    signatures: Mapping[str, str]
    headline: str
    made_with: Mapping[str, str] = field(default_factory=dict)
    ended: Mapping[str, int] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    row_scores: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def protocol(self) -> str:
        """What ``--protocol`` calls the protocols."""
        return "both" if len(self.protocols) > 1 else self.protocols[0]

    def figures(self) -> dict[str, float]:
        """Return every number of the (first) table, by ``metric`` for all rows and ``group/metric`` for the others.

        For all rows also under ``accuracy`` what the benchmark calls right.
        """
        table = self.tables[self.protocols[0]]
        named: dict[str, float] = {}
        for number, (group, metrics) in enumerate(table.items()):
            named |= {f"{group}/{name}" if number else name: found.estimate for name, found in metrics.items()}
        return named if "accuracy" in named else {"accuracy": named[self.headline], **named}

    def __repr__(self) -> str:
        table = self.tables[self.protocols[0]]
        found = next(iter(table.values()))[self.headline]
        number = f"{self.headline} {format_metric(self.headline, found.estimate)}{unit([self.headline])}"
        bounds = format_range(self.headline, found.low, found.high)
        return (
            f"Report({self.benchmark}, {self.protocol}: {self.rows:,} rows, {number}{f' ({bounds})' if bounds else ''})"
        )

    def _repr_html_(self) -> str:
        from rewards.frames import html_table  # noqa: PLC0415  only notebooks need it

        return html_table(repr(self), self._columns())

    def to_pandas(self) -> Any:
        """Return a data frame with a row for each number of the tables, and of the attempts at a prompt for all rows:
        ``protocol``, ``group``, ``metric``, ``mean``, ``low``, ``high``, ``n`` and ``clusters``.

        Raises:
            ConfigError: pandas is not installed.
        """  # noqa: D205
        from rewards.frames import data_frame  # noqa: PLC0415  as above

        return data_frame(self._columns())

    def _columns(self) -> dict[str, list[Any]]:
        found: list[tuple[str, str, str, Interval]] = []
        for protocol, table in self.tables.items():
            found += [(protocol, group, name, each) for group, row in table.items() for name, each in row.items()]
            several = self.attempts.get(protocol, {}).items()
            found += [(protocol, next(iter(table)), name, each.mean) for name, each in several if each.mean is not None]
        names = ("protocol", "group", "metric", "mean", "low", "high", "n", "clusters")
        rows = [(*named, each.estimate, each.low, each.high, each.n, each.clusters) for *named, each in found]
        return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))

    def as_dict(self, *, with_rows: bool = False) -> dict[str, Any]:
        """Return everything as JSON takes it, the benchmark's own summary under its own names first.

        Args:
            with_rows: whether to include the columns of `row_scores`.
        """
        plain = {
            **self.aggregate,
            "benchmark": self.benchmark,
            "protocol": self.protocol,
            "rows": self.rows,
            "errors": self.errors,
            "error_messages": list(self.error_messages),
            "headline": self.headline,
            "tables": {
                protocol: {
                    group: {name: interval_as_dict(found) for name, found in metrics.items()}
                    for group, metrics in table.items()
                }
                for protocol, table in self.tables.items()
            },
            "attempts": {
                protocol: {name: _at_k_as_dict(found) for name, found in attempts.items()}
                for protocol, attempts in self.attempts.items()
            },
            "faults": {protocol: dict(faults) for protocol, faults in self.faults.items()},
            "signatures": dict(self.signatures),
            "made_with": dict(self.made_with),
            "ended": dict(self.ended),
            "source": dict(self.source),
        }
        if len(self.protocols) > 1:
            plain |= {"differing": self.differing, "differences": list(self.differences)}
        if with_rows:
            plain["row_scores"] = {name: values.tolist() for name, values in self.row_scores.items()}
        return plain


def interval_as_dict(found: Interval) -> dict[str, Any]:
    """Return an interval as JSON takes it: bounds that are not finite are null."""
    plain = found._asdict()
    return plain | {name: plain[name] if isfinite(plain[name]) else None for name in ("low", "high")}


def _at_k_as_dict(found: AtK) -> dict[str, Any]:
    mean = {"estimate": None} if found.mean is None else interval_as_dict(found.mean)
    return {**mean, "left_out": found.left_out}
