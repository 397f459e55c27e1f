"""Filters and orders against plain Python over the rows."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.view.index import Scoring, open_run
from benchmarks.view.instructive import kinds
from benchmarks.view.listing import Partners, Query, Show, Sort, find_groups, items, read_query, summary
from benchmarks.view.reading import Files
from rewards import ConfigError, score_completion
from tests.benchmarks.view.view_inputs import ANSWERS, TARGETS, completion, write_data, write_rows, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("listing")
    special = {  # under preset paper naming two values is rewarded more than naming the right one
        3: [completion("2.color.cyan")] * 4,
        6: [completion("2.color.cyan"), completion("2.color.red, 2.color.cyan"), completion("none"), completion("")],
    }
    rows = [
        {
            "step": step,
            "prompt_id": f"p{prompt}",
            "view": ("left", "right")[prompt % 2],
            "completion": text,
            "target": TARGETS[prompt % 3],
        }
        for step in (1, 2)
        for prompt in range(8)
        for text in (
            special.get(prompt)
            or [completion(ANSWERS[(3 * prompt + 5 * each + step) % 8], f"Seen {prompt}") for each in range(4)]
        )
    ]
    rows[6]["completion"] = "<think>cut off"
    return open_run("run", Files([str(write_rows(folder / "rows.jsonl", rows))]), Scoring(preset="paper"))


def expected(run, query):
    """Return the groups that a query wants, told row by row."""
    found = []
    for group in range(len(run.groups)):
        rows = run.groups.of(group)
        totals, right = run.total[rows].tolist(), run.correct[rows].tolist()
        codes = [run.codes[code] if code >= 0 else None for code in run.fault[rows]]
        mean = sum(totals) / len(totals)
        wrong = [t for t, r in zip(totals, right, strict=True) if not r]
        shown = {
            "all": True,
            "outranked": any(right)
            and bool(wrong)
            and max(wrong) >= min(set(totals) if all(right) else {t for t, r in zip(totals, right, strict=True) if r}),
            "varied": len(set(totals)) > 1,
            "zero": len(set(totals)) == 1 and len(totals) > 1,
            "right": all(right),
            "wrong": not any(right),
            "fault": any(codes),
        }[query.show]
        texts = [f"{row.get('completion')}\0{row.get('target')}".lower() for row in run.rows(rows)]
        view = run.views[run.groups.view[group]]
        if (
            shown
            and (not query.fault or query.fault in codes)
            and (not query.view or query.view == view)
            and (query.step is None or run.groups.step[group] == query.step)
            and (query.low is None or mean >= query.low)
            and (query.high is None or mean <= query.high)
            and any(query.text.lower() in text for text in texts)
        ):
            found.append(group)
    return found


@given(data=st.data())
@settings(max_examples=150)
def test_filters(run, data):
    query = Query(
        show=data.draw(st.sampled_from(get_args(Show))),
        fault=data.draw(st.sampled_from(["", *run.codes, "no_such_code"])),
        view=data.draw(st.sampled_from(["", "left", "nowhere"])),
        step=data.draw(st.sampled_from([None, 1.0, 2.0, 3.0])),
        text=data.draw(st.sampled_from(["", "SEEN 3", "cut off", "<answer>", "glass", "nothing like it"])),
        low=data.draw(st.none() | st.floats(-2, 8)),
        high=data.draw(st.none() | st.floats(-2, 8)),
        sort=data.draw(st.sampled_from(get_args(Sort))),
    )
    found = find_groups(run, query).tolist()
    assert sorted(found) == expected(run, query)
    keys = {
        "file": lambda group: group,
        "low": lambda group: run.groups.mean[group],
        "high": lambda group: -run.groups.mean[group],
        "spread": lambda group: run.groups.low[group] - run.groups.high[group],
        "faults": lambda group: -run.groups.faults[group],
    }
    if query.sort in keys:
        assert found == sorted(sorted(found), key=keys[query.sort])


def test_instructive_groups_begin_with_one_of_each_kind(run):
    found = find_groups(run, Query(sort="instructive")).tolist()
    assert sorted(found) == list(range(len(run.groups)))
    every = kinds(run)
    first = set(found[: len(every)])
    for kind in every:
        assert first & {group for group in range(len(run.groups)) if {*run.groups.of(group)} & {*kind.rows.tolist()}}


def test_kinds_against_plain_python(run):
    """Each kind has the rows that its title says, the clearest first, told from the rewards alone."""
    found = {kind.title: kind for kind in kinds(run)}
    group_of = {row: group for group in range(len(run.groups)) for row in run.groups.of(group)}
    total, right, every = run.total.tolist(), run.correct.tolist(), range(len(run.total))
    named = [len(score_completion(row.get("completion"), row.get("target")).answer or ()) for row in run.rows(every)]
    true = [0 if row.get("target") == "none" else row.get("target").count(".") // 2 for row in run.rows(every)]

    def others(row):
        return run.groups.of(group_of[row])

    def lowest(row):
        return min((total[each] for each in others(row) if right[each]), default=np.inf)

    def alike(row):
        return row == others(row)[0] and len(others(row)) > 1 and len({total[each] for each in others(row)}) == 1

    expected = {
        "wrong, rewarded as much as a right one": lambda row: not right[row] and total[row] >= lowest(row),
        "right, the lowest reward first": lambda row: right[row],
        "wrong, the highest reward first": lambda row: not right[row],
        "fault: unclosed_think": lambda row: row == 6,
        "enumerating: more is named than there is": lambda row: not right[row] and named[row] > true[row],
        "silent: nothing is named though there is something": lambda row: (
            not named[row] and true[row] and run.fault[row] < 0
        ),
        "zero variance: all of a group wrong and rewarded alike": lambda row: (
            alike(row) and not any(right[each] for each in others(row))
        ),
        "zero variance: rewarded alike, with right ones": lambda row: (
            alike(row) and any(right[each] for each in others(row))
        ),
    }
    for title, is_one in expected.items():
        rows = [] if title not in found else found[title].rows.tolist()
        assert sorted(rows) == [row for row in every if is_one(row)], title
    outranking = found["wrong, rewarded as much as a right one"]
    above = [total[row] - total[other] for row, other in zip(outranking.rows, outranking.beside, strict=True)]
    assert above == sorted(above, reverse=True)
    assert min(above) >= 0
    for row, other in zip(outranking.rows, outranking.beside, strict=True):
        assert right[other]
        assert total[other] == lowest(row)
    for title, sign in (("right, the lowest reward first", 1), ("wrong, the highest reward first", -1)):
        values = [sign * total[row] for row in found[title].rows]
        assert values == sorted(values)


def test_what_the_list_shows(run):
    shown = items(run, [3, 0])
    assert [item["group"] for item in shown] == [3, 0]
    assert shown[0]["title"] == "p3"
    assert shown[0]["low"] == shown[0]["high"]
    assert [dot[0] for dot in shown[1]["dots"]] == run.total[run.groups.of(0)].tolist()
    assert summary(run)["steps"] == [1.0, 2.0]
    assert dict(summary(run)["faults"])["unclosed_think"] == 1


def test_queries_that_are_none():
    assert read_query({"text": "a", "low": "1.5", "step": "3", "more": "x", "fault": ""}) == Query(
        text="a", low=1.5, step=3.0
    )
    for wrong in ({"show": "x"}, {"sort": "x"}, {"low": "much"}):
        with pytest.raises(ConfigError):
            read_query(wrong)


def test_partners_are_of_the_same_prompt_and_the_nearest_step(tmp_path):
    write_data(tmp_path / "data")
    first, second, other = (
        open_run(name, Files([str(folder)]), Scoring())
        for name, folder in (
            ("first", write_run(tmp_path / "first", tmp_path / "data", steps=(10, 20, 30))),
            ("second", write_run(tmp_path / "second", tmp_path / "data", steps=(11, 29), prompts=2, shift=3)),
            ("other", write_rows(tmp_path / "o.jsonl", [{"completion": completion("none"), "target": "none"}])),
        )
    )
    partners = Partners.of(first, second)
    assert partners.groups.tolist() == [0, 1, -1, 0, 1, -1, 2, 3, -1]
    gain = partners.gain(first)
    assert np.isnan(gain).tolist() == [each < 0 for each in partners.groups]
    assert gain[0] == pytest.approx(second.groups.mean[0] - first.groups.mean[0])
    best = find_groups(first, Query(sort="gain"), partners).tolist()
    assert gain[best[0]] == np.nanmax(gain)
    assert set(best[-3:]) == {2, 5, 8}
    with pytest.raises(ConfigError, match="told by id, of other by nothing"):
        Partners.of(first, other)


def test_predictions_of_two_runs_are_paired_by_their_ids(tmp_path):
    runs = []
    for name, order in (("a", (0, 1, 2)), ("b", (2, 0, 1))):
        rows = [
            {"id": at, "prompt": "the same", "completion": completion(ANSWERS[at]), "target": TARGETS[at]}
            for at in order
        ]
        runs.append(open_run(name, Files([str(write_rows(tmp_path / f"{name}.jsonl", rows))]), Scoring()))
    assert Partners.of(*runs).groups.tolist() == [1, 2, 0]


def test_rows_to_train_on_are_found_by_their_prompt(tmp_path):
    write_data(tmp_path / "data")
    run = open_run("data", Files([str(tmp_path / "data")]), Scoring())
    assert find_groups(run, Query(text="scene 2?")).tolist() == [2]
    assert summary(run)["mean"] is None
