import json
import shutil
from pathlib import Path

import pytest

from recipes.tiny.report import write_report
from recipes.tiny.study import judge, read_recipe
from trainers.rows import load_rows

pytest.importorskip("torch")
pytest.importorskip("trl")
Image = pytest.importorskip("PIL.Image")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TINY = Path(__file__).parents[3] / "recipes" / "tiny"


def predictions(path, rows, right):
    """Write the demonstrations as predictions, those of other views with no answer."""
    records = [
        {
            "completion": row["completion"][0]["content"] if row["view"] in right else "",
            "target": row["target"],
            "view": row["view"],
        }
        for row in rows
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return judge(path)


def test_the_page_shows_curves_figures_and_pictures(rows, tmp_path):
    recipe = read_recipe(TINY)
    (tmp_path / "data").mkdir()
    shutil.copytree(rows, tmp_path / "data" / "test")
    logged = {
        "sft": {"loss": 0.5, "mean_token_accuracy": 0.75},
        "rl": {"loss": 0.0, "reward": 2.5, "accuracy/left": 0.25, "accuracy/right": 0.5},
    }
    for stage, logs in logged.items():
        (tmp_path / stage).mkdir()
        history = [{"step": step, **logs} for step in (10, 20)] + [{"step": 20, "train_runtime": 1.0}]
        (tmp_path / stage / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    test = load_rows(str(tmp_path / "data" / "test"), split="test")
    before, after = (
        predictions(tmp_path / "out.jsonl", test, right) for right in (("center",), ("center", "left", "right"))
    )
    figures = {"seed": 3, "reward_share_of_step": 0.01, "before": {"left": 0.0}}
    path = write_report(recipe, tmp_path, tmp_path / "data", before=before, after=after, figures=figures)
    text = path.read_text()
    assert text.count('role="img"') == 3
    assert recipe.about in text
    assert '<td class="w">left</td><td>0.000</td><td>1.000</td><td>+1.000 ± 0.000</td>' in text
    assert '<td class="w">center</td><td>1.000</td><td>1.000</td><td>+0.000 ± 0.000</td>' in text
    assert '<td class="w">reward share of step</td><td>0.01</td>' in text
    assert "data:image/png;base64," in text
    assert "http" not in text.replace("http-equiv", "")  # nothing from elsewhere
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[0] > 1000
