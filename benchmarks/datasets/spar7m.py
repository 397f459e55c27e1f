"""SPAR-7M as its owners publish it: JSON lines by task and form, with marks to be drawn by the user.

Source: the card of ``jasonzhango/SPAR-7M`` and fudan-zvg/spar 1679885. Files lie at
``spar/<source>/qa_jsonl/train/<task>/<form>/*.jsonl``, images at ``spar/<source>/images``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.datasets import fields
from benchmarks.datasets.files import each, files_in, json_lines
from benchmarks.datasets.marks import draw, marked_names, marks_of, references
from benchmarks.datasets.options import read_options
from benchmarks.datasets.pictures import image_paths
from benchmarks.sample import Image, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.datasets.files import OnError
    from benchmarks.datasets.marks import Mark

FORMS = ("fill", "select", "sentence", "judge")
"""A number to fill in, a letter to choose, a sentence to write, yes or no."""
_READ = frozenset({"id", "conversations", "image", "type"})


def read(
    path: Path,
    *,
    image_root: Path | None = None,
    check_images: bool = True,
    draw_marks: bool = True,
    on_error: OnError | None = None,
) -> Iterator[Sample]:
    """Yield the samples of a SPAR-7M file, or of every ``.jsonl`` file of a folder, by path.

    Args:
        path: file or folder.
        image_root: folder of the images; None: searched upwards from each file.
        check_images: whether a missing image is an error. Marks are drawn only on images that are there.
        draw_marks: whether marked images come as PNG bytes with the marks drawn, others as paths.
        on_error: takes what is wrong with a record, which is then left out.

    Raises:
        ConfigError: pillow is not installed, or the folder holds no such file.
        DataError: a record or an image is wrong.
    """
    for file in files_in(path, (".jsonl",), several=True):

        def sample(record: dict[str, Any], where: str, file: Path = file) -> Sample:
            names = fields.list_of(str, record, "image", where)
            paths = image_paths(names, file, where, root=image_root, check=check_images)
            marks = marks_of(record, len(names), where)
            return _sample(record, where, _form(file), marked(paths, marks) if draw_marks else paths, marks)

        yield from each(json_lines(file, on_error), sample, on_error)


def marked(images: Sequence[Path], marks: Sequence[Mark]) -> tuple[Image, ...]:
    """Return the images, those with marks as PNG bytes with the marks drawn."""
    here = [[mark for mark in marks if mark.image == number] for number in range(len(images))]
    return tuple(
        draw(image, drawn) if drawn and image.is_file() else image for image, drawn in zip(images, here, strict=True)
    )


def _form(file: Path) -> str | None:
    return next((parent.name for parent in file.parents if parent.name in FORMS), None)


def _sample(
    record: dict[str, Any], where: str, form: str | None, images: tuple[Image, ...], marks: tuple[Mark, ...]
) -> Sample:
    question, answer = _turns(record, where)
    options = read_options(question) if form in {"select", None} else None
    item_id = str(fields.field(record, "id", where))
    return Sample(
        id=item_id,
        benchmark="spar7m",
        prompt=question,
        images=images,
        target=answer,
        options=options,
        category=fields.text(record, "type", where),
        group=str(record["image"][0]).split("/")[0] if record["image"] else item_id,
        references=references(marks, marked_names(question), len(images)),
        extra={key: value for key, value in record.items() if key not in _READ} | {"form": form},
        place=where,
    )


def _turns(record: dict[str, Any], where: str) -> tuple[str, str]:
    """Return question and answer of the one exchange."""
    turns = fields.list_of(dict, record, "conversations", where)
    speakers = [turn.get("from") for turn in turns]
    if speakers != ["human", "gpt"]:
        raise fields.wrong("conversations", where, "two turns, from human and from gpt", speakers)
    return fields.text(turns[0], "value", where), fields.text(turns[1], "value", where).strip()
