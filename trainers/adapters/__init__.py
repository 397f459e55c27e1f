"""The rewards in other people's trainers and evaluations: one file a framework, with the framework's own signature.

Each says in its first lines what a user writes, and imports its framework only inside functions. `star_r1.NAME` is the
name to write in a configuration; `star doctor --trainer NAME` prints the file.
"""

from __future__ import annotations

from typing import Final

VERSIONS: Final = {
    "trl": ("trl", "1.16.0"),
    "verl": ("verl", "0.9.1"),
    "openrlhf": ("openrlhf", "0.11.2"),
    "swift": ("ms-swift", "4.6.0"),
    "easyr1": ("EasyR1", "b44b311"),
    "verifiers": ("verifiers", "0.4.0"),
    "inspect": ("inspect-ai", "0.3.285"),
    "lmms": ("lmms-eval", "0.7.3"),
    "lighteval": ("lighteval", "0.13.0"),
    "nemo_gym": ("nemo-gym", "0.4.0"),
    "openenv": ("openenv-core", "0.3.0"),
    "skyrl": ("skyrl-gym", "0.4.0"),
    "slime": ("slime", "0.3.1"),
    "areal": ("areal", "1.0.4"),
}
"""Adapter -> the distribution, and the version of it that the adapter was proven against."""
