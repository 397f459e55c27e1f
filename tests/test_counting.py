"""The counting of work, on an algorithm that is quadratic."""

from tests.counting import LIMIT, exponent


def test_the_measure_sees_a_square():
    """What fails when an algorithm is quadratic, on one that is."""

    def square(text):
        for at in range(len(text)):
            for _ in range(at):
                text.isascii()

    assert exponent(square, ["a" * size for size in (50, 100, 200)]) > LIMIT
