"""The one list of benchmarks and data sets: where each is declared. A new one adds its folder and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rewards.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from benchmarks.benchmark import Benchmark
    from benchmarks.datasets import Reader


class Entry(NamedTuple):
    """Where one name leads, as ``module:name``; only what is asked for is imported.

    Attributes:
        benchmark: its `benchmarks.benchmark.Benchmark`; None for a data set that is only trained on.
        reader: the function that reads its published files, see `benchmarks.datasets.load`; None where it shares
            those of another.
    """

    benchmark: str | None
    reader: str | None


ENTRIES: Final = {
    "tvr": Entry("benchmarks.tvr.scoring:TVR", "benchmarks.tvr.records:read_trance"),
    "mindcube": Entry("benchmarks.mindcube.scoring:MINDCUBE", "benchmarks.mindcube.records:read_mindcube"),
    "mindcube-cogmap": Entry("benchmarks.mindcube.cogmap_scoring:MINDCUBE_COGMAP", None),
    "sparbench": Entry("benchmarks.spar.scoring:SPARBENCH", "benchmarks.spar.records:read_sparbench"),
    "spar7m": Entry(None, "benchmarks.spar.records:read_spar7m"),
    "mmsi": Entry("benchmarks.mmsi.scoring:MMSI", "benchmarks.mmsi.records:read_mmsi"),
    "vsibench": Entry("benchmarks.vsibench.scoring:VSIBENCH", "benchmarks.vsibench.records:read_vsibench"),
    "revsi": Entry("benchmarks.vsibench.scoring:REVSI", "benchmarks.vsibench.records:read_revsi"),
    "blink": Entry("benchmarks.blink.scoring:BLINK", "benchmarks.blink.records:read_blink"),
    "mmsivideo": Entry("benchmarks.mmsivideo.scoring:MMSI_VIDEO", "benchmarks.mmsivideo.records:read_mmsivideo"),
    "sitebench": Entry("benchmarks.sitebench.scoring:SITEBENCH", "benchmarks.sitebench.records:read_sitebench"),
    "viewspatial": Entry(
        "benchmarks.viewspatial.scoring:VIEWSPATIAL", "benchmarks.viewspatial.records:read_viewspatial"
    ),
}
BENCHMARKS: Final = tuple(name for name, entry in ENTRIES.items() if entry.benchmark)
"""What ``--benchmark`` takes."""
DATA_SETS: Final = tuple(name for name, entry in ENTRIES.items() if entry.reader)
"""What `benchmarks.datasets.load` takes; there, ``trance`` is another word for ``tvr``."""


def find_benchmark(name: str) -> Benchmark:
    """Return a benchmark by name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in BENCHMARKS:
        hint = did_you_mean(name, BENCHMARKS)
        raise ConfigError(f"there is no benchmark {name!r}{hint}; there are {', '.join(BENCHMARKS)}")
    benchmark: Benchmark = _load(ENTRIES[name].benchmark)
    return benchmark


def find_reader(name: str) -> Reader:
    """Return what reads the published files of a data set.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in {*DATA_SETS, "trance"}:
        hint = did_you_mean(name, DATA_SETS)
        raise ConfigError(f"there is no data set {name!r}{hint}; known are {', '.join(DATA_SETS)}")
    reader: Reader = _load(ENTRIES["tvr" if name == "trance" else name].reader)
    return reader


def _load(home: str | None) -> Any:
    assert home is not None
    module, _, name = home.partition(":")
    return getattr(import_module(module), name)
