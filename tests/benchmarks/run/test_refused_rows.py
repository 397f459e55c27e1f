"""Every row with a wrong target is found, and no other, whichever way scoring names them."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.run.score_files import refused_rows
from rewards.errors import DataError


def in_order(rows):
    for number, row in enumerate(rows):
        if row is not None:
            raise DataError(f"{row} is wrong", row=number)


def last_first(rows):
    for number in range(len(rows) - 1, -1, -1):
        if rows[number] is not None:
            raise DataError(f"{rows[number]} is wrong", row=number)


def unnumbered(rows):
    for row in rows:
        if row is not None:
            raise DataError(f"{row} is wrong")


@given(st.lists(st.none() | st.integers(0, 99), max_size=40))
def test_each_wrong_row_is_found(rows):
    alone = {number: f"{row} is wrong" for number, row in enumerate(rows) if row is not None}
    for score in (in_order, last_first, unnumbered):
        found = refused_rows(score, rows)
        assert found == alone
        assert list(found) == sorted(found)


def test_a_chunk_of_wrong_rows_is_no_deep_recursion():
    assert len(refused_rows(in_order, range(5000))) == 5000
