"""Who imports whom, in every file: read from the sources by `ast`, also in folders without ``__init__.py``."""

from __future__ import annotations

import ast
import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
LAYERS = ("star_r1", "star_cli", "trainers", "benchmarks", "rewards", "parsers")
"""Each imports only from those to its right; `star_r1` is what other people import, and no package of ours does."""
OUTSIDE = ("recipes", "tests.measure")
"""Not in the wheel: they may import every package, and none may import them."""
HEAVY = {"torch", "transformers", "trl", "peft", "datasets", "accelerate"}
TERMINAL = {"click", "rich"}
DYNAMIC = ("import_module", "__import__")


class Import(NamedTuple):
    """One imported module, or a name in it.

    Attributes:
        importer: the dotted name of the file that imports.
        module: what is imported from, or the module itself.
        name: what is imported from it, or None.
        line: where.
        runs: ``"module"`` when the file is imported, ``"function"`` when a function runs, ``"never"`` for types alone.
    """

    importer: str
    module: str
    name: str | None
    line: int
    runs: str

    @property
    def top(self):
        return self.module.partition(".")[0]

    def __str__(self):
        return f"{self.importer}, line {self.line}: {self.module}{f'.{self.name}' if self.name else ''}"


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def dotted(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(root=ROOT):
    """Return every module, by its dotted name."""
    folders = [root.joinpath(*name.split(".")) for name in (*LAYERS, *OUTSIDE)]
    return {dotted(path, root): path for folder in folders for path in sorted(folder.rglob("*.py"))}


def imports(name: str, path: Path) -> list[Import]:
    """Return what a file imports, by statements and by ``import_module`` of a constant."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]

    def found(node: ast.AST, runs: str) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(name, each.name, None, node.lineno, runs) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(name, module, each.name, node.lineno, runs) for each in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in DYNAMIC:
            yield from (Import(name, each.value, None, node.lineno, runs) for each in node.args[:1] if is_text(each))
        if isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            yield from (each for child in node.body for each in found(child, "never"))
            yield from (each for child in node.orelse for each in found(child, runs))
            return
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from found(child, "function" if inside and runs == "module" else runs)

    return list(found(ast.parse(path.read_text("utf-8")), "module"))


SOURCES = sources()
IMPORTS = [each for name, path in SOURCES.items() for each in imports(name, path)]
OF_PACKAGES = [each for each in IMPORTS if each.importer.partition(".")[0] in LAYERS]


def room(module):
    return module.partition(".")[0]


def test_files_are_found():
    """Without this the tests below would pass on nothing."""
    assert {room(name) for name in SOURCES} == {*LAYERS, "recipes", "tests"}
    assert len(SOURCES) > 100
    assert {each.runs for each in IMPORTS} == {"module", "function", "never"}


def test_each_package_imports_only_from_those_to_its_right():
    order = {name: at for at, name in enumerate(LAYERS)}
    wrong = [
        str(each) for each in OF_PACKAGES
        if each.top in order and order[each.top] < order[room(each.importer)]
    ]  # fmt: skip
    assert wrong == []


def test_the_packages_need_nothing_that_is_not_in_the_wheel():
    assert [str(each) for each in OF_PACKAGES if each.top in ("recipes", "tests", "docs", "examples")] == []
    named = re.compile(r"(recipes|tests|examples)([./]\w+)+")
    for name, path in SOURCES.items():
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        about = {ast.get_docstring(node, clean=False) for node in nodes if isinstance(node, documented)}
        texts = {node.value for node in nodes if is_text(node)} - about
        assert room(name) not in LAYERS or not list(filter(named.fullmatch, texts)), name


def test_torch_and_its_friends_load_inside_functions_of_trainers():
    heavy = [each for each in IMPORTS if each.top in HEAVY and each.runs != "never"]
    assert heavy
    wrong = [
        each for each in heavy if each.runs == "module" or room(each.importer) not in ("trainers", "recipes", "tests")
    ]
    assert [str(each) for each in wrong] == []


def test_click_and_rich_appear_only_in_the_command_line():
    wrong = [each for each in OF_PACKAGES if each.top in TERMINAL and room(each.importer) != "star_cli"]
    assert [str(each) for each in wrong] == []


def test_parsers_stand_on_lark_and_the_standard_library():
    known = {"parsers", "lark", *sys.stdlib_module_names}
    assert [str(each) for each in IMPORTS if room(each.importer) == "parsers" and each.top not in known] == []


def needed(each: Import, modules) -> Iterator[str]:
    """Yield the modules that run before an import returns, but for packages that the importer itself lies in."""
    target = f"{each.module}.{each.name}" if f"{each.module}.{each.name}" in modules else each.module
    if target in modules:
        yield target
    parts = target.split(".")
    for end in range(1, len(parts)):
        above = ".".join(parts[:end])
        if above in modules and not each.importer.startswith(f"{above}.") and above != each.importer:
            yield above


def circle(modules, found):
    graph = {name: set() for name in modules}
    for each in found:
        if each.runs == "module":
            graph[each.importer] |= set(needed(each, modules)) - {each.importer}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_no_circle_of_imports():
    assert circle(SOURCES, IMPORTS) is None


RUN_BY_HAND = {"star_cli.__main__", "parsers.compile"}
FOUND_BY_FOLDER = ("star_r1.", "benchmarks.zoo.", "trainers.adapters.")
"""What other people import, and what a command finds by listing its folder."""


def unnamed(modules, found):
    """Return the modules that no other one imports, or names as text: ``"benchmarks.tvr.scoring:TVR"``."""
    said = {each.module for each in found} | {f"{each.module}.{each.name}" for each in found}
    for path in modules.values():
        texts = (node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if is_text(node))
        said |= {text.partition(":")[0] for text in texts}
    files = {name for name, path in modules.items() if path.stem != "__init__"}
    return sorted(files - said)


def test_every_module_of_the_packages_is_used():
    """One that nothing imports and nobody runs is dead, though each of its names is used in it."""
    modules = {name: path for name, path in SOURCES.items() if room(name) in LAYERS}
    alone = [name for name in unnamed(modules, OF_PACKAGES) if not name.startswith(FOUND_BY_FOLDER)]
    assert set(alone) == RUN_BY_HAND


# --- these tests can fail ---------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    def write(files):
        for name, text in files.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        modules = sources(tmp_path)
        return modules, [each for name, path in modules.items() for each in imports(name, path)]

    return write


def test_imports_are_found_wherever_they_stand(tree):
    code = """
from typing import TYPE_CHECKING
import parsers.types as values
if TYPE_CHECKING:
    from benchmarks import evaluate
else:
    import lark
try:
    from . import b
except ImportError:
    pass
class A:
    def f(self):
        from .deep.c import name
        importlib.import_module("torch.nn")
"""
    _, found = tree({"rewards/a": code, "rewards/b": "", "rewards/deep/c": ""})
    assert [(each.module, each.name, each.runs) for each in found][1:] == [
        ("parsers.types", None, "module"), ("benchmarks", "evaluate", "never"), ("lark", None, "module"),
        ("rewards", "b", "module"), ("rewards.deep.c", "name", "function"), ("torch.nn", None, "function"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "round_trip"),
    [
        ({"rewards/a": "from rewards.b import x", "rewards/b": "import rewards.a"}, True),
        ({"rewards/a": "from rewards.b import x", "rewards/b": "def f():\n    import rewards.a"}, False),
        ({"rewards/__init__": "from rewards.a import x", "rewards/a": ""}, False),
        ({"rewards/__init__": "from rewards.a import x", "rewards/a": "from rewards import y"}, True),
        ({"rewards/__init__": "from rewards.a import x", "rewards/a": "from rewards import b", "rewards/b": ""}, False),
        ({"rewards/__init__": "import parsers.a", "parsers/a": "import parsers.b", "parsers/b": "import rewards.c", "rewards/c": ""}, True),
    ],
)  # fmt: skip
def test_circles_are_found(files, round_trip, tree):
    assert (circle(*tree(files)) is not None) == round_trip


def test_a_module_that_nothing_uses_is_found(tree):
    code = {
        "rewards/a": "from rewards import b",
        "rewards/b": "HOMES = 'rewards.c:x'",
        "rewards/c": "",
        "rewards/d": "",
    }
    assert unnamed(*tree(code)) == ["rewards.a", "rewards.d"]
