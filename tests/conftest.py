"""Settings of every test: no time limits, since a loaded machine is no bug."""

import os
import signal
import sys

from hypothesis import HealthCheck, Phase, settings

# What `make conformance` and other tests start in processes of their own imports frameworks that are only there.
collect_ignore_glob = [
    "conformance/drive_*.py",
    "conformance/__main__.py",
    "conformance/results.py",
    "trainers/every_checkpoint.py",
    "trainers/fsdp_on_cpu.py",
    "trainers/killed.py",
    "trainers/unequal_lengths.py",
]

# A suite that a script starts in the background begins with Ctrl-C ignored, and so would all that its tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("star", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("star")

# `make mutate` runs the tests some thousand times: few examples, always the same ones, and none made smaller.
settings.register_profile(
    "mutation",
    settings.get_profile("star"),
    max_examples=10,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)


def pytest_sessionstart():
    """Under mutation, start without grammars and results: those from before would hide what a mutant does."""
    if "MUTANT_UNDER_TEST" in os.environ:
        _clear_caches()


def pytest_runtest_setup():
    """While mutmut notes which functions a test reaches, let it find nothing that an earlier test has built."""
    if os.environ.get("MUTANT_UNDER_TEST") == "stats":
        _clear_caches()


def _clear_caches():
    for name, module in list(sys.modules.items()):
        if name.startswith(("parsers.", "rewards.")):
            for function in vars(module).values():
                if hasattr(function, "cache_clear"):
                    function.cache_clear()
