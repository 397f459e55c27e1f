"""Rows out of files: every line is a row or says what is wrong with it, wherever reading starts."""

import gzip
import io
import json
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.files import sources as module
from benchmarks.files.sources import END, START, BadRow, Position, column_names, is_stream, read_chunks
from rewards.errors import DataError


def read(path, **options):
    """Return (place, row) of all rows of a file."""
    return [
        (chunk.place(at).removeprefix(f"{path}:"), row)
        for chunk in read_chunks(str(path), **options)
        for at, row in enumerate(chunk.rows)
    ]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


LINES = [
    (b'{"a": 1}', {"a": 1}),
    (b'  {"a": [1, {"b": null}]}  ', {"a": [1, {"b": None}]}),
    (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": float("-inf")}),
    (rb'{"a": "\ud83d\ude00 \ud800 x"}', {"a": "\N{GRINNING FACE} \N{REPLACEMENT CHARACTER} x"}),
    (rb'{"\udc00": ["\ud800"]}', {"\N{REPLACEMENT CHARACTER}": ["\N{REPLACEMENT CHARACTER}"]}),
    (b'{"a": 1, "a": 2}', {"a": 2}),
    (b'{"a": 12345678901234567890123}', {"a": 12345678901234567890123}),
    (b"{}", {}),
    (b'{"a": 1', "broken JSON at column 8: Expecting ',' delimiter"),
    (b'{"a": 1} {"b": 2}', "broken JSON at column 10: Extra data"),
    (b'{"a": "\xff"}', "invalid UTF-8: byte 0xff at column 8"),
    (b'{"a": "\xed\xa0\x80"}', "invalid UTF-8: byte 0xed at column 8"),
    (b"[1, 2]", "a row is a JSON object, and this is a list; convert a JSON array with: jq -c '.[]' FILE"),
    (b'"text"', "a row is a JSON object, and this is a string"),
    (b"3.5", "a row is a JSON object, and this is a number"),
    (b"true", "a row is a JSON object, and this is true or false"),
    (b"null", "a row is a JSON object, and this is null"),
    (b"[" * 100_000, "the JSON is nested too deeply"),
    (b'{"a": ' + b"1" * 5000 + b"}", "broken JSON: Exceeds the limit"),
    (b"not json", "broken JSON at column 1: Expecting value"),
    (b"\x00", "broken JSON at column 1: Expecting value"),
]


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[str(line[:20]) for line, _ in LINES])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
def test_one_line(tmp_path, line, expected, ending):
    path = write(tmp_path / "a.jsonl", b'{"first": 1}\n' + line + ending)
    (_, first), (place, row) = read(path)
    assert first == {"first": 1}
    assert place == "2"
    if isinstance(expected, str):
        assert isinstance(row, BadRow)
        assert row.message.startswith(expected)
    else:
        assert row == expected


def test_a_value_over_two_lines_is_two_bad_rows_even_if_the_values_are_as_many_as_the_lines(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"a":\n1}\n{"b": 2} {"c": 3}\n')
    assert [(place, isinstance(row, BadRow)) for place, row in read(path)] == [("1", True), ("2", True), ("3", True)]
    path = write(tmp_path / "b.jsonl", '{"a": 1}{"b": 2}\n\n{"c": 3}\n')
    assert [(place, isinstance(row, BadRow)) for place, row in read(path)] == [("1", True), ("3", False)]


def test_blank_lines_hold_no_row_but_count(tmp_path):
    path = write(tmp_path / "a.jsonl", '\n \t\n{"a": 1}\n\r\n\n{"a": 2}\n\n')
    assert read(path) == [("3", {"a": 1}), ("6", {"a": 2})]


def test_the_mark_of_byte_order_is_no_part_of_the_first_row(tmp_path):
    path = write(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"a": 1}\n{"a": 2}')
    assert read(path) == [("1", {"a": 1}), ("2", {"a": 2})]
    path = write(tmp_path / "b.jsonl", b'\xef\xbb\xbf\n{"a": 1}\n')
    assert read(path) == [("2", {"a": 1})]


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n \n"])
def test_a_file_without_rows(tmp_path, content):
    assert read(write(tmp_path / "a.jsonl", content)) == []


def test_gzip_is_known_by_its_first_bytes_and_may_have_several_members(tmp_path):
    path = write(tmp_path / "a.txt", gzip.compress(b'{"a": 1}\n{"a"') + gzip.compress(b": 2}\n"))
    assert read(path) == [("1", {"a": 1}), ("2", {"a": 2})]


@pytest.mark.parametrize("damage", [lambda data: data[:-50], lambda data: data[:-200] + bytes(200)])
def test_damaged_gzip_keeps_the_rows_before_it(tmp_path, damage):
    rng = random.Random(0)
    lines = [json.dumps({"a": rng.random()}).encode() for _ in range(50_000)]
    path = write(tmp_path / "a.gz", damage(gzip.compress(b"\n".join(lines))))
    found = read(path)
    good = next(at for at, (_, row) in enumerate(found) if isinstance(row, BadRow))
    assert found[:good] == [(str(line), json.loads(text)) for line, text in enumerate(lines[:good], 1)]
    assert good > 30_000
    *_, (_, bad) = found
    assert bad.message.startswith("the compressed data is damaged, and nothing from here on can be read")
    assert len(damage(bytes(300))) == 300 or len(found) == good + 1  # what is cut off is right up to its end
    last = list(read_chunks(str(path)))[-1]
    assert last.end.offset == END
    assert read(path, start=last.end) == []


def test_a_line_that_is_too_long_is_one_bad_row(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE", 1 << 20)
    monkeypatch.setattr(module, "BLOCK", 1 << 10)
    long = json.dumps({"a": "x" * (3 << 20)})
    path = write(tmp_path / "a.jsonl", f'{{"a": 1}}\n{long}\n{{"a": 2}}\n{long}')
    (_, one), (_, bad), (place, two), (_, last) = read(path)
    assert (one, two, place) == ({"a": 1}, {"a": 2}, "3")
    assert bad.message == last.message == "the line is longer than 1 MB"


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl: No such file or directory"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="it is a folder, not a file"):
        read(tmp_path)


def test_standard_input(monkeypatch):
    for data in (b'{"a": 1}\n{"a": 2}', gzip.compress(b'{"a": 1}\n{"a": 2}')):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        (chunk,) = read_chunks("-")
        assert list(chunk.rows) == [{"a": 1}, {"a": 2}]
        assert (chunk.place(1), chunk.read) == ("-:2", None)


def test_what_can_be_read_only_once(tmp_path):
    assert is_stream("-")
    assert is_stream("/dev/null")
    assert not is_stream(str(write(tmp_path / "a", "")))
    assert not is_stream(str(tmp_path / "none"))


def test_a_table_on_one_line_is_as_many_rows(tmp_path):
    table = {"step": ["7", "7"], "prompt": ["p", "p"], "completion": ["x", "y"], "advantages": [0.5, -0.5], "lr": 1e-6}
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, [table, {**table, "step": ["8", "8"]}, {"a": 1}])))
    expected = [
        {"step": step, "prompt": "p", "completion": text, "advantages": gain, "lr": 1e-6}
        for step in "78"
        for text, gain in (("x", 0.5), ("y", -0.5))
    ]
    assert read(path) == [*zip(["1[0]", "1[1]", "2[0]", "2[1]"], expected, strict=True), ("3", {"a": 1})]


def test_a_table_whose_columns_differ_in_length_is_a_bad_row(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"step": ["7", "7"], "completion": ["x"]}\n')
    ((place, row),) = read(path)
    assert (place, row.message) == ("1[0]", "the columns of this table differ in length: {'step': 2, 'completion': 1}")


def _sizes(draw_from, count, seed):
    rng = random.Random(seed)
    return [rng.choice(draw_from) for _ in range(count)]


@pytest.mark.parametrize("compress", [False, True])
def test_reading_goes_on_from_the_end_of_any_chunk(tmp_path, monkeypatch, compress):
    monkeypatch.setattr(module, "BLOCK", 1 << 12)
    monkeypatch.setattr(module, "CHUNK_ROWS", 50)
    sizes = _sizes([0, 10, 100, 1000, 9000], 1500, seed=3)
    breaks = _sizes(["\n", "\n\n", "\r\n"], 1500, seed=4)
    content = "".join(
        json.dumps({"i": i, "t": "ü" * size}) + end for i, (size, end) in enumerate(zip(sizes, breaks, strict=True))
    )
    path = write(tmp_path / "a.jsonl", gzip.compress(content.encode()) if compress else content)
    chunks = list(read_chunks(str(path)))
    assert [row["i"] for chunk in chunks for row in chunk.rows] == list(range(1500))
    assert len(chunks) > 10
    assert chunks[0].lines[0] == 1
    for number, chunk in enumerate(chunks):
        rest = list(read_chunks(str(path), start=chunk.end))
        assert [(each.rows, each.lines, each.end) for each in rest] == [
            (each.rows, each.lines, each.end) for each in chunks[number + 1 :]
        ]


@given(
    st.lists(
        st.sampled_from(
            [b'{"a": 1}', b'{"a": "}{"}', b"", b" ", b"{", b"}", b'{"a":', b"[]", b"{}{}", b'"\xff"', b"\r"]
        )
    )
)
def test_every_line_that_is_not_blank_is_one_row(tmp_path_factory, lines):
    path = write(tmp_path_factory.mktemp("rows") / "a.jsonl", b"\n".join(lines))
    expected = []
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if line.strip():
            expected.append((str(number), value if isinstance(value, dict) else None))
    assert [(place, row if isinstance(row, dict) else None) for place, row in read(path)] == expected


def test_a_chunk_ends_at_its_bytes_too(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 1 << 16)
    monkeypatch.setattr(module, "BLOCK", 1 << 12)
    path = write(tmp_path / "a.jsonl", "".join(json.dumps({"t": "x" * 10_000}) + "\n" for _ in range(100)))
    assert max(len(chunk.rows) for chunk in read_chunks(str(path))) <= 8


def test_progress_is_the_share_of_the_file(tmp_path):
    path = write(tmp_path / "a.jsonl", "".join(json.dumps({"t": "x" * 1000}) + "\n" for _ in range(5000)))
    shares = [chunk.read for chunk in read_chunks(str(path))]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    assert shares[-1] == 1


def test_columns_in_order_of_their_appearance(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"b": 1}\nbroken\n{"a": 1, "b": 2}\n')
    (chunk,) = read_chunks(str(path))
    assert column_names(chunk) == ["b", "a"]


@pytest.fixture
def parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def write_table(rows, **options):
        path = tmp_path / "a.parquet"
        parquet.write_table(pa.Table.from_pylist(rows), path, **options)
        return path

    return write_table


def test_parquet(parquet):
    rows = [
        {"i": i, "m": [{"role": "assistant", "content": f"c{i}"}], "n": None if i % 3 else 1.5} for i in range(3000)
    ]
    path = parquet(rows, row_group_size=700)
    chunks = list(read_chunks(str(path)))
    assert [row for chunk in chunks for row in chunk.rows] == rows
    assert chunks[0].place(0) == f"{path}:1"
    for chunk in chunks:
        rest = [row for each in read_chunks(str(path), start=chunk.end) for row in each.rows]
        assert rest == rows[chunk.end.line :]
    assert chunks[-1].read == 1.0


def test_of_parquet_only_the_named_columns_are_read(parquet):
    path = parquet([{"i": 1, "image": b"\xff", "r": {"g": "x", "h": 2}}])
    (chunk,) = read_chunks(str(path), names=["i", "r", "r.g", "none"])
    assert [set(row) for row in chunk.rows] == [{"i", "r"}]


def test_parquet_on_standard_input_says_what_to_do(parquet, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(parquet([{"a": 1}]).read_bytes())))
    with pytest.raises(
        DataError, match="^-: Parquet is read from its end, which a stream does not have; name the file"
    ):
        list(read_chunks("-"))


def test_damaged_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read(write(tmp_path / "a.parquet", b"PAR1" + bytes(100)))


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install 'star-r1\[scale\]'"):
        read(write(tmp_path / "a.parquet", b"PAR1" + bytes(100)))


def test_positions_start_at_nothing():
    assert Position() == START == (0, 0)


def test_a_key_that_stands_twice_in_the_first_row_is_refused(tmp_path):
    """Decoders take the last of both; in a table of text, two columns of one name are refused too."""
    row = b'{"id": 1, "target": {"a": 1, "a": 2}, "n": [{"b": 1}, {"b": 2}]}'
    path = write(tmp_path / "a.jsonl", b"\xef\xbb\xbf\n" + row.replace(b"}]}", b'}], "id": 2}') + b"\n" + row + b"\n")
    with pytest.raises(DataError, match=r"a\.jsonl: the key 'id' is there twice in the first row"):
        read(path)
    assert len(read(write(path, row + b"\n"))) == 1


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_table_on_one_line_without_steps_is_refused(tmp_path, name):
    """`to_dict("list")` of pandas and `to_dict` of datasets: as one row it was attempts at a target of several items."""
    table = {"id": ["a", "b"], "completion": ["x", "y"], "target": ["2.color.cyan", "1.size.small"]}
    ((_, bad),) = read(write(tmp_path / name, json.dumps(table).encode()))
    assert bad.message.startswith(
        "each of its columns is a list of 2 values, as of a table on one line; write a row on"
    )
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "x"}]
    for row in (
        table | {"id": "a"},
        table | {"target": ["2.color.cyan"]},
        {"messages": messages, "target": table["target"]},
        {"completions": ["x", "y"]},
        {"completion": ["x"], "target": ["2.color.cyan"]},
        {},
    ):
        assert read(write(tmp_path / "b.jsonl", json.dumps(row).encode())) == [("1", row)]
