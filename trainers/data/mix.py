"""One training set out of several prepared ones, drawn evenly over all their categories.

Source: the paper trains on one mixed set, 4.1k samples for SFT and 19.2k for RL, drawn evenly from the spatial
categories of MindCube and SPAR.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from benchmarks.files.paths import METADATA
from benchmarks.files.write import whole_file, whole_folder, write_whole
from rewards.errors import ConfigError, DataError
from trainers.data.card import CARD, choose_relation_weight, write_card
from trainers.data.files import json_line, store_image
from trainers.data.prepare import PARTS, RL_SIZE, SFT_SIZE
from trainers.data.sampling import draw_order, quotas
from trainers.data.training_rows import image_files, read_training_rows, row_id
from trainers.scenes.records import IMAGES
from trainers.validation import first_fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trainers.data.training_rows import OnProgress, Row

MANIFEST: Final = "manifest.json"


class _SourceCard(BaseModel):
    """What is needed of the ``card.json`` of a prepared set."""

    source: str
    relation_weight: float = Field(ge=0, le=1)


class _Candidate(NamedTuple):
    """A row that could be drawn, and the folder and set that it comes from."""

    row: Row
    where: str
    folder: Path
    source: str

    @property
    def category(self) -> str:
        """Its category, of its data set."""
        return f"{self.source}/{self.row.get('category', '')}"


def mix(
    sources: Sequence[Path],
    out: Path,
    *,
    sft: int = SFT_SIZE,
    rl: int = RL_SIZE,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Write ``OUT/sft`` and ``OUT/rl`` (each ``metadata.jsonl`` and ``image/``), ``OUT/card.json`` and its manifest.

    Every category of every data set gives the same number of rows; what one cannot give, the others do. The folder
    appears whole or not at all, and depends on the arguments and the data only.

    Args:
        sources: folders of ``star data prepare``.
        out: a folder that is not there.
        sft: rows for SFT.
        rl: rows for reinforcement learning.
        seed: of the draw.
        on_progress: takes the number done and the total, of one part after the other.

    Returns:
        The manifest, which is ``OUT/manifest.json``: for each part and source, the file with its checksum, and of each
        category how many rows it had and gave.

    Raises:
        ConfigError: the folder is there, a source is no prepared set, or a scene of one is in both parts of the mix.
        DataError: a row is wrong.
    """
    with whole_folder(out) as partial:
        if min(sft, rl) < 0 or sft + rl == 0:
            raise ConfigError(f"{sft} rows for SFT and {rl} for RL are no data set")
        if len({source.resolve() for source in sources}) < len(sources) or not sources:
            raise ConfigError("a mix is of one or more prepared sets, each named once")
        cards = {source: _card_of(source) for source in sources}
        found = {
            part: [row for source in sources for row in _rows(source, part, cards[source].source)] for part in PARTS
        }
        drawn = {part: _draw(found[part], total, seed) for part, total in zip(PARTS, (sft, rl), strict=True)}
        _refuse_repeats(found, drawn)
        # Relations count as much as in the source in which they count most; where they do, names alone are no label.
        weight = max(card.relation_weight for card in cards.values())
        rows = {part: _write(partial / part, drawn[part], weight, on_progress) for part in PARTS}
        manifest = {
            "seed": seed,
            "asked_for": {"sft": sft, "rl": rl},
            "rows": {part: len(rows[part]) for part in PARTS},
            "sources": [_given(source, cards[source], found, drawn) for source in sources],
            "sha256": {part: _checksum(partial / part / METADATA) for part in PARTS},
        }
        write_whole(partial / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        write_card(partial, _card(rows, weight))
    return manifest


def _card_of(source: Path) -> _SourceCard:
    try:
        return _SourceCard.model_validate_json((source / CARD).read_bytes())
    except OSError as error:
        raise ConfigError(f"{source}: no set of `star data prepare`: {CARD}: {error.strerror}") from None
    except ValidationError as error:
        raise ConfigError(f"{source / CARD}: {first_fault(error)}") from None


def _rows(source: Path, part: str, name: str) -> list[_Candidate]:
    """Read one part of a prepared set; a row that is wrong would be missing in silence, so it ends the mix."""
    found = []
    for where, row in read_training_rows(source / part):
        if isinstance(row, DataError):
            raise row
        found.append(_Candidate(row, where, source / part, name))
    return found


def _draw(found: Sequence[_Candidate], total: int, seed: int) -> list[_Candidate]:
    """Draw the same number from each category, by an order of the seed and the row alone; categories come mixed."""
    left = quotas(Counter(candidate.category for candidate in found), total)

    def order(candidate: _Candidate) -> int:
        return draw_order(seed, "mix", candidate.category, row_id(candidate.row, candidate.where))

    drawn = []
    for candidate in sorted(found, key=order):
        if left[candidate.category]:
            left[candidate.category] -= 1
            drawn.append(candidate)
    return drawn


def _refuse_repeats(found: Mapping[str, Sequence[_Candidate]], drawn: Mapping[str, Sequence[_Candidate]]) -> None:
    """See that no row is there twice and SFT and RL share no scene: one data set may have been prepared twice."""
    for part in PARTS:
        places: dict[tuple[str, str], str] = {}
        for each in found[part]:
            name = row_id(each.row, each.where)
            if places.setdefault((each.source, name), each.where) != each.where:
                raise ConfigError(
                    f"row {name!r} of {each.source} is there twice: {places[each.source, name]} and {each.where}"
                )
    scenes = [{(each.source, each.row.get("scene")): each.where for each in drawn[part]} for part in PARTS]
    for scene in scenes[0].keys() & scenes[1].keys():
        if scene[1] is not None:
            raise ConfigError(
                f"scene {scene[1]!r} of {scene[0]} is in both parts: {scenes[0][scene]} and {scenes[1][scene]}; "
                "mix sets of different data, or of one preparation"
            )


def _write(
    folder: Path, drawn: Sequence[_Candidate], relation_weight: float, on_progress: OnProgress | None
) -> list[Row]:
    (folder / IMAGES).mkdir(parents=True)
    rows = []
    with whole_file(folder / METADATA) as file:
        for number, candidate in enumerate(drawn, start=1):
            files = image_files(candidate.row, candidate.folder, candidate.where)
            names = [f"{IMAGES}/{store_image(image, folder / IMAGES)}" for image in files]
            unlabelled = {"references": None} if relation_weight and candidate.row.get("relations") is None else {}
            rows.append({**candidate.row, "images_file_names": names, **unlabelled})
            file.write(json_line(rows[-1]))
            if on_progress is not None:
                on_progress(number, len(drawn))
    return rows


def _given(
    source: Path,
    card: _SourceCard,
    found: Mapping[str, Sequence[_Candidate]],
    drawn: Mapping[str, Sequence[_Candidate]],
) -> dict[str, Any]:
    """Return what one source had and gave."""
    parts = {}
    for part in PARTS:
        had, gave = (
            Counter(each.row.get("category", "") for each in rows[part] if each.folder == source / part)
            for rows in (found, drawn)
        )
        parts[part] = {
            "sha256": _checksum(source / part / METADATA),
            "categories": {category: {"had": had[category], "gave": gave[category]} for category in sorted(had)},
        }
    return {"folder": source.name, "source": card.source, "relation_weight": card.relation_weight, **parts}


def _checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _card(rows: Mapping[str, Sequence[Row]], relation_weight: float) -> dict[str, Any]:
    """Return the card of the mix."""
    choice = choose_relation_weight(rows, relation_weight)
    return {
        "rows": {part: len(found) for part, found in rows.items()},
        "relation_weight": choice.weight,
        "warnings": [] if choice.warning is None else [choice.warning],
    }
