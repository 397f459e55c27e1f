"""Looked up or computed, one row or many: the same scores."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.formats import TVR as FORMAT
from rewards import TVR, DataError, TaskReward, score_batch, tvr_accuracy_reward, tvr_reward
from rewards import score_table as module
from rewards.batch_score import answer_text
from rewards.score import parse_answers, parse_completions, score_for_specs
from rewards.score_table import Answers, is_tabular, read_packed, score_table
from rewards.spec import PRESETS, TieredSpec, preset_spec
from rewards.targets import read_target
from rewards.tasks import load_task
from tests.measure.differential import make_row, score
from tests.strategies import answers, completions, hostile_completions, specs, targets

TASK = load_task("tvr")
COMPLETIONS = answers(max_size=4).flatmap(lambda answer: completions(answer[0])) | hostile_completions()


def check(rows, several, **how):
    """The reference never looks anything up."""
    texts, true = [text for text, _ in rows], [target for _, target in rows]
    parsed = parse_answers(parse_completions(texts, **{"mode": "strict", "think_prefilled": "auto"} | how), FORMAT)
    expected = score_for_specs(parsed, [read_target(target, FORMAT) for target in true], several)
    block = score_table(several, FORMAT)
    found = block.score_answers(Answers.of(*read_packed(texts, block.known, **how)), block.try_targets(true)[0])
    for mine, theirs in zip(found.scores, expected, strict=True):
        for name in ("total", "unit", "correct", "n_pred", "best"):
            assert getattr(mine, name)[found.kinds].tolist() == getattr(theirs, name).tolist()
        for part, values in theirs.parts.items():
            assert mine.parts[part][found.kinds].tolist() == values.tolist()
    assert found.texts() == [answer_text(answer) for answer in expected[0].answers]
    odd = found.answers.odd
    assert [odd[row].fault if row in odd else None for row in range(len(rows))] == list(expected[0].faults)
    assert [row in odd and odd[row].prefilled for row in range(len(rows))] == expected[0].prefilled.tolist()
    for spec, theirs in zip(several, expected, strict=True):
        table = score_table([spec], FORMAT)
        assert table.totals(texts, true, **how) == theirs.total.tolist()
        some = (spec.parts[-1], "incorrect")
        paid = [sum(pair) for pair in zip(*(theirs.parts[part].tolist() for part in some), strict=True)]
        assert table.totals(texts, true, pays=some, **how) == paid


@given(
    rows=st.lists(st.tuples(COMPLETIONS, targets(indices=10)), min_size=1, max_size=6),
    mode=st.sampled_from(["strict", "lenient"]),
    think_prefilled=st.sampled_from(["auto", True, False]),
)
def test_presets(rows, mode, think_prefilled):
    several = [preset_spec(TVR, preset) for preset in PRESETS]
    check(rows, several, mode=mode, think_prefilled=think_prefilled)


@given(spec=specs(nested=True), rows=st.lists(st.tuples(COMPLETIONS, targets(indices=3)), min_size=1, max_size=5))
def test_any_chain_of_tiers(spec, rows):
    if is_tabular(spec):
        check(rows, [spec])


def test_rows_that_conflict_and_repeat():
    rng = random.Random(3)
    pairs = [(key, value) for key, values in FORMAT.fields[2].values_by for value in values]
    rows = []
    for _ in range(300):
        said = [f"{rng.randrange(3)}.{'.'.join(rng.choice(pairs[:11]))}" for _ in range(rng.randrange(9))]
        true = list(
            dict.fromkeys(f"{rng.randrange(3)}.{'.'.join(rng.choice(pairs[:11]))}" for _ in range(rng.randrange(5)))
        )
        rows.append((f"<think>b</think><answer>{', '.join(said)}</answer>", ", ".join(true)))
    check(rows, [preset_spec(TVR, preset) for preset in PRESETS])
    # Here two predictions of one cell agree at no tier, and compete all the same.
    for tiers in (
        {TVR.fields: 2.0},
        {TVR.fields: 2.0, ("value",): 1.0},
        {TVR.fields: 2.0, ("attribute", "value"): 1.0},
    ):
        check(rows, [TieredSpec(fields=TVR.fields, tiers=tiers)])


@pytest.mark.parametrize("preset", PRESETS)
def test_the_reward_function_looks_up_what_the_batch_computes(preset):
    rows = [row for number in range(2000) if (row := make_row(11, number))["task"] == "tvr"]
    texts, true = [row["completion"] for row in rows], [row["target"] for row in rows]
    expected = score_batch(texts, true, preset=preset)
    logged = {}
    assert tvr_reward(texts, target=true, preset=preset) == expected.total.tolist()
    assert tvr_reward(texts, target=true, preset=preset, log_metric=logged.__setitem__) == expected.total.tolist()
    assert logged["tvr/accuracy"] == expected.correct.mean()


@pytest.mark.parametrize("mode", ["strict", "lenient"])
@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_logged_is_looked_up_too(monkeypatch, preset, mode):
    """TRL passes `log_metric` and `log_extra` always: the same values, metrics and columns, without computing a batch."""
    rows = [row for number in range(600) if (row := make_row(12, number))["task"] == "tvr"]

    def logged(function, size):
        found = []
        for start in range(0, len(rows), size):
            metrics, columns = {}, {}
            texts, true = zip(*[(row["completion"], row["target"]) for row in rows[start : start + size]], strict=True)
            settings = {"target": true, "id": range(len(texts)), "preset": preset, "mode": mode}
            logs = {"log_metric": metrics.__setitem__, "log_extra": columns.__setitem__}
            found.append((function(list(texts), **settings, **logs), metrics, columns))
        return found

    for function in (tvr_reward, tvr_accuracy_reward):
        computed = []
        for looked_up in (True, False):
            with monkeypatch.context() as patched:
                if looked_up:
                    patched.setattr("rewards.functions.score_rows", None)
                else:
                    patched.setattr("rewards.functions.is_tabular", lambda spec: False)
                computed.append([repr(logged(function, size)) for size in (8, 100)])
        assert computed[0] == computed[1]


def test_what_counts_alone_do_not_decide_is_computed():
    assert not is_tabular(preset_spec(TVR, "default", consistency_weight=1.0))
    assert not is_tabular(preset_spec(TVR, "naive_binary", multiset=True))
    assert not is_tabular(load_task("multiview").spec)
    text = ["<think>Object 2 is red now.</think><answer>2.color.cyan</answer>"]
    assert tvr_reward(text, target=["2.color.cyan"], consistency_weight=1.0) == [5.0]
    reward = TaskReward("tvr", preset="naive_binary", overrides={"multiset": True})
    assert reward(["<think></think><answer>2.color.cyan, 2.color.cyan</answer>"], target=["2.color.cyan"]) == [1.0]


def test_wrong_targets_and_completions_are_named():
    table = score_table([TASK.spec], TASK.record_format)
    read, errors = table.try_targets(["2.color.cyan", "2.color.cyna", "2.color.cyna", "", "3.x"])
    assert (len(read), sorted(errors)) == (2, [1, 2, 4])
    with pytest.raises(DataError, match="cyna") as caught:
        table.totals(["", ""], ["2.color.cyan", "2.color.cyna"])
    assert caught.value.row == 1
    with pytest.raises(DataError, match="a completion is text") as caught:
        table.totals(["", 7], ["2.color.cyan"] * 2)
    assert caught.value.row == 1


def test_tables_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 5)
    monkeypatch.setattr(module, "_MOST_TABLES", 3)
    for preset in PRESETS:
        table = score_table([preset_spec(TASK.spec, preset)], TASK.record_format)
        for number in range(20):
            text = f"<think></think><answer>{', '.join(f'{at}.color.red' for at in range(number))}</answer>"
            assert table.totals([text], [f"{number}.color.cyan"])
        assert len(table._targets) <= 5
        assert len(table._totals[None]) <= 5
    assert len(module._TABLES) <= 3


def test_a_small_differential_run():
    """Every way of this checkout; `python -m tests.measure.differential` compares with another one."""
    rows = [make_row(7, number) for number in range(1200)]
    assert [make_row(7, number) for number in range(300)] == rows[:300]
    assert len(list(score(rows, every_way=True))) == len(rows)
