"""What a model is asked: rows and benchmarks, with their images, without, in another order, or with those of others."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import evaluate
from benchmarks.blink.scoring import MULTI_VIEW
from benchmarks.mmsivideo.scoring import TYPES as CLIP_TYPES
from benchmarks.registry import BENCHMARKS, DATA_SETS
from benchmarks.run.rewards import score_rewards
from benchmarks.sitebench.scoring import CATEGORIES
from benchmarks.viewspatial.scoring import TYPES as VIEW_TYPES
from rewards.errors import ConfigError, DataError
from star_cli.main import star
from tests.json_lines import write
from trainers.asking import ask, prediction_row

DATA = Path(__file__).parents[1] / "golden" / "datasets"
COLORS = ("red", "lime", "blue", "white", "black", "yellow")


def png(color):
    content = io.BytesIO()
    Image.new("RGB", (4, 4), color).save(content, "PNG")
    return content.getvalue()


def paint(path, color="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(color))


def film(path, colors=COLORS, seconds=1):
    """A video that shows each colour for some time."""
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for color in colors:
            for _ in range(10 * seconds):
                video.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (32, 32), color))))
        video.mux(stream.encode(None))
    return path


def vsibench(folder):
    row = {"dataset": "arkitscenes", "options": None, "question": "?"}
    for scene in ("1", "2"):
        film(folder / "arkitscenes" / f"{scene}.mp4", COLORS if scene == "1" else COLORS[::-1])
    rows = [
        {**row, "id": 0, "scene_name": "1", "question_type": "object_counting", "ground_truth": "4"},
        {**row, "id": 1, "scene_name": "2", "question_type": "object_rel_distance", "ground_truth": "B"}
        | {"options": ["A. tv", "B. bed"]},
    ]
    return write(folder / "test.jsonl", rows)


def revsi(folder):
    folder /= "32_frame"
    film(folder / "s.mp4")
    row = {"id": 5, "dataset": "scannet", "scene_id": "s", "num_frames": 32, "question": "Far?", "options": None}
    row |= {"question_type": "object_abs_distance", "ground_truth": "2.4"}
    pyarrow.parquet.write_table(pa.Table.from_pylist([row]), folder / "test-00000-of-00001.parquet")
    return folder


def viewspatial(folder):
    names = [f"x/scene{n}/{n}.png" for n in range(3)]
    for name, color in zip(names, COLORS, strict=False):
        paint(folder / name, color)
    rows = [
        {
            "question_type": VIEW_TYPES[0],
            "image_path": [name],
            "question": "?",
            "answer": "B. up",
            "choices": "A. a\nB. up",
        }
        for name in names
    ]
    (folder / "ViewSpatial-Bench.json").write_text(json.dumps(rows))
    return folder


def blink(folder):
    images = {f"image_{n + 1}": {"bytes": png(color), "path": None} for n, color in enumerate(COLORS[:2])}
    row = {"sub_task": MULTI_VIEW, "question": "?", "prompt": "?\n(A) left\n(B) right", "choices": ["left", "right"]}
    rows = [row | images | {"idx": f"val_Multi-view_Reasoning_{n}", "answer": "(B)"} for n in range(2)]
    (folder / MULTI_VIEW).mkdir()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), folder / MULTI_VIEW / "val-00000-of-00001.parquet")
    return folder


def mmsivideo(folder):
    for n, color in enumerate(COLORS[:3]):
        paint(folder / "frames" / "a" / f"{n}.png", color)
    paint(folder / "ref_images" / "chair.png", "white")
    row = {"id": "q", "type": CLIP_TYPES[1], "system_prompt": "You see videos.", "task_prompt": "Look. "}
    row |= {"user_prompt": "<video> Where is <image>? A. left B. right", "format_prompt": " A letter."}
    row |= {"ref_images": ["chair.png"], "frames_list": [[f"a/{n}.png" for n in range(3)]], "ground_truth": "B"}
    row |= {"video_list": [{"path": "a.mp4", "start": 0, "end": 3, "base_fps": 1.0}]}
    (folder / "mmsivideo.json").write_text(json.dumps([row]))
    return folder


def sitebench(folder):
    for n in (1, 2):
        paint(folder / "images" / f"{n}.png", COLORS[n])
    row = {"question": "Is <image> left of <image>?", "options": ["left", "right"], "answer": "B"}
    row |= {"category": CATEGORIES[3], "dataset": "some", "visual": ["images/1.png", "images/2.png"]}
    pyarrow.parquet.write_table(pa.Table.from_pylist([row]), folder / "image_test-0.parquet")
    return folder


MADE = {
    "vsibench": vsibench,
    "revsi": revsi,
    "viewspatial": viewspatial,
    "blink": blink,
    "mmsivideo": mmsivideo,
    "sitebench": sitebench,
    "tvr": lambda _: DATA / "trance",
    "mindcube": lambda _: DATA / "mindcube" / "raw" / "MindCube_tiny.jsonl",
    "sparbench": lambda _: DATA / "sparbench",
    "mmsi": lambda _: DATA / "mmsi",
}


def said(target):
    """A true answer as text; of transformations, as records."""
    if isinstance(target, str):
        return target
    values = [each["val"] if isinstance(each["val"], str) else ".".join(map(str, each["val"])) for each in target]
    return ", ".join(f"{each['obj_idx']}.{each['attr']}.{value}" for each, value in zip(target, values, strict=True))


def rows_of(asked, completion):
    questions = [asked[number] for number in range(len(asked))]
    return [prediction_row(each, each.name, completion(each.kept["target"]), {"model": "m"}) for each in questions]


def shown(question):
    return [image.getpixel((2, 2)) for image in question.images]


def test_every_benchmark_is_made():
    assert {*MADE} == {*BENCHMARKS} & {*DATA_SETS}


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name in DATA_SETS])
def test_what_a_benchmark_asks_is_what_it_scores(name, tmp_path):
    """True answers to the questions of published files are all right, and wrong ones are not."""
    asked = ask(str(MADE[name](tmp_path)), benchmark=name, frames=3)
    assert all(asked[number].images for number in range(len(asked)))
    assert len(asked[0].images) == asked.count_of(0)
    rows = rows_of(asked, lambda target: f"<answer>{said(target)}</answer>")
    report = evaluate(rows, name, "strict")
    assert report.errors == 0
    figures = report.figures()
    assert figures["accuracy"] == 1.0
    assert evaluate(rows_of(asked, lambda _: "<answer></answer>"), name, "strict").figures()["accuracy"] == 0.0
    assert evaluate(rows, name, "official").errors == 0


def test_marks_are_where_images_stand(tmp_path):
    question = ask(str(sitebench(tmp_path)), benchmark="sitebench")[0]
    (message,) = question.messages
    assert [part["type"] for part in message["content"]] == ["text", "image", "text", "image", "text"]
    (filled,) = question.in_parts()
    assert [part["image"].getpixel((0, 0)) for part in filled["content"] if part["type"] == "image"] == [
        (0, 255, 0),
        (0, 0, 255),
    ]


def test_frames_come_in_place_of_videos(tmp_path):
    question = ask(str(mmsivideo(tmp_path)), benchmark="mmsivideo", frames=2)[0]
    assert question.messages[0] == {"role": "system", "content": "You see videos."}
    kinds = [part["type"] for part in question.messages[1]["content"]]
    assert kinds == ["text", "image", "image", "text", "image", "text"]
    assert shown(question)[-1] == (255, 255, 255)


@pytest.mark.parametrize("count", [1, 2, 6, 60])
def test_frames_are_spread_from_first_to_last(tmp_path, count):
    asked = ask(str(vsibench(tmp_path)), benchmark="vsibench", frames=count)
    frames = shown(asked[0])
    assert len(frames) == asked.count_of(0) == count
    red, yellow = frames[0], frames[-1]
    assert red[0] > 200
    assert red[2] < 100
    assert count == 1 or min(yellow[:2]) > 180


def test_videos_that_are_none_are_told(tmp_path):
    asked = ask(str(vsibench(tmp_path)), benchmark="vsibench")
    (tmp_path / "arkitscenes" / "1.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"1\.mp4: not a video that can be read"):
        asked[0]


def test_our_prompt_asks_for_tags(tmp_path):
    asked = ask(str(vsibench(tmp_path)), benchmark="vsibench", prompt="star", frames=1)
    number, choice = (asked[at].messages[0]["content"] for at in range(2))
    assert all("<answer>" in text for text in (number, choice))
    assert "A. tv\nB. bed" in choice
    assert number != choice


@pytest.fixture
def rows(tmp_path):
    pytest.importorskip("datasets")
    for at, color in enumerate(COLORS):
        paint(tmp_path / f"{at}.png", color)
    found = [
        {"id": f"q{n}", "prompt": f"question {n}", "target": "A", "scene": f"s{n // 2}"}
        | {"images": [f"{n}.png", f"{(n + 1) % 6}.png", f"{(n + 2) % 6}.png"]}
        for n in range(6)
    ]
    return str(write(tmp_path / "rows.jsonl", found))


def test_without_images_all_else_stays(rows):
    seen, blind = (ask(rows, images=each, system_prompt="Look.") for each in ("all", "none"))
    for number in range(len(seen)):
        one, other = seen[number], blind[number]
        assert (len(one.images), other.images) == (3, [])
        assert one.prompt_hash() == other.prompt_hash()
        assert (one.name, one.kept, one.messages[0]) == (other.name, other.kept, other.messages[0])
        assert "image" not in str(other.messages)


def test_shuffled_is_another_order_of_the_same(rows):
    seen, other = (ask(rows, images=each) for each in ("all", "shuffled"))
    for number in range(len(seen)):
        assert shown(seen[number]) != shown(other[number])
        assert sorted(shown(seen[number])) == sorted(shown(other[number]))


def test_swapped_is_of_another_scene(rows):
    seen, other = (ask(rows, images=each) for each in ("all", "swapped"))
    of_scenes = {}
    for number in range(len(seen)):
        of_scenes.setdefault(seen.scene_of(number), []).append(shown(seen[number]))
    for number in range(len(seen)):
        found = shown(other[number])
        assert found not in of_scenes[seen.scene_of(number)]
        assert any(found in some for some in of_scenes.values())


@pytest.mark.parametrize("images", ["shuffled", "swapped"])
def test_other_images_depend_on_the_seed_and_the_number_alone(rows, images):
    first, again, other = (ask(rows, images=images, seed=seed) for seed in (1, 1, 2))
    assert [shown(first[number]) for number in range(6)] == [shown(again[number]) for number in reversed(range(6))][
        ::-1
    ]
    assert [shown(first[number]) for number in range(6)] != [shown(other[number]) for number in range(6)]


def test_of_one_scene_nothing_can_be_swapped(tmp_path):
    asked = ask(str(blink(tmp_path)), benchmark="blink", images="swapped")
    assert len(asked[0].images) == 2  # BLINK names no scenes: any other question does
    with pytest.raises(ConfigError, match="needs questions about other scenes"):
        ask(str(mmsivideo(tmp_path)), benchmark="mmsivideo", images="swapped")[0]


def test_without_images_there_is_nothing_to_leave_out(tmp_path):
    pytest.importorskip("datasets")
    data = write(tmp_path / "text.jsonl", [{"id": "a", "prompt": "?", "target": "A"}])
    with pytest.raises(ConfigError, match="no question has images, so --images none would change nothing"):
        ask(str(data), images="none")
    paint(tmp_path / "a.png")
    row = {"id": "a", "prompt": "?", "target": "A", "images": ["a.png"]}
    one = str(write(tmp_path / "one.jsonl", [row]))
    with pytest.raises(ConfigError, match="no question has several images, so --images shuffled would change nothing"):
        ask(one, images="shuffled")
    assert ask(one, images="none")[0].images == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"benchmark": "mindcube-cogmap"}, "there is no reader of the files of mindcube-cogmap"),
        ({"benchmark": "nothing"}, "there is no benchmark 'nothing'"),
        ({"prompt": "star"}, "is about benchmarks"),
        ({"images": "some"}, "is not one of all, none, shuffled, swapped"),
    ],
)
def test_wrong_options(rows, options, message):
    with pytest.raises(ConfigError, match=message):
        ask(rows, **options)


def test_the_command_refuses_what_makes_no_sense(rows, tmp_path):
    given = ["predict", "--model", "openai:m", "--data", rows, "-o", str(tmp_path / "o.jsonl")]
    done = CliRunner().invoke(star, [*given, "--benchmark", "nothing"])
    assert done.exit_code == 2
    assert "there is no benchmark 'nothing'; there are tvr," in done.output


def test_the_help_names_every_benchmark_that_can_be_asked():
    text = " ".join(CliRunner().invoke(star, ["predict", "--help"]).output.split())
    for name in BENCHMARKS:
        assert (name in text) == (name in DATA_SETS), name


def test_predictions_of_training_rows_are_scored_by_the_tasks_of_their_rows(tmp_path):
    """`star score` of what `star predict` writes takes each row's own task, and a benchmark its own kind of question."""
    pytest.importorskip("datasets")
    found = [
        {"id": "a", "prompt": "?", "task": "tvr", "target": "2.color.cyan"},
        {"id": "b", "prompt": "?", "task": "choice", "target": "B", "category": "obj_spatial_relation_oo"},
    ]
    asked = ask(str(write(tmp_path / "rows.jsonl", found)))
    said = {"tvr": "<think>a</think><answer>2.color.cyan</answer>", "choice": "<think>a</think><answer>B</answer>"}
    written = [
        prediction_row(each, each.name, said[each.kept["task"]], {"model": "m"})
        for each in map(asked.__getitem__, range(2))
    ]
    path = write(tmp_path / "out.jsonl", written)
    assert score_rewards([str(path)]).accuracy.value == 1
    for benchmark in ("sparbench", "mmsi"):
        table = evaluate(written[1:], benchmark).tables["strict"]
        assert table["obj_spatial_relation_oo"]["accuracy"].estimate == 1
