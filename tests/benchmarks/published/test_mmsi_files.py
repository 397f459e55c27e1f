import pyarrow as pa
import pyarrow.parquet
import pytest

from benchmarks.datasets import load
from rewards.errors import DataError
from tests.benchmarks.published.dataset_files import pixels, samples


def test_mmsi_table():
    door, moved = samples("mmsi", "mmsi").values()
    assert (door.category, door.target, len(door.images)) == ("Positional Relationship (Cam.–Obj.)", "B", 2)
    assert door.options == ("North", "North, east", "South", "West")
    assert (moved.id, moved.group, moved.extra["rotation"]) == ("1000001", "1", 1)
    assert moved.options == ("The cup", "The A: side", "Nothing", "All")
    assert [pixels(sample.images[0])[0, 0].tolist() for sample in (door, moved)] == [[255, 0, 0], [0, 0, 255]]


def test_mmsi_parquet_equals_the_table(tmp_path):
    plain = samples("mmsi", "mmsi")
    rows = [
        {
            "id": int(sample.id),
            "images": list(sample.images),
            "question_type": sample.category,
            "question": sample.prompt,
            "answer": sample.target,
            "thought": "…",
        }
        for sample in plain.values()
    ]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "MMSI_Bench.parquet")
    found = {sample.id: sample for sample in load("mmsi", tmp_path)}
    assert list(found) == list(plain)
    for name, sample in found.items():
        assert (sample.images, sample.options, sample.target) == (
            plain[name].images,
            plain[name].options,
            plain[name].target,
        )
        assert sample.extra == {"thought": "…"}


MMSI_FAULTS = [
    ("index\timage\n", r":1: column 'question' is missing; the table has index, image"),
    (
        "index\timage\tquestion\tanswer\tcategory\nx\tAAAA\tq\tA\tMSR\n",
        r":2: key 'index': expected a whole number",
    ),
    (
        "index\timage\tquestion\tanswer\tcategory\n1\t?\tq\tA\tMSR\n",
        r":2: key 'image': expected base64, or a JSON array",
    ),
    ("index\timage\tquestion\tanswer\tcategory\n1\t[1]\tq\tA\tMSR\n", r":2: key 'image': expected base64"),
    ("index\timage\tquestion\tanswer\tcategory\n1\tAAAA\tq\n", r":2: key 'answer' is null"),
    (
        "index\timage\tquestion\tanswer\tcategory\n1\tAAAA\tOptions: A: x, B: y\tC\tMSR\n",
        "expected a letter A-B",
    ),
]


@pytest.mark.parametrize(("text", "message"), MMSI_FAULTS)
def test_a_wrong_mmsi_table_is_named(tmp_path, text, message):
    (tmp_path / "m.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(load("mmsi", tmp_path / "m.tsv"))
