"""Rows decoded by their columns alone are those decoded whole: the same values, errors and lines, whatever stands in a file."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.files import sources
from benchmarks.files.blocks import row_decoder, spread_attempts
from benchmarks.files.columns import find_columns
from benchmarks.files.sources import read_chunks
from benchmarks.run.score_files import Reading

HEAD = [
    {"id": 1, "prompt_id": 7, "completion": "a", "target": "2.color.cyan", "scene": 3, "step": 1},
    {"id": 2, "prompt_id": 7, "completion": "b", "target": "2.color.cyan", "scene": 3, "step": 1},
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.sampled_from(["2.color.cyan", "x"]),
    st.lists(st.sampled_from(["a", "b", 1]), max_size=3),
    st.dictionaries(st.sampled_from(["role", "content", "a"]), st.text(max_size=3), max_size=2),
)
NAMES = [
    "id",
    "prompt_id",
    "completion",
    "response",
    "target",
    "answer",
    "scene",
    "step",
    "gen_step",
    "doc_id",
    "other",
    "ü",
]
ROWS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
BYTES = st.sampled_from(
    [b"{", b"}", b'"', b",", b":", b"\\", b"\xff", b"\xc3", b"\n", b" ", b"0", b"N", b"[", b"\x00", b"\xed\xa0\x80"]
)


def mutated(line, at, byte, cut):
    at %= len(line) + 1
    return line[:at] + byte + line[at + cut :]


LINES = st.one_of(
    ROWS.map(lambda row: json.dumps(row).encode()),
    ROWS.map(lambda row: json.dumps(row, ensure_ascii=False).encode()),
    st.builds(
        mutated,
        ROWS.map(lambda row: json.dumps({**HEAD[0], **row}).encode()),
        st.integers(0, 200),
        BYTES,
        st.integers(0, 2),
    ),
    st.sampled_from([b"", b"  ", b"[1]", b"7", json.dumps(HEAD[0]).encode() * 2]),
)


def read(path, reading, columns, *, typed):
    """Return every row as it is scored, or what is wrong with it."""
    found = {}
    decode = reading.decoder(columns, None) if typed else None
    assert not typed or decode is not None
    kinds = set()
    for chunk in read_chunks(path, decode=decode, rows=3):
        kinds.add(chunk.typed)
        block = reading.read(chunk, columns, None)
        place = block.chunk.place
        errors = {place(at): message for at, message in block.errors.items()}
        given = {
            place(at): {role: values[at] for role, values in block.given.items()} for at in range(len(block.chunk.rows))
        }
        rows = zip(
            *(values for values in block.columns.values()),
            block.ids(),
            block.groups(),
            block.group_labels(),
            strict=True,
        )
        good = {place(at): row for at, row in zip(block.at, rows, strict=True)}
        for key, values in given.items():
            found[key] = (values, errors.get(key), good.get(key), block.group_name)
    return found, kinds


def compare(path, content, head=None, **options):
    """Compare both ways of reading; columns are those of *head*, or of the content itself."""
    path.write_bytes(content if head is None else b"".join(json.dumps(row).encode() + b"\n" for row in head))
    reading = Reading(**options)
    columns = reading.find(next(read_chunks(str(path))))
    path.write_bytes(content)
    plain, _ = read(str(path), reading, columns, typed=False)
    quick, kinds = read(str(path), reading, columns, typed=True)
    assert json.dumps(list(plain)) == json.dumps(list(quick))
    for key, row in plain.items():
        assert repr(quick[key]) == repr(row)
    return kinds


HEADS = st.sampled_from(
    [
        HEAD,
        [{**row, "response": row["completion"], "answer": row["target"]} for row in HEAD],
        [{"completion": "a", "target": "t", "doc_id": 4, "prompt": "p", "scene": 1}],
        [{"response": "a", "answer": "t", "id": 4, "uid": 5}],
    ]
)


@given(HEADS, st.lists(LINES, max_size=12))
@settings(max_examples=400, deadline=None)
def test_any_lines(tmp_path_factory, head, lines):
    usual = [json.dumps(row).encode() for row in head]
    compare(tmp_path_factory.getbasetemp() / "any.jsonl", b"\n".join([*usual, *lines]), head)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_many_mutated_lines(tmp_path, seed):
    """What a decoder that skips columns might not look at: each byte of a line replaced, left out and doubled."""
    rng = random.Random(seed)
    row = {**HEAD[0], "other": ["é", {"k": [1, -2.5e3, None]}], "more": 'a\\n"b'}
    line = json.dumps(row, ensure_ascii=bool(seed % 2)).encode()
    bytes_of = b'{}[]",:\\u0123456789eE+-.tfn \x00\x01\t\xff\xc3\xed\xa0\x80NaI'
    lines = [json.dumps(row).encode()] * 2
    for at in range(len(line)):
        for _ in range(40):
            lines.append(mutated(line, at, bytes([rng.choice(bytes_of)]), rng.randrange(3)))
            lines.append(mutated(lines[-1], rng.randrange(len(line)), bytes([rng.choice(bytes_of)]), rng.randrange(3)))
    compare(tmp_path / "many.jsonl", b"\n".join(lines), [row])


def test_usual_rows_are_decoded_by_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK", 300)
    rows = [json.dumps({**HEAD[0], "id": n}).encode() for n in range(40)]
    assert compare(tmp_path / "a.jsonl", b"\n".join(rows), HEAD) == {True}
    rows[20] = b'{"completion": null, "target": "x"}'
    assert compare(tmp_path / "b.jsonl", b"\n".join(rows), HEAD) == {True, False}


@pytest.mark.parametrize(
    "odd",
    [
        {"response": "another"},
        {"answer": "9.color.red"},
        {"completion": ["a", "b"]},
        {"completion": None},
        {"target": None},
        {"step": [1, 2], "completion": ["a", "b"], "target": ["x", "y"], "id": [1, 2], "prompt_id": [1, 1]},
        {"gen_step": [1]},
        {"id": None, "doc_id": 9},
    ],
)
def test_what_needs_a_second_look_gets_it(tmp_path, odd):
    head = [{**HEAD[0], "response": "a", "answer": "2.color.cyan", "doc_id": None}] * 2
    lines = [json.dumps(row).encode() for row in [*head, {**HEAD[0], **odd}, *head]]
    compare(tmp_path / "a.jsonl", b"\n".join(lines), head)


def test_columns_inside_of_columns_are_decoded_whole(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"completion": "a", "reward_model": {"ground_truth": "2.color.cyan"}}))
    chunk = next(read_chunks(str(path)))
    assert row_decoder(find_columns(chunk, needed=("completion", "target"))) is None


def test_attempts_and_tables_are_spread(tmp_path):
    lines = [{**HEAD[0]}, {**HEAD[0], "completion": ["a", "b"]}]
    path = tmp_path / "a.jsonl"
    kinds = compare(path, b"".join(json.dumps(row).encode() + b"\n" for row in lines))
    assert kinds == {False}
    (chunk,) = read_chunks(str(path))
    assert spread_attempts(chunk, Reading().find(chunk)).attempts


def test_a_digest_takes_the_place_of_the_text(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in HEAD))
    columns = Reading().find(next(read_chunks(str(path))))
    decode = row_decoder(columns, digest=lambda texts: [text.upper() for text in texts])
    (chunk,) = read_chunks(str(path), decode=decode)
    assert Reading().read(chunk, columns, None).columns["completion"] == ["A", "B"]
    (plain,) = read_chunks(str(path))
    assert Reading().read(plain, columns, lambda texts: [text.upper() for text in texts]).columns["completion"] == [
        "A",
        "B",
    ]
