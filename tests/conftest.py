"""Settings of every test: no time limits, since a loaded machine is no bug."""

from hypothesis import HealthCheck, settings

settings.register_profile("star", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("star")
