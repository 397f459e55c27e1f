import copy
from itertools import islice

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("trl")

from PIL import Image  # noqa: E402

from recipes.tiny.world import World, rows, scenes, stream  # noqa: E402  # noqa: E402
from rewards import ConfigError  # noqa: E402
from trainers.fast_collate import FastCollator, Patches, Undrawn, fast_processor  # noqa: E402
from trainers.processors import load_processor  # noqa: E402
from trainers.scenes.render import Picture, raycast_batch  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def image_processor(**options):
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil(**options)


def pictures(*sizes, seed=0):
    draw = np.random.default_rng(seed)
    return [draw.integers(256, size=(height, width, 3), dtype=np.uint8) for height, width in sizes]


def finish(patches, packed):
    return patches.finished(packed)


@pytest.fixture
def processors(start):
    processor = load_processor(str(start), min_pixels=16 * 16, max_pixels=128 * 128)
    return processor, fast_processor(processor, finish)


@pytest.mark.parametrize(
    "options",
    [{}, {"patch_size": 8, "temporal_patch_size": 1, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.25, 0.2, 0.3]}],
    ids=["as Qwen", "other"],
)
@pytest.mark.parametrize("sizes", [[(112, 224)] * 3, [(112, 224), (224, 112)]], ids=["equal", "many"])
def test_pixel_values_are_those_of_the_processor(options, sizes):
    images = image_processor(**{"size": {"shortest_edge": 16 * 16, "longest_edge": 512 * 512}} | options)
    patches = Patches(images)
    given = pictures(*sizes)
    kinds = [given, [Image.fromarray(each) for each in given], [torch.from_numpy(each) for each in given]]
    want = images(images=[Image.fromarray(each) for each in given], return_tensors="pt")
    for kind in kinds:
        found = patches.finished(patches.packed(kind))
        assert torch.equal(found["pixel_values"], want["pixel_values"])
        assert found["pixel_values"].dtype == want["pixel_values"].dtype
        grids = [patches.grid(*size) for size in sizes]
        assert grids == [tuple(grid) for grid in want["image_grid_thw"].tolist()]


def test_pictures_without_color_and_with_transparency_become_rgb(processors):
    processor, fast = processors
    one = Image.fromarray(pictures((32, 32))[0])
    text = ["<|vision_start|><|image_pad|><|vision_end|>"]
    for mode in ("L", "RGBA", "P"):
        image = one.convert(mode)
        want = processor(images=[[image]], text=text, return_tensors="pt")["pixel_values"]
        assert torch.equal(fast(images=[[image]], text=text, return_tensors="pt")["pixel_values"], want)


@pytest.mark.parametrize("size", [(32, 40), (8, 8), (512, 512)], ids=["odd", "small", "large"])
def test_what_the_processor_would_resize_is_refused(processors, size):
    _, fast = processors
    with pytest.raises(ConfigError, match="would be resized"):
        fast(images=[pictures(size)], text=["<|image_pad|>"], return_tensors="pt")


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((32, 32, 3), dtype=np.float32), "float32"),
        (np.zeros((32, 32), dtype=np.uint8), "uint8"),
        (np.zeros((32, 32, 4), dtype=np.uint8), "uint8"),
    ],
)
def test_what_are_no_bytes_of_three_channels_is_refused(processors, picture, message):
    with pytest.raises(ConfigError, match=message):
        processors[1](images=[[picture]], text=["<|image_pad|>"], return_tensors="pt")


def test_a_processor_that_does_more_is_refused():
    class Other(type(image_processor())):
        def _preprocess(self, images, **options):
            return super()._preprocess([image[:, ::-1] for image in images], **options)

    with pytest.raises(ConfigError, match="does more"):
        Patches(Other(patch_size=8, temporal_patch_size=1))
    with pytest.raises(ConfigError, match="does not cut"):
        Patches(transformers.CLIPImageProcessorPil() if hasattr(transformers, "CLIPImageProcessorPil") else object())


def test_texts_of_many_rows_are_those_of_the_processor(processors):
    processor, fast = processors
    given = pictures((32, 32), (32, 64), (64, 32))
    look = "<|vision_start|><|image_pad|><|vision_end|>"
    texts = [look + "red", look * 2 + "blue changed?", look + "red", look + "0 cube"]
    seen = [[given[0]], [given[1], given[0]], [given[2]], [given[1]]]
    for options in ({"padding": True, "return_tensors": "pt"}, {"padding": True, "padding_side": "right"}, {}):
        want, found = (each(images=seen, text=list(texts), **options) for each in (processor, fast))
        assert set(found) == set(want)
        for name in want:
            if name in ("pixel_values", "image_grid_thw"):
                assert np.array_equal(np.asarray(found[name]), np.asarray(want[name]))
            else:
                assert isinstance(found[name], type(want[name])), name
                assert [list(row) for row in found[name]] == [list(row) for row in want[name]], name
    assert fast(text=["red"])["input_ids"] == processor(text=["red"])["input_ids"]
    with pytest.raises(ConfigError, match="3 rows for 4 texts"):
        fast(images=seen[:3], text=texts)


def test_messages_are_written_as_by_the_processor(processors):
    processor, fast = processors
    image, other = pictures((32, 32), (32, 32))
    for text in ("changed?", "red", "changed?"):
        for options in ({"add_generation_prompt": True}, {"add_generation_prompt": False}):
            message = [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "image": image},
                        {"type": "image", "image": other},
                        {"type": "text", "text": text},
                    ],
                }
            ]
            want = processor.apply_chat_template(message, tokenize=False, **options)
            assert fast.apply_chat_template(message, tokenize=False, **options) == want
    many = [message, message]
    assert fast.apply_chat_template(many, tokenize=False) == processor.apply_chat_template(many, tokenize=False)


def test_what_is_saved_is_the_processor(processors, tmp_path):
    processor, fast = processors
    processor.save_pretrained(tmp_path / "one")
    fast.save_pretrained(tmp_path / "other")
    for file in sorted(path.name for path in (tmp_path / "one").iterdir()):
        assert (tmp_path / "other" / file).read_bytes() == (tmp_path / "one" / file).read_bytes()


def undrawn(count, side=32):
    found = list(islice(scenes(World(), 3), count))
    return [Undrawn(Picture(scene, "left", final=True), side) for scene in found]


@pytest.mark.parametrize("at_once", [256, 2])
def test_undrawn_pictures_are_what_would_have_been_drawn(processors, monkeypatch, at_once):
    monkeypatch.setattr("trainers.fast_collate.AT_ONCE", at_once)
    processor, fast = processors
    given = undrawn(3)
    repeated = [given[0], given[1], given[0], given[2]]
    drawn = raycast_batch([each.picture for each in repeated], 32, samples=1).numpy()
    text = ["<|image_pad|>"] * 4
    want = processor(images=[[each] for each in drawn], text=text, return_tensors="pt")
    found = fast(images=[[each] for each in repeated], text=text, return_tensors="pt")
    assert torch.equal(found["pixel_values"], want["pixel_values"])
    assert torch.equal(found["image_grid_thw"], want["image_grid_thw"])
    assert copy.deepcopy(given) == given  # a copy is the same picture, and is drawn once


def test_undrawn_pictures_stand_alone_and_are_of_one_size(processors):
    _, fast = processors
    for pair in ([undrawn(1)[0], pictures((32, 32))[0]], [*undrawn(1, 32), *undrawn(1, 64)]):
        with pytest.raises(ConfigError, match="undrawn"):
            fast(images=[[each] for each in pair], text=["<|image_pad|>"] * 2, padding=True, return_tensors="pt")


def collators(processor, *, multiple=None, **options):
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling as Stock

    stock = Stock(processor=processor, completion_only_loss=True, **options)
    fast = fast_processor(processor, lambda _, packed: packed)
    return stock, FastCollator(Stock(processor=fast, completion_only_loss=True, **options), multiple, 0)


def test_rows_are_filled_up_to_a_multiple_that_teaches_nothing(processors):
    stock, fast = collators(processors[0], multiple=16)
    given = list(islice(rows(World(), ("left",), 5), 6))
    want, found = stock(copy.deepcopy(given)), fast(copy.deepcopy(given))
    length = want["input_ids"].shape[1]
    assert found["input_ids"].shape[1] % 16 == 0
    assert 0 < found["input_ids"].shape[1] - length < 16
    for name, fill in (("input_ids", 0), ("labels", -100), ("attention_mask", 0), ("mm_token_type_ids", 0)):
        assert torch.equal(found[name][:, :length], want[name])
        assert bool((found[name][:, length:] == fill).all())
    assert found["pixel_values"].dtype == torch.uint8  # until it is where the model is
    values = Patches(processors[0].image_processor).finished(found)["pixel_values"]
    assert torch.equal(values, want["pixel_values"])


def test_a_stream_is_the_same_drawn_and_not_and_for_any_number_of_workers(processors):
    from torch.utils.data import DataLoader

    _, fast = collators(processors[0])
    patches = Patches(processors[0].image_processor)

    def batches(workers, *, drawn):
        data = stream(views=["left", "right"], seed=4, block=4, drawn=drawn)
        loader = DataLoader(data, batch_size=4, num_workers=workers, collate_fn=fast)
        return [patches.finished(batch) for batch in islice(loader, 4)]

    # without workers, blocks are dealt out to the streams that a shuffle reads at once
    for ways in (((0, True), (0, False)), ((1, True), (1, False), (2, False))):
        wanted, *others = (batches(workers, drawn=drawn) for workers, drawn in ways)
        for other in others:
            for one, two in zip(wanted, other, strict=True):
                assert all(torch.equal(one[name], two[name]) for name in one)
