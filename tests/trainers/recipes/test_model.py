from itertools import islice

import numpy as np
import pytest

from benchmarks.tvr.world import ATTRIBUTES
from recipes.tiny.model import tiny_tokenizer
from recipes.tiny.report import contact_sheet
from recipes.tiny.world import World, dataset, demonstration, rows, scenes, stream
from trainers.processors import load_processor
from trainers.scenes.render import render

torch = pytest.importorskip("torch")
pytest.importorskip("trl")


pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    "world", [World(), World(objects=(3, 6), changes=(1, 4), attributes=ATTRIBUTES, spacing=7.0, depth=13.0)]
)
def test_texts_survive_the_tokenizer(world):
    tokenizer = tiny_tokenizer()
    for scene in islice(scenes(world, 0), 32):
        text = demonstration(scene, world.attributes) + "<|im_end|>"
        ids = tokenizer(text).input_ids
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode(ids, skip_special_tokens=True) == text.removesuffix("<|im_end|>")


def test_an_answer_costs_three_tokens():
    assert len(tiny_tokenizer()("0.shape.cube").input_ids) == 3


def test_the_processor_sees_every_pixel(start):
    """Patches, put together again, are the picture."""
    world = World()
    row = next(rows(world, ("left",), 0))
    processor = load_processor(str(start))
    given = processor(
        text=["<|vision_start|><|image_pad|><|vision_end|>"], images=[row["images"][1:]], return_tensors="pt"
    )
    side, patch = world.side, 8
    grid = side // patch // 2
    pixels = given["pixel_values"].view(grid, grid, 2, 2, 3, patch, patch).permute(0, 2, 5, 1, 3, 6, 4)
    restored = (pixels.reshape(side, side, 3) * 0.25 + 0.5) * 255
    assert np.abs(restored.numpy() - np.asarray(row["images"][1])).max() < 0.01
    assert int((given["input_ids"] == processor.image_token_id).sum()) == 4


def test_rows_show_their_scene():
    world = World()
    for at, (row, scene) in enumerate(
        zip(rows(world, ("center", "right"), 2), islice(scenes(world, 2), 4), strict=False)
    ):
        view = ("center", "right")[at % 2]
        assert row["view"] == view
        for image, wanted in zip(row["images"], [("center", False), (view, True)], strict=True):
            fine = render(scene, wanted[0], world.side, final=wanted[1]).astype(int)
            assert np.abs(np.asarray(image) - fine).mean() < 6  # drafts with one ray a pixel


def test_data_sets_and_streams_hold_the_same_rows():
    made = dataset(World(), ("left",), 4, 3)
    flowing = list(islice(stream(views=["left"], seed=4), 3))
    for one, other in zip(made, flowing, strict=True):
        assert one["id"] == other["id"]
        assert one["prompt"] == other["prompt"]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(one["images"], other["images"], strict=True))


def test_contact_sheet_marks_right_and_wrong():
    row = next(rows(World(), ("left",), 4))
    right = row["completion"][0]["content"]
    sheets = [np.asarray(contact_sheet([row], {"model": [text]})) for text in (right, "no idea")]
    assert sheets[0].shape == sheets[1].shape
    assert (sheets[0] != sheets[1]).any()
    assert ((sheets[0] == (22, 120, 50)).all(axis=-1)).any()
    assert ((sheets[1] == (190, 30, 30)).all(axis=-1)).any()
    both = np.asarray(contact_sheet([row], {"before": ["no idea"], "after": [right]}))
    assert all(((both == color).all(axis=-1)).any() for color in ((22, 120, 50), (190, 30, 30)))
