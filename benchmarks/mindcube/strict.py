"""MindCube under the strict protocol: the letter in the answer section, the map in its own, and nothing else."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from benchmarks.answer_section import answer_section
from benchmarks.columns import column, text_column
from benchmarks.mindcube.cogmap import compare_maps
from benchmarks.mindcube.cogmap_text import extract_map
from benchmarks.strict import score_completion
from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAP_SECTION = re.compile(r"<cogmap>((?:(?!</?cogmap>).)*)</cogmap>", re.IGNORECASE | re.DOTALL)


def score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response.

    Args:
        row: columns ``response`` and ``gt_answer`` (a letter), optionally ``options`` (texts in order, or by
            letter), with which an option's text is an answer too.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the true answer is no letter.
    """
    response, truth = text_column(row, "response"), text_column(row, "gt_answer")
    return score_completion(response, truth, kind="choice", options=row.get("options"))


def score_map(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the cognitive map of one response: whole and valid JSON, in its section.

    Its section is the last complete ``<cogmap>`` block, or else the answer section. Nothing is repaired.

    Args:
        row: columns ``response`` (text) and ``grounded_cogmap`` (the true map, as JSON text or as a mapping).

    Returns:
        The columns of `benchmarks.mindcube.cogmap.score_row`, and ``fault``: the code of what is wrong with the form,
        or None.

    Raises:
        DataError: a column is missing, or the true map cannot be read.
    """
    truth = column(row, "grounded_cogmap")
    grounded = extract_map(truth) if isinstance(truth, str) else truth
    if not isinstance(grounded, dict) or not compare_maps(grounded, grounded)["valid_graph"]:
        raise DataError("grounded_cogmap is no cognitive map; each thing has a name and a position of two numbers")
    drawn, fault = _read_map(text_column(row, "response"))
    return {"extracted_json": drawn, **compare_maps(drawn, grounded), "fault": fault}


def _read_map(response: str) -> tuple[dict[str, Any] | None, str | None]:
    sections = _MAP_SECTION.findall(response)
    section, fault = (sections[-1], None) if sections else answer_section(response)
    if section is None:
        return None, fault.code if fault else None
    start, end = section.find("{"), section.rfind("}")
    if start < 0 or end < start:
        return None, "no_map"
    try:
        drawn: dict[str, Any] = json.loads(section[start : end + 1])
    except (ValueError, RecursionError):
        return None, "broken_json"
    return drawn, None
