"""Names of the package, which are loaded when they are first asked for."""

import pytest

import parsers


def test_every_name_is_there():
    for name in parsers.__all__:
        assert getattr(parsers, name).__name__ == name


@pytest.mark.parametrize("name", ["parse_nothing", "Nothing", "grammar"])
def test_a_name_that_is_not_there(name):
    with pytest.raises(AttributeError) as caught:
        getattr(parsers, name)
    assert str(caught.value) == f"module 'parsers' has no attribute {name!r}"
