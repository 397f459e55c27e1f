from collections import Counter

import pytest

from trainers import attention
from trainers.attention import BY_PICTURE, attend_at_once

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def towers(start):
    """The same vision tower, as transformers runs it and with all pictures at once."""
    loops, at_once = (
        transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(start).model.visual for _ in range(2)
    )
    assert attend_at_once(at_once) == 1  # the tiny tower has one layer
    return loops, at_once


def seen(tower, pixels, grid):
    pixels = pixels.clone().requires_grad_()
    out = tower(pixels, grid_thw=grid).pooler_output
    out.square().sum().backward()
    return out.detach(), pixels.grad


@pytest.mark.parametrize(
    ("sizes", "calls"), [([(4, 4)] * 6, 1), ([(4, 4), (2, 6), (8, 4)], 3), ([(4, 4)], 1)], ids=["one", "many", "single"]
)
def test_values_and_gradients_are_those_of_the_loop(towers, sizes, calls, monkeypatch):
    from transformers.integrations import sdpa_attention

    counted = Counter()
    inner = sdpa_attention.sdpa_attention_forward

    def counting(*arguments, **options):
        counted["calls"] += 1
        return inner(*arguments, **options)

    monkeypatch.setattr(sdpa_attention, "sdpa_attention_forward", counting)
    grid = torch.tensor([(1, *size) for size in sizes])
    torch.manual_seed(0)
    pixels = torch.randn(int(grid.prod(dim=1).sum()), 192)
    (expected, expected_gradient), (found, gradient) = (seen(tower, pixels, grid) for tower in towers)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, expected_gradient)
    assert counted["calls"] == calls  # transformers' own loop holds a reference of its own


def test_only_layers_that_attend_by_sdpa_are_changed(start):
    model = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(start, attn_implementation="eager")
    assert attend_at_once(model) == 0
    model = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(start)
    assert attend_at_once(model) == attend_at_once(model) == 1
    assert model.model.visual.config._attn_implementation == BY_PICTURE
    assert model.config.text_config._attn_implementation == "sdpa"
    assert attend_at_once(torch.nn.Linear(2, 2)) == 0


def test_what_is_saved_names_no_implementation(start, tmp_path):
    model = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(start)
    attend_at_once(model)
    model.save_pretrained(tmp_path)
    assert attention.BY_PICTURE not in (tmp_path / "config.json").read_text()
    transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path)
