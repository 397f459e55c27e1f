"""Sentences for chains of thought: the wordings are files of ``trainers/data/prompts``, which of them is chance."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@lru_cache
def prompt_texts(name: str) -> Any:
    """Return a YAML file of ``trainers/data/prompts`` by its versioned name, e.g. ``ring-chain.v1``."""
    import yaml

    return yaml.safe_load((files("trainers.data") / "prompts" / f"{name}.yaml").read_text(encoding="utf-8"))


class Wording:
    """Draws wordings for one chain.

    Args:
        texts: name of the file.
        seed: of the data set.
        key: what the chain is about; seed and key alone decide what is drawn.
    """

    def __init__(self, texts: str, seed: int, key: str) -> None:
        digest = blake2b(f"{texts}\0{seed}\0{key}".encode(), digest_size=8).digest()
        self.rng = np.random.default_rng(int.from_bytes(digest, "little"))
        self.words: Mapping[str, Any] = prompt_texts(texts)

    def say(self, kind: str, **said: Any) -> str:
        """Return a sentence of a kind."""
        wordings: Sequence[str] = self.words[kind]
        return wordings[int(self.rng.integers(len(wordings)))].format(**said)

    def shuffled(self, things: Sequence[Any]) -> list[Any]:
        """Return things in random order."""
        return [things[at] for at in self.rng.permutation(len(things)).tolist()]

    def toss(self) -> bool:
        """Return true or false."""
        return bool(self.rng.integers(2))


def view_lines(views: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """Return the first step: a line with the triplets of each view.

    >>> view_lines([[("sofa", "ball", "left")], []])
    ['View 1: [sofa, ball, left]', 'View 2: none']
    """
    written = [" ".join(f"[{', '.join(triplet)}]" for triplet in triplets) for triplets in views]
    return [f"View {number}: {triplets or 'none'}" for number, triplets in enumerate(written, start=1)]


def envelope(lines: Sequence[str], answer: str) -> str:
    """Return the completion: the reasoning and the answer in their tags."""
    return "<think>\n" + "\n".join(lines) + f"\n</think>\n<answer>{answer}</answer>"
