"""The same rows in a file of any kind are the same rows, with a place each; what is wrong is said once, in words."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import re
import sys
import zipfile
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard

from benchmarks.files import documents, sources
from benchmarks.files.kinds import kind_of
from benchmarks.files.paths import find_files
from benchmarks.files.sources import END, BadRow, read_chunks
from benchmarks.run.rewards import score_rewards
from rewards.errors import ConfigError, DataError

LOGS = Path(__file__).parents[2] / "golden" / "logs"
RIGHT = "<think>It turned.</think>\n<answer>2.color.cyan</answer>"
WRONG = '<think>"Quoted", ü; a\ttab | and\r\nlines, 蓝。</think><answer>2.color.red</answer>'
ROWS = [
    {"id": "a", "completion": RIGHT, "target": "2.color.cyan"},
    {"id": "b", "completion": WRONG, "target": "2.color.cyan"},
    {"id": "c", "completion": "", "target": "1.size.small"},
    {"id": "d", "completion": "[]", "target": "1.size.small"},
]


def lines_of(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def table_of(rows, **options):
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, rows[0], **options)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def workbook_of(rows):
    book = openpyxl.Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def arrow_of(rows, opened):
    table, buffer = pa.Table.from_pylist(rows), io.BytesIO()
    with opened(buffer, table.schema) as writer:
        writer.write_table(table, 2)
    return buffer.getvalue()


def pandas_of(method, **options):
    def write(rows):
        buffer = io.BytesIO()
        getattr(pd.DataFrame(rows), method)(buffer, **options)
        return buffer.getvalue()

    return write


KINDS = {
    "rows.jsonl": lines_of,
    "rows.json": lines_of,
    "rows.txt": lines_of,
    "array.json": lambda rows: json.dumps(rows).encode(),
    "array.jsonl": lambda rows: json.dumps(rows, indent=2, ensure_ascii=False).encode(),
    "array": lambda rows: b"\xef\xbb\xbf \n" + json.dumps(rows, indent="\t").encode(),
    "pandas.json": pandas_of("to_json", orient="records", indent=2),
    "held.json": lambda rows: json.dumps({"model": "m", "data": rows, "n": 4}, indent=1).encode(),
    "held": lambda rows: json.dumps({"rows": rows}, indent=1).encode(),
    "rows.csv": table_of,
    "rows.CSV": lambda rows: b"\xef\xbb\xbf" + table_of(rows, lineterminator="\n"),
    "semicolons.csv": lambda rows: table_of(rows, delimiter=";"),
    "bars.csv": lambda rows: table_of(rows, delimiter="|"),
    "rows.tsv": lambda rows: table_of(rows, delimiter="\t"),
    "quoted.tsv": lambda rows: table_of(rows, delimiter="\t", quoting=csv.QUOTE_ALL),
    "named-nothing": table_of,
    "pandas.csv": pandas_of("to_csv", index=True),
    "rows.xlsx": workbook_of,
    "pandas.xlsx": pandas_of("to_excel", index=False),
    "rows.parquet": pandas_of("to_parquet"),
    "file.arrow": lambda rows: arrow_of(rows, pa.ipc.new_file),
    "stream.arrow": lambda rows: arrow_of(rows, pa.ipc.new_stream),
}
PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


def read(path, **options):
    return [row for chunk in read_chunks(str(path), **options) for row in chunk.rows]


def places(path):
    return [chunk.place(at).rpartition(":")[2] for chunk in read_chunks(str(path)) for at in range(len(chunk.rows))]


def write(path, content):
    path.write_bytes(content)
    return path


def known(rows):
    """Return what is ours of the rows: pandas adds an index."""
    return [{name: value for name, value in row.items() if name in ROWS[0]} for row in rows]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_holds_the_same_rows(tmp_path, name):
    path = write(tmp_path / name, KINDS[name](ROWS))
    expected = ROWS
    if name.endswith(".xlsx"):  # whose XML knows one line break only
        expected = [{**row, "completion": row["completion"].replace("\r\n", "\n")} for row in ROWS]
    assert known(read(path)) == expected
    plain = write(tmp_path / "plain.jsonl", lines_of(expected))
    found = score_rewards([str(path)]).as_dict()
    named = {each: found[each] for each in ("faults", "source")}  # which name their file
    assert found == score_rewards([str(plain)]).as_dict() | named


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("name", [name for name in KINDS if not name.endswith((".xlsx", ".parquet", ".arrow"))])
def test_every_kind_of_text_may_be_compressed(tmp_path, name, packed):
    path = write(tmp_path / f"{name}{packed}", PACKED[packed](KINDS[name](ROWS)))
    assert known(read(path)) == ROWS


@pytest.mark.parametrize("packed", PACKED)
def test_several_compressed_parts_are_one_file(tmp_path, packed):
    path = write(tmp_path / "rows", PACKED[packed](b'{"a": 1}\n{"a"') + PACKED[packed](b": 2}\n"))
    assert read(path) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.parquet", "file.arrow"])
def test_what_is_read_from_its_end_is_neither_compressed_nor_piped(tmp_path, monkeypatch, name):
    content = KINDS[name](ROWS)
    with pytest.raises(DataError, match="from its end, which a compressed file does not have; decompress it"):
        read(write(tmp_path / f"{name}.gz", gzip.compress(content)))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(DataError, match="^-: .* from its end, which a stream does not have; name the file"):
        read("-")


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "array.json", "held", "rows.jsonl"])
def test_kinds_of_text_are_known_on_standard_input(monkeypatch, name):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(KINDS[name](ROWS))))
    assert read("-") == ROWS


def test_places_are_lines_of_tables_and_numbers_elsewhere(tmp_path):
    table = b'id,completion,target\n\n1,a,b\n2,"two\nlines",b\n3,a,b\n'
    assert places(write(tmp_path / "a.csv", table)) == ["3", "4", "6"]
    assert places(write(tmp_path / "b.csv", b"\n\n" + table)) == ["5", "6", "8"]
    assert places(write(tmp_path / "a.xlsx", workbook_of(ROWS))) == ["2", "3", "4", "5"]
    assert places(write(tmp_path / "a.json", KINDS["pandas.json"](ROWS))) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("name", ["rows.csv", "rows.xlsx", "array.json", "held.json", "file.arrow", "stream.arrow"])
def test_reading_goes_on_from_the_end_of_any_chunk(tmp_path, monkeypatch, name):
    for module in (sources, documents):
        monkeypatch.setattr(module, "_STEP" if module is documents else "CHUNK_ROWS", 7)
    rows = [{"id": str(number), "completion": "x" * (number % 5), "target": "t"} for number in range(40)]
    path = write(tmp_path / name, KINDS[name](rows))
    chunks = list(read_chunks(str(path)))
    assert [row for chunk in chunks for row in chunk.rows] == rows
    assert len(chunks) > 3
    for number, chunk in enumerate(chunks):
        assert list(read_chunks(str(path), start=chunk.end)) == chunks[number + 1 :]


def test_chunks_of_large_rows_are_small(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_BYTES", 10_000)
    rows = [{"id": str(number), "completion": "x" * 3000, "target": "t"} for number in range(20)]
    for name in ("rows.csv", "rows.xlsx", "array.json"):
        path = write(tmp_path / name, KINDS[name](rows))
        assert max(len(chunk.rows) for chunk in read_chunks(str(path))) == 4


def test_frames_of_zstd_that_hold_something_else_are_passed_over(tmp_path):
    """pzstd and the seekable format write such; their first byte is 50 to 5f."""
    for at, number in enumerate(range(0x50, 0x60)):
        other = bytes([number]) + b"\x2a\x4d\x18" + (100_000 * at).to_bytes(4, "little") + b"?" * 100_000 * at
        half = [zstandard.compress(lines_of(some)) for some in (ROWS[:2], ROWS[2:])]
        path = write(tmp_path / "a.jsonl.zst", other + half[0] + other + other + half[1] + other)
        assert read(path) == ROWS


def test_rows_under_two_keys_of_a_document_are_refused(tmp_path):
    path = write(tmp_path / "a.json", json.dumps({"rows": ROWS[:1], "n": [1], "data": ROWS}).encode())
    with pytest.raises(DataError, match=r"a\.json: rows stand under rows and data; write those that are meant"):
        read(path)
    path.write_text(json.dumps({"rows": [], "data": ROWS}))
    assert read(path) == ROWS


@pytest.mark.parametrize("name", ["a.jsonl", "array.json", "held.json", "a.parquet", "a.arrow"])
def test_nan_is_null(tmp_path, name):
    """pandas and numpy say so that a value is missing; as a group it was one with all others, as words a target."""
    rows = [{"id": 1.5, "prompt_id": float("nan"), "completion": "x", "n": float("inf")}, {"id": float("nan")}]
    rows[1] |= {"prompt_id": 2.0, "completion": "y", "n": 1.0}
    if name.endswith((".parquet", ".arrow")):
        table = pa.Table.from_pylist(rows)
        if name == "a.parquet":
            pyarrow.parquet.write_table(table, tmp_path / name)
        else:
            write(tmp_path / name, arrow_of(rows, pa.ipc.new_file))
    else:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        write(
            tmp_path / name,
            {"a": lines, "array": json.dumps(rows), "held": json.dumps({"rows": rows})}[name.split(".")[0]].encode(),
        )
    first, second = read(tmp_path / name)
    assert first == {"id": 1.5, "prompt_id": None, "completion": "x", "n": float("inf")}
    assert second["id"] is None


# --- tables of text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"1,a", "the row has 2 cells, and the header 3"),
        (b"1,a,b,c", "the row has 4 cells, and the header 3"),
        (b"1,\xff,b", "invalid UTF-8: byte 0xff"),
        (b'1,"a"b,c', "broken row of a table: ',' expected after '\"'"),
    ],
)
def test_a_broken_row_of_a_table_is_alone(tmp_path, line, message):
    path = write(tmp_path / "a.csv", b"id,completion,target\n0,x,y\n" + line + b"\n2,x,y\n")
    first, bad, last = read(path)
    assert (first["id"], bad, last["id"]) == ("0", BadRow(message), "2")
    assert places(path) == ["2", "3", "4"]


def test_a_quotation_mark_that_is_not_closed_takes_what_follows(tmp_path):
    path = write(tmp_path / "a.csv", b'id,completion,target\n0,x,y\n1,"x,y\n2,x,y\n')
    first, bad = read(path)
    assert first["id"] == "0"
    assert bad.message.startswith("broken row of a table: unexpected end of data")


def test_messages_in_a_table_are_messages(tmp_path):
    messages = [{"role": "assistant", "content": "it's <answer>"}]
    rows = [
        {"id": "1", "completion": json.dumps(messages), "target": "t"},
        {"id": "2", "completion": str(messages), "target": "t"},  # as pandas writes a list
        {"id": "3", "completion": '{"role": broken', "target": "t"},
    ]
    assert [row["completion"] for row in read(write(tmp_path / "a.csv", table_of(rows)))] == [
        messages,
        messages,
        '{"role": broken',
    ]


def test_a_table_with_one_column_twice_is_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array(["1"])] * 3, names=["a", "b", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    write(tmp_path / "a.csv", b"a,b,a\n1,2,3\n")
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(DataError, match=rf"{name}: the column 'a' is there twice"):
            read(tmp_path / name)


def test_a_header_alone_is_no_row(tmp_path):
    assert read(write(tmp_path / "a.csv", b"id,completion\n")) == []
    assert read(write(tmp_path / "b.csv", b"\n\n")) == []
    assert read(write(tmp_path / "a.xlsx", workbook_of(ROWS[:1]))) == [ROWS[0]]


def test_a_long_cell_is_read_and_the_limit_of_others_is_left_alone(tmp_path):
    before = csv.field_size_limit()
    rows = [{"id": "1", "image": "x" * 1_000_000, "completion": "c"}]
    assert read(write(tmp_path / "a.tsv", table_of(rows, delimiter="\t"))) == rows
    assert csv.field_size_limit() == before


def test_a_workbook_keeps_text_as_it_is(tmp_path):
    book = openpyxl.Workbook()
    for row in (["index", "prediction", "answer"], [1, 2.5, "=B"], [], [3, None, True]):
        book.active.append(row)
    book.create_sheet("empty")
    book.save(tmp_path / "a.xlsx")
    assert read(tmp_path / "a.xlsx") == [
        {"index": "1", "prediction": "2.5", "answer": "=B"},
        {"index": "3", "prediction": "", "answer": "True"},
    ]
    book["empty"].append(["more"])
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(DataError, match="the sheets Sheet, empty have rows; keep one of them"):
        read(tmp_path / "b.xlsx")


@pytest.mark.parametrize(
    ("stored", "read_as"),
    [(b"<v>3</v>", "3"), (b"", "=1+2"), (b"<v/>", "=1+2")],
)
def test_a_formula_is_the_value_that_is_stored_with_it(tmp_path, stored, read_as):
    """As it was typed where none is: pandas writes an answer that begins with "=" as a formula."""
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in (["id", "answer"], ["1", "plain"], [], ["2", "=1+2"]):
        book.active.append(row)
    book.save(buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, re.sub(rb"(<f>[^<]*</f>)<v ?/>", rb"\1" + stored, old.read(name)))
    path = tmp_path / "a.xlsx"
    assert read(path) == [{"id": "1", "answer": "plain"}, {"id": "2", "answer": read_as}]
    assert places(path) == ["2", "4"]


def test_a_formula_with_an_error_for_a_value_is_what_was_typed(tmp_path):
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in (["id", "answer"], ["1", "=B"]):
        book.active.append(row)
    book.save(buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new:
        for name in old.namelist():
            typed = old.read(name).replace(b'<c r="B2"', b'<c r="B2" t="e"')
            new.writestr(name, re.sub(rb"(<f>[^<]*</f>)<v ?/>", rb"\1<v>#NAME?</v>", typed))
    assert read(tmp_path / "a.xlsx") == [{"id": "1", "answer": "=B"}]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_empty_target_of_a_table_is_none(tmp_path, kind):
    """As text it would be the empty list: merged cells, and tables with rows that lack a target, would be scored by it."""
    text = "<think>b</think><answer></answer>"
    rows = [
        {"id": str(at), "completion": text, "target": each} for at, each in enumerate(["2.color.cyan", "", " ", "none"])
    ]
    path = write(tmp_path / f"a.{kind}", table_of(rows) if kind == "csv" else workbook_of(rows))
    errors = []
    summary = score_rewards([str(path)], on_error=errors.append)
    assert (summary.rows, summary.errors) == (2, 2)
    assert summary.accuracy.value == 0.5
    told = "the cell under 'target' is empty; where a list is right that holds nothing, write none"
    assert errors == [f"{path}:{line}: {told}" for line in (3, 4)]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_empty_cells_of_a_table_are_null(tmp_path, kind):
    """Rows without a prompt_id were one group, and rows without options or a task were errors."""
    text = "<think>b</think><answer>{}</answer>"
    given = [("p", "left", '["right", "left"]', "mindcube"), ("p", "B", "", ""), ("", "B", "", ""), ("", "A", "", "")]
    names = ("prompt_id", "completion", "options", "task")
    rows = [
        {
            "id": "",
            "target": "B",
            "references": "",
            **dict(zip(names, each, strict=True)),
            "completion": text.format(each[1]),
        }
        for each in given
    ]
    path = write(tmp_path / f"a.{kind}", table_of(rows) if kind == "csv" else workbook_of(rows))
    errors = []
    summary = score_rewards([str(path)], task="multiview", on_error=errors.append, out=str(tmp_path / "out.jsonl"))
    assert (errors, summary.rows, summary.accuracy.value, summary.groups.groups) == ([], 4, 0.75, 1)
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in out] == [f"{path}:{line}" for line in (2, 3, 4, 5)]


def test_a_cell_that_excel_cut_off_is_no_completion(tmp_path):
    path = write(
        tmp_path / "a.xlsx", workbook_of([{"id": "1", "completion": "x" * 40_000}, {"id": "2", "completion": "y"}])
    )
    bad, good = read(path)
    assert bad == BadRow("a cell is cut off at 32,767 characters, which is all that Excel keeps")
    assert good == {"id": "2", "completion": "y"}


def test_a_damaged_workbook_is_named(tmp_path):
    content = workbook_of(ROWS)
    with pytest.raises(DataError, match="the archive is damaged"):
        read(write(tmp_path / "a.xlsx", content[: len(content) // 2]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<no")
    with pytest.raises(DataError, match="not a readable Excel workbook"):
        read(write(tmp_path / "b.xlsx", buffer.getvalue()))


# --- documents of JSON ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "good", "message"),
    [
        (b'[{"a": 1}, 7, {"a": 2}]', [1, 2], "a row is a JSON object, and this is none"),
        (b'[{"a": 1}, {"a": 2}', [1, 2], "broken JSON: the array is not closed; nothing from here on can be read"),
        (b'[{"a": 1}, {"a": 2}] {', [1, 2], "broken JSON: there is more behind the end of the array; nothing"),
        (b'[{"a": 1} {"a": 2}]', [1], "broken JSON: '{' stands where a comma should; nothing"),
        (b'[{"a": 1}, {"a" 2}]', [1], "broken JSON: Expecting ':' delimiter; nothing"),
        (b'[{"a": 1}, {"a": "\xff"}]', [], "invalid UTF-8: byte 0xff; nothing"),
        (b"[" + b'{"a":' * 100_000, [], "broken JSON: maximum recursion depth"),
    ],
)
def test_a_broken_array_keeps_what_stands_before(tmp_path, content, good, message):
    rows = read(write(tmp_path / "a.json", content))
    assert [row["a"] for row in rows if isinstance(row, dict)] == good
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert bad.message.startswith(message)


def test_arrays_take_what_lines_take(tmp_path):
    path = write(tmp_path / "a.json", rb'[{"a": NaN, "b": "\ud83d\ude00 \ud800 x"}]')
    ((row),) = read(path)
    assert row["a"] is None
    assert row["b"] == "\N{GRINNING FACE} \N{REPLACEMENT CHARACTER} x"


def test_an_array_is_read_whatever_the_length_of_what_is_read_at_a_time(tmp_path, monkeypatch):
    path = write(tmp_path / "a.json", json.dumps(ROWS, indent=3, ensure_ascii=False).encode())
    for step in (1, 2, 3, 5, 64):
        monkeypatch.setattr(documents, "_STEP", step)
        assert read(path) == ROWS


def test_one_object_over_many_lines_is_one_row(tmp_path):
    for name in ("a.json", "a"):
        assert read(write(tmp_path / name, json.dumps(ROWS[0], indent=2).encode())) == [ROWS[0]]
    row = {"messages": [{"role": "user", "content": "p"}], "target": "t"}  # whose list is no list of rows
    assert read(write(tmp_path / "b.json", json.dumps(row).encode())) == [row]


def test_a_broken_document_is_named_once(tmp_path):
    with pytest.raises(DataError, match=r"a\.json: broken JSON: Expecting ',' delimiter"):
        read(write(tmp_path / "a.json", b'{\n "a": 1\n "b": 2\n}\n'))


def test_lines_are_lines_whatever_the_first_holds(tmp_path):
    path = write(tmp_path / "a.jsonl", b'[1]\n{"a": 1}\n')
    assert [isinstance(row, BadRow) for row in read(path)] == [True, False]
    path = write(tmp_path / "b.json", b'{"a": 1\n{"a": 1}\n')
    assert [isinstance(row, BadRow) for row in read(path)] == [True, False]


# --- Arrow ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["file.arrow", "stream.arrow", "rows.parquet"])
def test_only_the_named_columns_are_read(tmp_path, name):
    path = write(tmp_path / name, KINDS[name](ROWS))
    assert read(path, names=["id", "target", "none"]) == [{"id": row["id"], "target": row["target"]} for row in ROWS]


def test_a_data_set_on_disk(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {name: datasets.Value("string") for name in ROWS[0]} | {"answer": datasets.ClassLabel(names=["A", "B"])}
    )
    rows = [{**row, "answer": at % 2} for at, row in enumerate(ROWS * 500)]
    whole = datasets.Dataset.from_list(rows, features=features)
    whole.select(range(1, 2000)).save_to_disk(str(tmp_path / "set"), num_shards=3)
    expected = [{**row, "answer": "AB"[row["answer"]]} for row in rows[1:]]
    assert read(tmp_path / "set") == expected
    chunks = list(read_chunks(str(tmp_path / "set")))
    assert chunks[0].place(0) == f"{tmp_path / 'set'}:1"
    rest = [row for chunk in read_chunks(str(tmp_path / "set"), start=chunks[1].end) for row in chunk.rows]
    assert rest == expected[chunks[1].end.line :]
    whole.to_parquet(str(tmp_path / "a.parquet"))
    assert [row["answer"] for row in read(tmp_path / "a.parquet")[:2]] == ["A", "B"]
    (tmp_path / "set" / "state.json").write_text("{}")
    with pytest.raises(DataError, match=r"set: its state\.json is damaged"):
        read(tmp_path / "set")


def test_the_only_split_of_a_data_set_on_disk_is_meant(tmp_path):
    datasets = pytest.importorskip("datasets")
    split = datasets.Dataset.from_list(ROWS)
    datasets.DatasetDict({"test": split}).save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"test": split, "train": split}).save_to_disk(str(tmp_path / "two"))
    assert find_files([str(tmp_path / "one")]) == [str(tmp_path / "one" / "test")]
    assert score_rewards([str(tmp_path / "one")]).rows == 4
    with pytest.raises(DataError, match=r"two: a data set with the splits test, train; name one, as in .*two/test"):
        find_files([str(tmp_path / "two")])
    assert find_files([str(tmp_path / "two" / "train")]) == [str(tmp_path / "two" / "train")]


# --- bad ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "array.json"])
@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("count", [40, 12_000])
def test_a_compressed_file_that_is_cut_off_keeps_the_rows_before(tmp_path, name, packed, count):
    rows = [
        {"id": str(number), "completion": f"{number * 7919 % 10007} {number}", "target": "t"} for number in range(count)
    ]
    content = PACKED[packed](KINDS[name](rows))
    found = read(
        write(tmp_path / f"{name}{packed}", content[:-5] if packed == ".gz" else content[: len(content) * 9 // 10])
    )
    *good, bad = found
    assert good == rows[: len(good)]
    assert bad.message.startswith("the compressed data is damaged, and nothing from here on can be read: ")
    if packed in (".gz", ".zst") and count > 40:
        assert len(good) > count // 2
    if packed == ".gz":  # of which only the checksum is missing
        assert len(good) >= count - 1
    assert list(read_chunks(str(tmp_path / f"{name}{packed}")))[-1].end.offset == END


@pytest.mark.parametrize("packed", PACKED)
def test_broken_data_keeps_the_rows_before(tmp_path, packed):
    rows = [{"id": str(number), "completion": f"{number * 7919 % 10007}", "target": "t"} for number in range(30_000)]
    content = bytearray(PACKED[packed](lines_of(rows)))
    content[len(content) * 3 // 4 :] = bytes(len(content) - len(content) * 3 // 4)
    found = read(write(tmp_path / "a", bytes(content)))
    good = next(at for at, row in enumerate(found) if isinstance(row, BadRow))  # of gzip some lines are broken first
    assert found[:good] == rows[:good]
    assert good > 10_000
    assert found[-1].message.startswith("the compressed data is damaged")


def test_a_wrong_checksum_takes_no_rows(tmp_path):
    *good, bad = read(write(tmp_path / "a.gz", gzip.compress(lines_of(ROWS))[:-8] + b"\1\2\3\4\5\6\7\0"))
    assert good == ROWS
    assert "CRC check failed" in bad.message
    *good, bad = read(write(tmp_path / "a.gz", gzip.compress(lines_of(ROWS)) + b"more"))
    assert good == ROWS
    assert "Not a gzipped file" in bad.message


@pytest.mark.parametrize(
    "name", [*KINDS, "inspect.eval", "inspect.json", *(f"rows.jsonl{packed}" for packed in PACKED)]
)
def test_a_damaged_file_of_any_kind_is_told_in_words(tmp_path, name):
    """It holds bad rows, or is refused with its name; nothing else is raised, whatever the damage."""
    if name.startswith("inspect"):
        content = (LOGS / name).read_bytes()
    else:
        content = KINDS[name](ROWS) if name in KINDS else PACKED[name.removeprefix("rows.jsonl")](lines_of(ROWS))
    rng = random.Random(name)
    for _ in range(25):
        damaged = bytearray(content)
        for _ in range(rng.choice([1, 2, 9])):
            at = rng.randrange(len(damaged))
            damaged[at : at + rng.choice([0, 1, 20])] = rng.randbytes(rng.choice([0, 1, 5]))
        path = write(tmp_path / name, bytes(damaged))
        try:
            assert all(isinstance(row, dict | BadRow) for row in read(path))
        except DataError as error:
            assert str(error).startswith(str(path))


# --- what holds no rows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "id,target\n1,ü\n".encode("utf-16"),
            "this is text in UTF-16, and .*; convert it with: iconv -f UTF-16 -t UTF-8",
        ),
        (lines_of(ROWS).decode().encode("utf-16-le"), "this is text in UTF-16, and .*iconv -f UTF-16LE -t UTF-8"),
        (lines_of(ROWS).decode().encode("utf-16-be"), "this is text in UTF-16, and .*iconv -f UTF-16BE -t UTF-8"),
        (lines_of(ROWS).decode().encode("utf-32"), "this is text in UTF-32, and"),
        (bytes(range(256)) * 4, "this is a binary file, and rows are read from JSON Lines"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "this is a binary file, and"),
        (b"\x80\x04\x95" + bytes(50), "this is a Python pickle, and .*; which may run any program"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), r"this is an Excel workbook of the old kind, and .*; save it as \.xlsx"),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a"])
def test_what_is_no_text_of_ours_is_named_once(tmp_path, name, content, message):
    for path, data in ((tmp_path / name, content), (tmp_path / f"{name}.gz", gzip.compress(content))):
        with pytest.raises(DataError, match=message) as error:
            read(write(path, data))
        assert str(error.value).startswith(f"{path}: this is ")


def test_a_line_with_a_control_character_is_the_lines_own_fault(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"a": "\x00\x01"}\n{"a": 1}\n')
    assert [isinstance(row, BadRow) for row in read(path)] == [True, False]


def test_another_archive_is_named_with_what_it_holds(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/rows.jsonl", "{}")
    with pytest.raises(DataError, match=r"this is a zip archive of a/rows\.jsonl; unpack it"):
        read(write(tmp_path / "a.zip", buffer.getvalue()))


@pytest.mark.parametrize(
    ("name", "package"),
    [("rows.xlsx", "openpyxl"), ("rows.parquet", "pyarrow"), ("stream.arrow", "pyarrow"), ("z.zst", "zstandard")],
)
def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch, name, package):
    content = zstandard.compress(lines_of(ROWS)) if name == "z.zst" else KINDS[name](ROWS)
    path = write(tmp_path / name, content)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install 'star-r1\[scale\]'"):
        read(path)


def test_suffixes_decide_between_kinds_of_text_alone():
    assert kind_of("a.csv", b"id\n1\n") == "table"
    assert kind_of("a.jsonl", b"id,target\n1,2\n") == "lines"
    assert kind_of("a", b"no table, but prose.\n") == "lines"
    assert kind_of("a.txt", b"id\ttarget\n") == "table"
    assert kind_of("a.csv", b'{"id": 1}') == "lines"


@pytest.mark.parametrize("name", ["README.md", "rewards.py", "rows.json", "rows.yaml", "rows.md.gz"])
def test_text_of_another_kind_is_told_once_for_the_file(name):
    with pytest.raises(DataError, match=r"this is text without a JSON object .* \(it begins '# Rows'\), and rows are"):
        kind_of(name, b"# Rows\n\nas people write them:\n    {index}.{value}\n")
    assert kind_of(name, b'a line of a log\n{"id": 1}\n') == "lines"


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "json", "jsonl"])
def test_a_file_that_is_left_after_its_first_rows_says_nothing(tmp_path, monkeypatch, suffix):
    """Columns are looked for in the first chunk: what reads the file ends before the file is closed."""
    rows = [{"completion": RIGHT, "target": "2.color.cyan"}] * (3 * sources.CHUNK_ROWS)
    data = {"json": lambda: json.dumps(rows).encode(), "jsonl": lambda: lines_of(rows)}.get(
        suffix, lambda: table_of(rows)
    )()
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    assert score_rewards([str(path)]).rows == len(rows)
    chunks = read_chunks(str(path))
    next(chunks)
    chunks.close()
    assert said == []


# --- dates ------------------------------------------------------------------------------------------------------------

DATES = [
    (datetime.fromisoformat("2026-03-04"), "2026-03-04"),
    (date(2026, 3, 4), "2026-03-04"),
    (datetime.fromisoformat("2026-03-04 15:30"), "2026-03-04 15:30:00"),
    (time(1, 30), "01:30:00"),
]


def dated(path, *rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return str(path)


@pytest.mark.parametrize(("value", "text"), DATES, ids=str)
def test_a_date_of_a_workbook_is_that_of_a_table_of_text(tmp_path, value, text):
    header, completion = ["id", "completion", "answer", "day"], "<think>a</think><answer>B</answer>"
    book = dated(tmp_path / "a.xlsx", header, [value, completion, "B", value])
    (tmp_path / "a.csv").write_text(f"{','.join(header)}\n{text},{completion},B,{text}\n")
    assert (
        read(Path(book))
        == read(tmp_path / "a.csv")
        == [{"id": text, "completion": completion, "answer": "B", "day": text}]
    )
    predictions = dated(tmp_path / "p.xlsx", header[:2], [value, completion])
    assert score_rewards([predictions], task="mmsi", targets=str(tmp_path / "a.csv")).accuracy.value == 1.0


@pytest.mark.parametrize(("value", "text"), DATES, ids=str)
def test_a_completion_or_target_that_is_a_date_is_told(tmp_path, value, text):
    completion = "<think>a</think><answer>3/4</answer>"
    says = "is a date, {}, which Excel makes of 3/4 or 1:2; type it into a cell of the format Text"
    header = ["id", "completion", "answer"]
    path = dated(tmp_path / "a.xlsx", header, [1, completion, value], [2, value, "3/4"], [3, completion, "3/4"])
    errors = []
    assert score_rewards([path], task="text", on_error=errors.append).rows == 1
    assert errors == [f"{path}:2: the target {says.format(text)}", f"{path}:3: the completion {says.format(text)}"]
    with pytest.raises(DataError, match=f"a.xlsx:2: the target {says.format(text)}"):
        score_rewards([path], task="text", targets=path)
