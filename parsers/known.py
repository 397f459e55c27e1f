"""Answers whose reading is beyond doubt, without running a grammar on each: what it has read before is looked up.

The grammars stay the authority. Here stands nothing about a format: an item of an answer is known because
`parsers.record_grammar` has read it. Whatever is not known goes there.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING

from parsers.first_time import FIRST_TIME
from parsers.record_grammar import parse_record
from parsers.records import MAX_ANSWER, parse_records, plain_items
from parsers.types import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from parsers.formats import RecordFormat

    Record = tuple[int | str, ...]

MAX_KEPT = 512
"""Characters of the longest item that is kept."""

MOST_KNOWN = 1 << 15
"""Items that are kept for a format before all are forgotten, which bounds the memory."""
Read = tuple[list[int], int, Fault | None]
"""The codes of an answer's valid records in their order, how many items are none, and the fault of the first."""

_END, UNKNOWN = "\0", "\1"
FIRST_CHARACTER = 2
"""The character of code 0."""
MOST_PACKED = sys.maxunicode - FIRST_CHARACTER
"""Codes below this are characters."""


class KnownRecords:
    """The items of answers that have been read in one format, and the number of each record: its code.

    An object only ever learns; when it has learned too much, `known_records` begins a new one.

    Attributes:
        record_format: of the records.
        records: the records by code.
    """

    def __init__(self, record_format: RecordFormat) -> None:
        self.record_format = record_format
        self.records: list[Record] = []
        self._texts: list[str] = []
        self._codes: dict[Record, int] = {}
        self._plain: dict[str, int] = {}  # items that hold nothing that separates or groups
        self._inner: dict[str, int] = {}  # likewise what stands between round brackets
        self._packed: dict[str, str] = {_END: _END}  # the characters of the plain items
        self._others: dict[str, int] = {}
        self._whole: dict[str, Read] = {}  # answers that are no list of such items
        self._packed_whole: dict[str, tuple[str, int, Fault | None]] = {}

    @property
    def full(self) -> bool:
        """Whether it has learned as much as it may."""
        return len(self.records) + len(self._plain) + len(self._others) + len(self._whole) > MOST_KNOWN

    def code(self, record: Record) -> int:
        """Return the number of a record; a new one where it has none."""
        found = self._codes.get(record)
        if found is None:
            with FIRST_TIME:
                found = self._codes.get(record)
                if found is None:
                    self.records.append(record)
                    found = self._codes[record] = len(self.records) - 1
        return found

    def texts(self) -> list[str]:
        """Return how people write each record, by code: the canonical form."""
        texts = self._texts
        if len(texts) < len(self.records):
            with FIRST_TIME:
                texts += map(self.record_format.render, self.records[len(texts) :])
        return texts

    def read(self, answer: str) -> Read:
        """Return what `parsers.records.parse_records` makes of an answer, by codes.

        What is found at once are records as they stand, or each in round brackets, with a comma and a blank between
        each two. Then the grammar would cut in the same places, since no item that is kept for this has a separator or
        a bracket in it, or white space at its ends.
        """
        try:
            if len(answer) > MAX_ANSWER:
                return self._read_anew(answer)
            if answer[0] != "(":
                plain = self._plain
                return [plain[item] for item in answer.split(", ")], 0, None
            if answer[-1] == ")":
                inner = self._inner
                return [inner[item] for item in answer[1:-1].split("), (")], 0, None
        except (KeyError, IndexError):
            pass
        found = self._whole.get(answer)
        if found is None:
            found = self._read_anew(answer)
            if len(answer) <= MAX_KEPT:
                self._whole[answer] = found
        return found

    def look_up(self, answers: Sequence[str]) -> list[str]:
        """Return the packed codes of answers that are plain lists, (rows,), by one look-up for all their items.

        Where an item is not known, `UNKNOWN` stands for it, as for an answer that is longer than is read. No answer may
        hold the character NUL.
        """
        if max(map(len, answers), default=0) > MAX_ANSWER:
            answers = [answer if len(answer) <= MAX_ANSWER else "" for answer in answers]
        items = f", {_END}, ".join(answers).split(", ")
        return "".join(map(self._packed.get, items, repeat(UNKNOWN))).split(_END)

    def read_packed(self, answer: str) -> tuple[str, int, Fault | None]:
        """Return what `read` does, the codes packed."""
        found = self._packed_whole.get(answer)
        if found is None:
            codes, invalid, fault = self.read(answer)
            found = pack(codes), invalid, fault
            if invalid and answer in self._whole:
                self._packed_whole[answer] = found
        return found

    def _read_anew(self, answer: str) -> Read:
        codes = self._cut(answer) if len(answer) <= MAX_ANSWER else None
        if codes is not None:
            return codes, 0, None
        records = parse_records(answer, self.record_format)
        invalid = records.invalid
        return [self.code(record) for record in records.items], len(invalid), invalid[0] if invalid else None

    def _cut(self, answer: str) -> list[int] | None:
        """Read an answer whose items are all records; what is new is kept."""
        stripped = answer.strip()
        if not stripped:
            return []
        cut = plain_items(stripped)
        if cut is None:
            return None
        found = []
        for item, _ in cut:
            code = self._plain.get(item)
            if code is None:
                code = self._others.get(item)
            if code is None:
                record = parse_record(item, self.record_format)
                if isinstance(record, Fault):
                    return None
                code = self._keep(item, self.code(record))
            found.append(code)
        return found

    def _keep(self, item: str, code: int) -> int:
        if _PLAIN(item) and not _NOTHING(item):
            self._plain[item] = code
            if code < MOST_PACKED:
                self._packed[item] = pack([code])
        elif len(item) <= MAX_KEPT:
            self._others[item] = code
            if _IN_BRACKETS(item):
                self._inner[item[1:-1]] = code
        return code


def pack(codes: Iterable[int]) -> str:
    """Return codes below `MOST_PACKED` as a text, a character for each, so that many rows join and split at once."""
    return "".join([chr(code + FIRST_CHARACTER) for code in codes])


_PLAIN = re.compile(r"(?=\S)[^,;\n()\[\]]{1,80}(?<=\S)").fullmatch
_IN_BRACKETS = re.compile(r"\((?=[^()]*[^()\s])[^()\[\];\n]{1,80}\)").fullmatch
_NOTHING = re.compile(r"(?:none|null)\.*", re.IGNORECASE).fullmatch


@cache
def _current(record_format: RecordFormat) -> list[KnownRecords]:
    return [KnownRecords(record_format)]


def known_records(record_format: RecordFormat) -> KnownRecords:
    """Return what is known of a format: the same object until it is full."""
    place = _current(record_format)
    if place[0].full:
        place[0] = KnownRecords(record_format)
    return place[0]
