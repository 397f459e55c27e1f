"""What ``tests.measure.growth`` fits, on work whose growth is known; a clock that the work itself advances."""

import pytest

from tests.measure import growth
from tests.measure.families import ANSWER_FAMILIES, COMPLETION_FAMILIES, QUESTION_FAMILIES, numbered, repeated


class Clock:
    def __init__(self):
        self.now = 0.0

    def process_time(self):
        return self.now

    def work(self, power):
        def take(text):
            self.now += 1e-9 * len(text) ** power

        return take


@pytest.mark.parametrize("power", [1.0, 1.1, 2.0])
def test_the_exponent_is_found(monkeypatch, power):
    clock = Clock()
    monkeypatch.setattr(growth, "time", clock)
    found = growth.growth(clock.work(power), ["a" * size for size in (10_000, 30_000, 100_000)])
    assert found.exponent == pytest.approx(power)
    assert found.seconds == pytest.approx(1e-9 * 100_000**power)


@pytest.mark.parametrize(("power", "code"), [(1.0, 0), (1.3, 1)])
def test_main_marks_what_is_above_the_limit(monkeypatch, capsys, power, code):
    clock = Clock()
    monkeypatch.setattr(growth, "time", clock)
    monkeypatch.setattr(growth, "read_leniently", clock.work(power))
    monkeypatch.setattr(growth, "read_anew", clock.work(1.0))
    monkeypatch.setattr(growth, "COMPLETION_SIZES", (1_000, 10_000))
    monkeypatch.setattr(growth, "QUESTIONS", {"number": (clock.work(1.0), "")})
    with pytest.raises(SystemExit) as ended:
        growth.main()
    assert ended.value.code == code
    printed = capsys.readouterr().out
    assert printed.count(" !") == (3 * len(COMPLETION_FAMILIES) if code else 0)
    assert len(printed.splitlines()) == 3 + 3 * len(COMPLETION_FAMILIES) + len(ANSWER_FAMILIES) + len(
        QUESTION_FAMILIES["number"]
    )


def test_texts():
    assert repeated("ab", 5) == "abab"
    pieces = numbered("2.color.cyan, ", 10_000).split(", ")[:-1]
    assert len(set(pieces)) == len(pieces) > 500
    assert len(numbered("a", 10_000)) == 10_000
