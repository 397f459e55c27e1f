"""Routes through towns: the target is the one shortest way of the map in the prompt, checked without the generator."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.examples import draw_rows
from benchmarks.route import SIDES, STEPS, draw_route, map_text, place_names
from rewards import score_completion
from rewards.tasks import load_task
from rewards.tasks.prompt_template import prompt_columns

TURNED = {"straight": 0, "right": 1, "back": 2, "left": 3}
COMPASS = ["north", "east", "south", "west"]
BACK = {"north": "south", "south": "north", "east": "west", "west": "east"}


def read_map(text):
    """Read a map in words: place -> direction -> place."""
    _, *lines = text.splitlines()
    town = {}
    for line in lines:
        place, _, streets = line.partition(": ")
        town[place] = dict(street.split() for street in streets.split(", ")) if streets != "none" else {}
    return town


def walk(town, start, heading, target):
    """Follow the written steps along the streets; return where they end and how many blocks they are."""
    here, blocks = start, 0
    for step in target.split(", "):
        turn, length, landmark = re.fullmatch(r"(\w+) (\d+) to (\w+)", step).groups()
        heading = COMPASS[(COMPASS.index(heading) + TURNED[turn]) % 4]
        for _ in range(int(length)):
            here, blocks = town[here][heading], blocks + 1
        assert here == landmark
    return here, blocks


def shortest_ways(town, start, goal):
    """Return the length of the shortest ways and how many there are: all walks, one block longer at a time."""
    walks = {start: 1}
    for length in range(1, len(town) + 1):
        longer = {}
        for here, number in walks.items():
            for there in town[here].values():
                longer[there] = longer.get(there, 0) + number
        walks = longer
        if goal in walks:
            return length, walks[goal]
    raise AssertionError(f"no way from {start} to {goal}")


seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_the_target_is_the_one_shortest_way(seed):
    route = draw_route(np.random.default_rng(seed))
    target = ", ".join(map(load_task("route").record_format.render, route.steps))
    town = read_map(route.columns["map"])
    end, blocks = walk(town, route.start, route.heading, target)
    assert end == route.goal
    assert shortest_ways(town, route.start, route.goal) == (blocks, 1)
    assert STEPS[0] <= len(route.steps) <= STEPS[1]
    turns = [turn for turn, _, _ in route.steps]
    assert set(turns[1:]) <= {"left", "right"}  # a stretch is one step, and a shortest way never turns back


@given(seeds)
def test_a_town_is_one_on_a_grid(seed):
    town = draw_route(np.random.default_rng(seed)).town
    read = read_map(map_text(town))
    assert len(set(town.places)) == len(town.places)
    assert set(town.places) == set(read) <= set(place_names())
    assert SIDES[0] <= town.width <= SIDES[1]
    assert len(town.places) % town.width == 0
    for here, streets in read.items():
        assert all(read[there][BACK[toward]] == here for toward, there in streets.items())
    reached, ahead = {town.places[0]}, [town.places[0]]
    while ahead:
        new = set(read[ahead.pop()].values()) - reached
        reached |= new
        ahead += new
    assert len(reached) == len(town.places)


def test_problems_depend_on_the_seed_and_their_number_only():
    def draw(*seed):
        return draw_route(np.random.default_rng(seed))

    assert draw(3, 5) == draw(3, 5)
    assert draw(3, 5) != draw(3, 6)
    lengths = [len(draw(0, index).steps) for index in range(300)]
    assert min(lengths) == STEPS[0]
    assert max(lengths) >= 8  # long ones are no rarities
    assert sum(length >= 5 for length in lengths) > 100


def test_rows_ask_for_what_they_show():
    for row in draw_rows("route", 5, samples=2):
        for column in prompt_columns(load_task("route").prompt):
            assert row[column] in row["prompt"]
        assert walk(read_map(row["map"]), row["start"], row["heading"], row["target"])[0] == row["goal"]
        right = f"<think>b</think><answer>{row['target']}</answer>"
        assert score_completion(right, row["target"], task="route").correct


@pytest.mark.parametrize("wrong", ["reversed", "first left out", "last left out", "doubled"])
def test_wrong_routes_are_wrong(wrong):
    for index in range(20):
        steps = draw_route(np.random.default_rng([1, index])).steps
        said = {
            "reversed": steps[::-1],
            "first left out": steps[1:],
            "last left out": steps[:-1],
            "doubled": steps * 2,
        }[wrong]
        text = ", ".join(map(load_task("route").record_format.render, said))
        score = score_completion(f"<think>b</think><answer>{text}</answer>", list(steps), task="route")
        assert not score.correct
        assert score.total < 1 + 2 * len(steps)
