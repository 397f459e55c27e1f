"""Settings of every test: no time limits, since a loaded machine is no bug."""

from hypothesis import HealthCheck, settings

settings.register_profile("star", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("star")

# `make mutate` runs the tests some thousand times: few examples, always the same ones.
settings.register_profile("mutation", settings.get_profile("star"), max_examples=25, derandomize=True, database=None)
