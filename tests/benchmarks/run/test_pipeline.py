"""However files are cut and whoever scores them: the bytes that were always written, and the same figures bit by bit."""

import json
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.files import sources
from benchmarks.files.blocks import Block
from benchmarks.files.sources import CHUNK_ROWS
from benchmarks.run import score_files
from benchmarks.run.parts import Part, PartResult, PartTask, number_lines, pack, plan_parts, unpack
from benchmarks.run.reward_scorer import RewardScorer
from benchmarks.run.reward_summary import RewardTally
from benchmarks.run.rewards import score_rewards
from benchmarks.run.score_files import Job, Progress, Reading
from rewards.score import resolve, score_batch
from tests.benchmarks.run.corpora import CASES, digest, figures, list_lines, made_files, score

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "score_out.json").read_text())


@pytest.fixture(scope="module")
def made():
    return made_files()


@pytest.fixture
def files(made, tmp_path, monkeypatch):
    """Make the files of all cases in the current folder, so that ``file:line`` is the same everywhere."""
    monkeypatch.chdir(tmp_path)
    for name, content in made.items():
        Path(name).write_bytes(content)


def same(one, other):
    """Whether two summaries or reports are the same, bit by bit."""
    return one == other and json.dumps(one.as_dict()) == json.dumps(other.as_dict())


def nearly(one, other):
    """Whether two figures are the same but for the last digits: sums were once rounded on the way."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(nearly(value, other[name]) for name, value in one.items())
    return one == other if one is None else one == pytest.approx(other, rel=1e-12)


def parts_of(folder):
    return b"".join(path.read_bytes() for path in sorted(Path(folder).glob("part-*.jsonl")))


@pytest.mark.parametrize("case", CASES)
def test_what_was_always_written(case, files, monkeypatch):
    names, options = CASES[case]
    whole = score(names, options, out="out.jsonl")
    expected = Path("out.jsonl").read_bytes()
    assert digest(expected) == GOLDEN[case]["sha256"]
    for name, value in (figures(whole) if "benchmark" not in options else {}).items():
        assert nearly(value, GOLDEN[case][name]), name

    # tiny blocks and chunks
    with monkeypatch.context() as patched:
        patched.setattr(sources, "BLOCK", 1 << 9)
        patched.setattr(score_files, "BLOCK_ROWS", 3)
        assert same(score(names, options, out="tiny.jsonl"), whole)
    assert Path("tiny.jsonl").read_bytes() == expected

    # tiny parts in a folder, and once more what is there
    for _ in range(2):
        assert same(score(names, options, out="parts/", part_bytes=3000), whole)
        assert parts_of("parts") == expected
    assert len(list(Path("parts").glob("part-*.jsonl"))) >= len(names)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["several files", "questions", "tvr as a benchmark", "benchmark mindcube-cogmap"])
def test_processes(case, files):
    names, options = CASES[case]
    whole = score(names, options, out="out.jsonl")
    for out in ("spread.jsonl", "parts/", None):
        assert same(score(names, options, out=out, workers=2, part_bytes=20_000), whole)
    assert Path("spread.jsonl").read_bytes() == parts_of("parts") == Path("out.jsonl").read_bytes()
    assert not [path.name for path in Path().iterdir() if path.name.startswith(".")]


def test_parquet_in_parts(files):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [json.loads(line) for line in list_lines(900, 8, bad=0, groups=None).splitlines()]
    rows = [{**row, "id": str(row["id"]), "target": json.dumps(row["target"])} for row in rows]
    parquet.write_table(arrow.Table.from_pylist(rows), "in.parquet", row_group_size=130)
    whole = score_rewards(["in.parquet"], out="out.jsonl")
    assert same(score_rewards(["in.parquet"], out="parts/", part_bytes=20_000), whole)
    assert parts_of("parts") == Path("out.jsonl").read_bytes()
    assert [part.start for part in plan_parts(["in.parquet"], 20_000)][:3] != [0]
    assert same(score_rewards(["in.parquet"], out="out.parquet"), whole)
    read = parquet.read_table("out.parquet").to_pylist()
    assert read == [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]


def test_scenes_and_groups_over_blocks(tmp_path, monkeypatch):
    """Scenes hold several groups, groups stand in several blocks and files, and some rows have neither."""
    monkeypatch.chdir(tmp_path)
    lines = list_lines(800, 9, scenes=True, scattered=0.5).splitlines(keepends=True)
    Path("a.jsonl").write_bytes(b"".join(lines[:300]))
    Path("b.jsonl").write_bytes(b"".join(lines[300:]))
    whole = score_rewards(["a.jsonl", "b.jsonl"], out="out.jsonl")
    monkeypatch.setattr(score_files, "BLOCK_ROWS", 2)
    assert same(score_rewards(["a.jsonl", "b.jsonl"], out="parts/", part_bytes=700), whole)
    written = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
    good = [row for row in written if row["error"] is None]
    alone = [number if row["group"] is None else None for number, row in enumerate(good)]
    assert whole.scenes == len(
        clusters((row.get("scene"), row["group"], own) for row, own in zip(good, alone, strict=True))
    )
    sizes = {}
    for row in good:
        if row["group"] is not None:
            sizes[str(row["group"])] = sizes.get(str(row["group"]), 0) + 1
    assert whole.groups.groups == sum(size > 1 for size in sizes.values())
    assert whole.groups.largest == max(sizes.values())
    assert list(written[0])[:3] == ["id", "scene", "total"] or "scene" not in written[0]


def clusters(told):
    """Return what rows share: their scene, or else their group, or else nothing."""
    return {("scene", scene) if scene is not None else (group, alone) for scene, group, alone in told}


def test_consistency_is_a_part_like_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_bytes(list_lines(60, 3, bad=0))
    found = score_rewards(["a.jsonl"], overrides={"consistency_weight": 0.5}, out="out.jsonl")
    rows = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
    assert list(found.parts)[-1] == "consistency"
    assert {list(row["parts"])[-1] for row in rows} == {"consistency"}


# --- tallies ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tallies(tmp_path_factory):
    """Return a tally for each of many small stretches of two files."""
    folder = tmp_path_factory.mktemp("tallies")
    paths = [str(folder / name) for name in ("a.jsonl", "b.jsonl")]
    for number, path in enumerate(paths):
        Path(path).write_bytes(list_lines(150, 10 + number, scenes=bool(number), scattered=0.3))
    task, spec = resolve("tvr")
    reading = Reading()
    columns = {path: reading.find(next(sources.read_chunks(path))) for path in paths}
    job = Job(RewardScorer(task, spec), reading, columns)
    parts = plan_parts(paths, 1500)
    lines = [sources.count_lines(part.path, part.start, part.stop) for part in parts]
    return [pack(PartResult(part, tally=None)) and PartTask(job)(part) for part in number_lines(parts, lines)]


def summary_of(tally):
    return tally.summary(resolve("tvr")[1], Progress(), signature="s", compared=True)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_tallies_merge_in_any_bundles(tallies, data):
    whole = RewardTally()
    for packed in tallies:
        whole.merge(unpack(packed, RewardTally).tally)
    bundles = RewardTally()
    at = 0
    while at < len(tallies):
        count = data.draw(st.integers(1, len(tallies)))
        bundle = RewardTally()
        for packed in tallies[at : at + count]:
            bundle.merge(unpack(packed, RewardTally).tally)
        bundles.merge(unpack(pack(PartResult(Part(0, ""), tally=bundle)), RewardTally).tally)
        at += count
    assert same(summary_of(bundles), summary_of(whole))
    assert sum(whole.counts) == summary_of(whole).rows > 200


def test_the_order_of_a_tally_does_not_matter_but_for_examples(tallies):
    found = [unpack(packed, RewardTally).tally for packed in tallies]
    whole, shuffled = RewardTally(), RewardTally()
    for tally in found:
        whole.merge(tally)
    random.Random(4).shuffle(found)
    for tally in found:
        shuffled.merge(tally)
    one, other = summary_of(whole).as_dict(), summary_of(shuffled).as_dict()
    assert {**one, "faults": 0, "grouped_by": 0} == {**other, "faults": 0, "grouped_by": 0}
    assert [fault["rows"] for fault in one["faults"]] == [fault["rows"] for fault in other["faults"]]


def test_many_groups_are_compared_in_portions(tmp_path, monkeypatch):
    from benchmarks.run import group_counts

    path = tmp_path / "a.jsonl"
    path.write_bytes(list_lines(1200, 12, scattered=0.4))
    whole = score_rewards([str(path)])
    monkeypatch.setattr(group_counts, "RECORDS_AT_ONCE", 50)
    found = score_rewards([str(path)])
    assert found.groups.groups == whole.groups.groups
    assert found.groups.total_residual == pytest.approx(whole.groups.total_residual, rel=1e-12)


def test_scores_that_differ_in_the_last_bit_are_told_apart():
    from benchmarks.run.reward_scorer import _distinct

    rng = np.random.default_rng(0)
    table = rng.integers(0, 4, size=(500, 11)).astype(np.float64) / 2
    table[::7, 3] = np.nextafter(table[::7, 3], 9)
    scores, codes = _distinct(table)
    assert np.array_equal(np.frombuffer(b"".join(scores)).reshape(-1, 11)[codes], table)
    assert len(set(scores)) == len(scores) == len(np.unique(table, axis=0))


def test_records_that_are_numbered_anew_in_the_middle_of_a_block():
    """What is known of records is forgotten now and then; a block may hold answers that were read before and after."""
    from parsers.known import KnownRecords, pack

    task, spec = resolve("tvr")
    scorer = RewardScorer(task, spec)
    text = "<think>a</think><answer>{}</answer>".format
    texts = [text("1.color.red, 2.size.small"), text("2.color.cyan"), text("oops, 2.color.cyan"), text("2.color.cyan")]
    block = block_of(scorer.digest(texts), ["2.color.cyan"] * 4)
    old = KnownRecords(task.record_format)
    for name in ("7.shape.cube", "2.color.cyan", "1.color.red", "2.size.small"):
        old.read(name)
    column = block.columns["completion"]
    column[1:3] = [(pack(old.read("2.color.cyan")[0][:1]), odd, old) for _, odd, _ in column[1:3]]
    lines = [json.loads(line) for line in scorer(block).lines()]
    assert [line["answer"] for line in lines] == ["1.color.red, 2.size.small", *["2.color.cyan"] * 3]
    assert [line["total"] for line in lines] == score_batch(texts, ["2.color.cyan"] * 4).total.tolist()


def test_records_are_numbered_anew_while_a_block_is_read(monkeypatch):
    monkeypatch.setattr("benchmarks.run.reward_scorer._DIGESTED", 2)
    monkeypatch.setattr("parsers.known.MOST_KNOWN", 5)
    scorer = RewardScorer(*resolve("tvr"))
    texts = [f"<think>a</think><answer>{index}.color.red, {index}.size.small</answer>" for index in range(40)]
    read = scorer.digest(texts)
    assert len({id(known) for _, _, known in read}) > 5
    lines = [json.loads(line) for line in scorer(block_of(read, ["2.color.red, 2.size.small"] * 40)).lines()]
    assert [line["answer"] for line in lines] == [f"{index}.color.red, {index}.size.small" for index in range(40)]
    assert [line["total"] for line in lines] == score_batch(texts, ["2.color.red, 2.size.small"] * 40).total.tolist()


def block_of(read, targets):
    chunk = sources.Chunk("f", [{}] * len(targets), range(len(targets)), None, sources.START, None)
    return Block(chunk, range(len(targets)), {"completion": read, "target": targets})


def test_a_job_can_be_sent_to_another_process():
    for name in ("tvr", "multiview"):
        task, spec = resolve(name)
        job = pickle.loads(pickle.dumps(PartTask(Job(RewardScorer(task, spec), Reading(), {}))))
        assert job.job.scorer.task.parts == task.parts


# --- parts -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 80), st.booleans())
@settings(max_examples=60)
def test_parts_are_whole_lines_that_cover_the_file(tmp_path_factory, lengths, size, ended):
    path = tmp_path_factory.mktemp("parts") / "a.jsonl"
    content = b"\n".join(b"x" * length for length in lengths) + (b"\n" if ended else b"")
    path.write_bytes(content)
    parts = plan_parts([str(path), str(path)], size)
    assert [part.number for part in parts] == list(range(len(parts)))
    of_one = parts[: len(parts) // 2]
    assert b"".join(content[part.start : part.stop] for part in of_one) == content
    if not content:
        return
    assert all(content[part.start - 1 : part.start] in (b"\n", b"") for part in of_one)
    counts = [sources.count_lines(part.path, part.start, part.stop) for part in parts]
    for part in number_lines(parts, counts):
        assert part.line == content[: part.start].count(b"\n")


def test_chunks_of_the_default_size(files):
    """Without tiny blocks a file has chunks of a thousand rows, typed and others mixed."""
    lines = [
        json.dumps({"completion": "<think>a</think><answer>2.color.cyan</answer>", "target": "2.color.cyan"})
    ] * 3000
    lines[1500] = json.dumps({"completion": None, "target": "2.color.cyan"})
    Path("long.jsonl").write_text("\n".join(lines))
    errors = []
    found = score_rewards(["long.jsonl"], on_error=errors.append)
    assert (found.rows, errors) == (2999, ["long.jsonl:1501: 'completion' is null"])
    assert CHUNK_ROWS < 1500
