"""What the profiler of the structure counts."""

from tests.measure.structure import LONG, SHORT, Size, follow, packages, size

SOURCE = '''"""A module.

Of three paragraphs.
"""
# A comment.
X = """not a
docstring"""


class A:
    "One line."

    def f(self):  # a comment behind code
        """Two.

        lines.
        """
        return 1
'''


def test_code_comments_and_docstrings():
    assert size(SOURCE) == Size(1, 18, 5, 2, 1, 0, 1)
    assert size("x = 1\n" * SHORT).short == size("x = 1\n" * LONG).long == 0
    assert size("x = 1\n" * (LONG + 1)).long == 1
    assert size("\n") == Size()


def test_the_way_of_a_call():
    from parsers import parse_completion
    from rewards import tvr_reward

    def call():
        tvr_reward(["<think>b</think><answer>2.color.cyan</answer>"], target=["2.color.cyan"])

    assert set(packages()) >= {"parsers", "rewards", "benchmarks", "trainers", "star_cli"}
    call()
    way = follow(call)
    assert way.files >= 5
    assert way.changes >= 2
    assert follow(lambda: parse_completion("a")).changes == 0
    assert follow(lambda: None) == (0, 0)


def test_what_is_drawn_stays_in_its_package():
    """A table is drawn in hundreds of pieces; only one that holds something else than text goes elsewhere."""
    from star_cli.console import printable

    assert [follow(lambda text=text: printable(text)) for text in ("64 rows", "\n")] == [(1, 0)] * 2
    assert follow(lambda: printable("\x1b[2J")).changes == 1
