"""Settings of every test: no time limits, since a loaded machine is no bug."""

import os

from hypothesis import HealthCheck, settings

from parsers import completion, record_grammar, records
from rewards import targets

settings.register_profile("star", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("star")

# `make mutate` runs the tests some thousand times: few examples, always the same ones.
settings.register_profile("mutation", settings.get_profile("star"), max_examples=25, derandomize=True, database=None)


def pytest_runtest_setup():
    """Under mutation, let every test build its own grammars: one from before would hide how it is built now."""
    if "MUTANT_UNDER_TEST" in os.environ:
        for module in (completion, records, record_grammar, targets):
            for function in vars(module).values():
                if hasattr(function, "cache_clear"):
                    function.cache_clear()
