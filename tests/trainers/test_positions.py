import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from trainers import positions  # noqa: E402
from trainers.positions import place_at_once, rope_positions  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def models(start):
    """The same model, as transformers runs it and with positions found at once."""
    loops, at_once = (transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(start) for _ in range(2))
    assert place_at_once(at_once) == 2  # the model and its vision tower
    return loops, at_once


def batch(seed, *, rows=5, merge=2, left=True):
    """Rows of text and pictures of many sizes, padded on both sides."""
    generator = torch.Generator().manual_seed(seed)

    def draw(low, high):
        return int(torch.randint(low, high + 1, (), generator=generator))

    grids, lines = [], []
    for _ in range(rows):
        line = [0] * draw(0, 4)
        for _ in range(draw(1, 3)):
            down, across = draw(1, 4), draw(1, 4)
            grids.append((1, down * merge, across * merge))
            line += [0] + [1] * (down * across) + [0] * draw(1, 3)
        lines.append(line)
    longest = max(map(len, lines))
    before = [longest - len(line) if left else 0 for line in lines]
    kinds = torch.tensor(
        [[0] * gap + line + [0] * (longest - gap - len(line) + 3) for gap, line in zip(before, lines, strict=True)]
    )
    mask = torch.tensor(
        [
            [0] * gap + [1] * len(line) + [0] * (longest - gap - len(line) + 3)
            for gap, line in zip(before, lines, strict=True)
        ]
    )
    return kinds, torch.tensor(grids), mask


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_positions_are_those_of_the_loop(models, seed, left):
    loops, at_once = (model.model for model in models)
    kinds, grids, mask = batch(seed, left=left)
    for given in (mask, None):
        want = loops.get_rope_index(kinds, mm_token_type_ids=kinds, image_grid_thw=grids, attention_mask=given)
        found = at_once.get_rope_index(kinds, mm_token_type_ids=kinds, image_grid_thw=grids, attention_mask=given)
        assert torch.equal(found[0], want[0])
        assert torch.equal(found[1], want[1])


def test_what_is_no_still_picture_is_left_to_transformers(models):
    _, at_once = models
    kinds = torch.tensor([[0, 1, 1, 0]])
    assert rope_positions(kinds, torch.tensor([(1, 2, 2)]), None, merge=2) is None  # a token too many
    assert rope_positions(kinds, torch.tensor([(2, 2, 2)]), None, merge=2) is None  # two frames
    video = torch.tensor([[0, 2, 2, 0]])
    found, _ = at_once.model.get_rope_index(video, mm_token_type_ids=video, video_grid_thw=torch.tensor([(2, 2, 2)]))
    assert found.shape == (3, 1, 4)


@pytest.mark.parametrize("sizes", [[(4, 4)] * 5, [(4, 4), (2, 6), (8, 4)]], ids=["equal", "many"])
def test_a_tower_sees_the_same(models, sizes):
    grid = torch.tensor([(1, *size) for size in sizes])
    torch.manual_seed(0)
    pixels = torch.randn(int(grid.prod(dim=1).sum()), 192)
    want, found = (model.model.visual(pixels, grid_thw=grid).pooler_output for model in models)
    assert torch.equal(found, want)


def test_the_places_of_patches_are_found_once_for_each_list_of_sizes(models):
    _, at_once = models
    positions._places.cache_clear()
    grid = torch.tensor([(1, 4, 4)] * 3)
    for _ in range(3):
        at_once.model.visual(torch.randn(48, 192), grid_thw=grid)
    assert positions._places.cache_info().misses == 1


def test_what_was_found_while_predicting_serves_training(models):
    _, at_once = models
    positions._places.cache_clear()
    grid = torch.tensor([(1, 4, 4)])
    with torch.inference_mode():
        at_once.model.visual(torch.randn(16, 192), grid_thw=grid)
    at_once.model.visual(torch.randn(16, 192), grid_thw=grid).pooler_output.sum().backward()
    assert positions._places.cache_info().hits == 1
    assert all(parameter.grad is not None for parameter in at_once.model.visual.blocks.parameters())


def test_it_can_be_asked_twice_and_is_not_saved(start, models, tmp_path):
    _, at_once = models
    assert place_at_once(at_once) == 2
    assert len(at_once.model.visual._forward_pre_hooks) == 1
    at_once.save_pretrained(tmp_path)
    transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path)
    assert place_at_once(torch.nn.Linear(2, 2)) == 0
