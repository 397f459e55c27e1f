"""A question of a real data set -> a training row, and its images as the question speaks of them, marks drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.datasets.marks import marks_of
from benchmarks.datasets.spar7m import marked
from rewards.errors import DataError
from trainers.data.image_store import store_image
from trainers.data.reference_labels import relations_of
from trainers.data.rows import prompt_template

if TYPE_CHECKING:
    from benchmarks.sample import Sample
    from trainers.data.training_rows import Row

PROMPT = "multiview.v1"


def multiview_prompt(question: str, count: int, template: str = PROMPT) -> str:
    """Return the prompt that asks a question about several images in three steps.

    Args:
        question: with its options, if it has any.
        count: number of images.
        template: name of a prompt file.
    """
    return prompt_template(template).format(question=question.strip(), count=count)


def prepared_row(sample: Sample, source: str) -> Row:
    """Return the training row of a question, all but its images; see `trainers.data.training_rows`."""
    question = str(sample.extra.get("question", sample.prompt))
    references = sample.references
    relations = None if references is None else relations_of(sample)
    return {
        "id": f"{source}/{sample.category}/{sample.id}",
        "task": "multiview",
        "source": source,
        "category": sample.category,
        "group": sample.group,
        "question": question,
        "prompt": multiview_prompt(question, len(sample.images)),
        "target": sample.target,
        "options": _listed(sample.options),
        "references": None if references is None else [sorted(names) for names in references],
        "relations": None if relations is None else [[list(triplet) for triplet in view] for view in relations],
    }


def _listed(values: Any) -> list[str] | None:
    return None if values is None else list(values)


def stored_images(sample: Sample, folder: Path) -> list[str] | DataError:
    """Put the images of a question into a folder, marks drawn, and return their names, or what is wrong with one."""
    images = sample.images
    try:
        if sample.benchmark == "spar7m":
            marks = marks_of({**sample.extra, "type": sample.category}, len(images), sample.place)
            images = marked([image for image in images if isinstance(image, Path)], marks)
        return [store_image(image, folder) for image in images]
    except DataError as error:
        return DataError(f"{sample.place}: {error}")
    except OSError as error:
        return DataError(f"{sample.place}: image: {error}")
