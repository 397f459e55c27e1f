"""Routes on disk: files, maps as images, and the rules that a record can break."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from rewards.errors import ConfigError, DataError
from star_cli.main import star
from trainers.data.check import ROUTE_RULES, check_file, check_route
from trainers.data.generate import GenerationSettings, generate
from trainers.scenes.route import draw_map, map_name, read_route_record, route_item, route_record, route_row
from trainers.scenes.show import read_sample, show_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("routes") / "set"
    generate(path, GenerationSettings(count=12, seed=3, task="route", images="drawing", size=(512, 448)))
    return path


def image_at(path):
    with Image.open(path) as image:
        return np.asarray(image)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_files(folder, tmp_path):
    assert sorted(path.name for path in folder.iterdir()) == ["data.jsonl", "image", "metadata.jsonl", "settings.json"]
    rows = lines(folder / "metadata.jsonl")
    assert [row["id"] for row in rows] == [f"town-{at}" for at in range(12)]
    assert {path.name for path in (folder / "image").iterdir()} == {map_name(at) for at in range(12)}
    for row in rows:
        (name,) = row["images_file_names"]
        assert image_at(folder / name).shape == (448, 512, 3)
    assert list(check_file(folder)) == []
    words = generate(tmp_path / "words", GenerationSettings(count=12, seed=3, task="route"))
    for row, plain in zip(rows, lines(words.parent / "metadata.jsonl"), strict=True):
        assert "images_file_names" not in plain
        assert plain["target"] == row["target"]
        assert "The image is the map" in row["prompt"]
        assert "The streets of a town" in plain["prompt"]


def test_records_read_back_as_themselves():
    for index in range(20):
        route = route_item(5, index)
        record = json.loads(json.dumps(route_record(index, route)))
        assert read_route_record(record) == route
        assert check_route(record) == []


def test_the_same_command_makes_the_same_bytes(tmp_path):
    settings = GenerationSettings(count=30, seed=1, task="route", images="drawing", size=(384, 384))
    one, two = (generate(tmp_path / name, settings, workers=workers).parent for name, workers in (("a", 1), ("b", 2)))
    for path in sorted(one.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": "raycast"}, "images of route are none or drawing, not raycast"),
        ({"task": "tvr"}, "images of tvr are none, raycast or mitsuba, not drawing"),
        ({"size": (128, 128)}, "size: maps have 384 pixels a side or more"),
        ({"repeats": True}, "views, attributes and repeats are settings of tvr, not of route"),
    ],
)
def test_settings_that_do_not_go_together(changes, message):
    with pytest.raises(ConfigError, match=message):
        GenerationSettings(**{"count": 1, "task": "route", "images": "drawing", "size": (512, 512)} | changes)


def color_at(image, x, y):
    return tuple(image[round(y), round(x)].tolist())


def test_a_map_shows_the_streets_the_start_and_the_goal():
    """Halfway between two neighbors there is a street or paper; where start and goal are there is their color."""
    for index in range(10):
        route = route_item(9, index)
        town, size = route.town, (700, 700)
        image = draw_map(route, size)
        assert image.shape == (700, 700, 3)
        rows = len(town.places) // town.width
        apart = np.array(size) / (town.width, rows)

        def place(number, town=town, apart=apart):
            return (np.array(town.at(number)) + 0.5) * apart

        numbers = range(len(town.places))
        for one in numbers:
            for other in (one + 1, one + town.width):
                if other in numbers and (other - one > 1 or other % town.width):
                    # Two fifths of the way to the right, or three fifths of it down: there is neither arrow nor name.
                    near = place(one) + (0.4 if other == one + 1 else 0.6) * (place(other) - place(one))
                    drawn = color_at(image, *near) != color_at(image, 1, 1)
                    assert drawn == ((one, other) in town.streets)
        blue, red = (color_at(image, *place(town.places.index(name))) for name in (route.start, route.goal))
        assert blue[2] > 200 > blue[0]
        assert red[0] > 150 > red[2]


def test_small_maps_are_refused():
    with pytest.raises(ConfigError, match="a map of 128 x 128 pixels cannot be read; 384 are needed: --size 512"):
        draw_map(route_item(0, 0), (128, 128))


def break_rule(record, how):
    steps = record["steps"]
    if how == "a place that is not there":
        record["goal"] = "nowhere"
    elif how == "a street across":
        record["streets"].append([0, record["width"] + 1])
    elif how == "no such turn":
        steps[0][0] = "up"
    elif how == "too far":
        steps[0][1] += 9
    elif how == "another landmark":
        steps[0][2] = "nowhere"
    elif how == "another goal":
        record["goal"] = record["start"]
    return check_route(record)


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ("a place that is not there", "form: goal"),
        ("a street across", "form: streets"),
        ("no such turn", "way: steps[0]"),
        ("too far", "way: steps[0]"),
        ("another landmark", "way: steps[0]"),
        ("another goal", "way: it ends at"),
    ],
)
def test_every_rule_is_named(how, rule):
    record = json.loads(json.dumps(route_record(0, route_item(2, 0))))
    (found,) = break_rule(record, how)
    assert found.startswith(rule)


SQUARE = {  # a b / c d, all four streets
    "task": "route",
    "width": 2,
    "places": ["a", "b", "c", "d"],
    "streets": [[0, 1], [0, 2], [1, 3], [2, 3]],
    "start": "a",
    "heading": "north",
}


def test_only_the_only_shortest_way_is_right():
    assert set(ROUTE_RULES) == {"form", "way", "straight", "shortest"}
    two = check_route(SQUARE | {"goal": "d", "steps": [["right", 1, "b"], ["right", 1, "d"]]})
    assert two == ["shortest: there are 2 ways of 2 blocks"]
    around = [["right", 1, "b"], ["right", 1, "d"], ["right", 1, "c"]]
    assert check_route(SQUARE | {"goal": "c", "steps": around}) == [
        "shortest: there is a way of 1 blocks, and this has 3"
    ]
    assert check_route(SQUARE | {"goal": "b", "steps": [["right", 1, "b"]]}) == []
    line = {"width": 3, "places": ["a", "b", "c"], "streets": [[0, 1], [1, 2]], "start": "a", "heading": "east"}
    cut = check_route(SQUARE | line | {"goal": "c", "steps": [["straight", 1, "b"], ["straight", 1, "c"]]})
    assert cut[0].startswith("straight: steps[1]")
    assert check_route(SQUARE | line | {"goal": "c", "steps": [["straight", 2, "c"]]}) == []


def test_a_broken_line_costs_no_other(folder, tmp_path):
    records = lines(folder / "data.jsonl")
    records[3]["steps"][0][1] += 1
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(record | {"images": []}) + "\n" for record in records))
    (told,) = check_file(path)
    assert told.startswith(f"{path}:4: way: ")
    with pytest.raises(DataError, match="places"):
        read_route_record(records[0] | {"width": 0})


def test_a_sample_is_shown(folder):
    record = read_sample(folder / "data.jsonl", 2)
    sheet = show_sample(record, folder)
    assert sheet.width == 512
    assert sheet.height > 448 + 26 * len(record["steps"])
    assert np.array_equal(np.asarray(sheet)[:448], image_at(folder / "image" / map_name(2)))
    drawn = show_sample(record, folder / "elsewhere")
    assert drawn.size[0] == 512


def test_at_the_terminal(tmp_path):
    def run(*arguments):
        found = CliRunner().invoke(star, list(map(str, arguments)))
        assert found.exit_code == 0, found.output
        return found.output

    run("data", "generate", tmp_path / "d", "--task", "route", "--count", 3, "--images", "drawing")
    assert image_at(tmp_path / "d" / "image" / map_name(0)).shape == (512, 512, 3)
    run("data", "check", tmp_path / "d")
    run("data", "export", tmp_path / "d", "--to", "trl", "--out", tmp_path / "train.jsonl")
    rows = lines(tmp_path / "train.jsonl")
    assert [row["target"] for row in rows] == [row["target"] for row in lines(tmp_path / "d" / "metadata.jsonl")]


def test_rows_name_what_they_are_of():
    row = route_row(4, route_item(1, 4))
    assert (row["id"], row["scene"], row["task"]) == ("town-4", "town-4", "route")
    assert row["category"] == f"{len(route_item(1, 4).steps)} steps"
