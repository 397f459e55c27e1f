"""YAML of the user's own: any text ends in values or in one line that says where."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rewards.errors import ConfigError
from rewards.tasks import load_task
from rewards.yaml_files import MOST_VALUES, read_yaml

WORDS = ["a", "b:", "- ", "{", "}", "[", "]", ",", ": ", "\n", "  ", "&x ", "*x", "<<: *x", "!!int ", "!!float ", "!!timestamp ", "!!binary ", "!!set ", "!!python/object:os.system ", "!!bool ", "!!null ", "!!pairs ", "!!omap ", "!x ", "'", '"', "|\n", ">", "#", "---\n", "...", "%YAML 9.9\n", "2001-99-99", "0x", "1_0", ".nan", "1e999", "\\x", "\t", "?", "~", "\0", "\x85", "\ufeff", "é"]  # fmt: skip
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@settings(max_examples=400)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=25).map("".join))
@example("a: !!timestamp x")
@example("a: !!int ''")
@example("a: !!float ''")
@example("a: 2001-99-99")
@example("a: !!bool x")
@example("{<<: 3}")
@example("a: &x [*x]")
@example("? [a]\n: b")
def test_any_text_ends_in_values_or_in_one_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "replace"))
    for read in (read_yaml, lambda path: load_task(str(path))):
        try:
            read(path)
        except ConfigError as error:
            assert str(error).startswith(str(path))
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "[" * 5000 + "]" * 5000, "{a: " * 5000, "- " * 5000, "? " * 5000, "a: " + "[" * 400 + "]" * 400],
)
def test_what_is_nested_too_deeply_says_so_with_its_file(tmp_path, text):
    (tmp_path / "deep.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"deep\.yaml(:\d+)?: "):
        load_task(str(tmp_path / "deep.yaml"))


def test_aliases_of_aliases_are_not_spelled_out(tmp_path):
    (tmp_path / "bomb.yaml").write_text(BOMB)
    with pytest.raises(
        ConfigError, match=rf"bomb\.yaml:\d+: .*there are more than {MOST_VALUES:,} values, aliases included"
    ):
        read_yaml(tmp_path / "bomb.yaml")


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="x.yaml: 'utf-8' codec can't decode"):
        read_yaml(tmp_path / "x.yaml")
