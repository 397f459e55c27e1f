"""What a document is made of, whatever it is written as. All text is plain: whoever writes it out escapes it."""

from __future__ import annotations

from typing import NamedTuple


class Number(NamedTuple):
    """A number of a table: as it is shown, with the bounds of its interval, or ``""``; and all of that as numbers."""

    text: str
    bounds: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None


Cell = str | Number


class Grid(NamedTuple):
    """A table.

    Attributes:
        title: above it.
        header: names of the columns.
        rows: cells, as many as columns.
        words: leading columns that hold words; the others hold numbers.
        note: below it.
        strong: number of leading rows that stand out.
        remarks: trailing columns that hold words.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int = 1
    note: str = ""
    strong: int = 0
    remarks: int = 0

    def holds_words(self, column: int) -> bool:
        """Whether a column holds words, which stand to the left, and not numbers."""
        return column < self.words or column >= len(self.header) - self.remarks


class Bar(NamedTuple):
    """One bar.

    Attributes:
        length: on the axis, like the ends of its error bar (None: there are none).
        low: the lower end.
        high: the upper end.
        number: what it stands for.
        tooltip: a few words.
    """

    length: float
    low: float | None
    high: float | None
    number: Number
    tooltip: str = ""


class Bars(NamedTuple):
    """Horizontal bars with error bars, grouped.

    Attributes:
        title: above them.
        labels: of the groups.
        series: name of a run -> a bar for each group, or None.
        limit: the value at which the axis ends, at least.
    """

    title: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[Bar | None, ...]], ...]
    limit: float = 0.0


class Histogram(NamedTuple):
    """Upright bars: pairs of a value and how often it occurs."""

    title: str
    counts: tuple[tuple[float, int], ...]
    note: str = ""
    x_label: str = ""


class Line(NamedTuple):
    """A curve: points, and where known the bounds of a band around them."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class Lines(NamedTuple):
    """Curves over one axis.

    Attributes:
        title: above them.
        x_label: below the axis.
        lines: at most six can be told apart.
        note: below them.
        steps: whether a value holds until the next one.
        marks: (x, label) of vertical lines.
    """

    title: str
    x_label: str
    lines: tuple[Line, ...]
    note: str = ""
    steps: bool = False
    marks: tuple[tuple[float, str], ...] = ()


class Passage(NamedTuple):
    """Text that a model read or wrote, with what it is.

    Attributes:
        label: above it.
        text: all of it.
        pieces: the same text, each part of it with ``"right"``, ``"partial"``, ``"wrong"`` or ``"neutral"`` where it is
            marked, ``"caret"`` where a fault is at its first character, else ``""``; none where nothing is marked.
    """

    label: str
    text: str
    pieces: tuple[tuple[str, str], ...] = ()


class Example(NamedTuple):
    """One row, to be read.

    Attributes:
        title: its id.
        verdict: a word or two, such as ``"wrong → right"``.
        good: whether that is good news; None for neither.
        images: data URIs.
        passages: prompt, completions, answers.
        grids: matched triplets.
        unfolded: whether it is open from the start, where a document can fold.
    """

    title: str
    verdict: str
    good: bool | None
    images: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    grids: tuple[Grid, ...] = ()
    unfolded: bool = False


class Card(NamedTuple):
    """A finding: a title, and paragraphs, passages and a chart below it.

    Attributes:
        title: what it is called.
        tone: ``"bad"``, ``"unsure"`` or ``"plain"``: the color of its edge, where a document has colors.
        items: what stands in it.
    """

    title: str
    tone: str
    items: tuple[str | Passage | Lines, ...]


class Image(NamedTuple):
    """An image: a data URI, and what is seen on it in words."""

    uri: str
    alt: str


class Figure(NamedTuple):
    """A number that stands for a run: its name, the number, a few words."""

    name: str
    number: Number
    note: str = ""


class Figures(NamedTuple):
    """Figures side by side, with a title above and a note below."""

    figures: tuple[Figure, ...]
    title: str = ""
    note: str = ""


Item = str | Grid | Bars | Histogram | Lines | Example | Figures | Card | Image
"""A paragraph, a table, a chart, a row to be read, figures, a finding, or an image."""


class Section(NamedTuple):
    """A heading and what stands below it."""

    title: str
    items: tuple[Item, ...]


class Document(NamedTuple):
    """A report: sections without items are left out."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    footer: tuple[str, ...] = ()
