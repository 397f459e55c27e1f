"""What a study is: its scenes, its model, its arms, and the configuration of each."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from benchmarks.files.write import write_whole
from recipes.evidence import questions, symbolic
from recipes.tiny.model import WORDS, Sizes, build
from recipes.tiny.study import read_recipe
from recipes.tiny.world import World
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"
PART: Final = 14 * 2**20  # bytes of a file of a model that travels


@dataclass(frozen=True, slots=True)
class Study:
    """A study.

    Attributes:
        path: its file.
        world: which scenes there are.
        sizes: how large the model is.
        views: of the final images of held-out scenes, in turn.
        longest: tokens of a completion at most.
        base: the configuration of each stage, before an arm's own changes.
        values: the rest of the file.
        tiny: whether sizes are those of ``--tiny``.
    """

    path: Path
    world: World
    sizes: Sizes
    views: tuple[str, ...]
    longest: int
    base: Mapping[str, dict[str, Any]]
    values: Mapping[str, Any]
    tiny: bool

    @property
    def symbolic(self) -> bool:
        """Whether scenes are told in words, not drawn."""
        return bool(self.values.get("symbolic"))

    @property
    def questions(self) -> bool:
        """Whether it asks questions about two views (`recipes.evidence.questions`), not for changes."""
        return bool(self.values.get("questions"))

    @property
    def test(self) -> Mapping[str, int]:
        """How many held-out scenes there are: ``scenes``, ``on_the_way``, ``batch``, ``samples``, ``sampled``."""
        found: Mapping[str, int] = self.values["test"]
        return found

    def arm(self, name: str) -> dict[str, Any]:
        """Return an arm as the file tells it.

        Raises:
            ConfigError: there is none of that name.
        """
        return self._named("arm", name)

    def call(self, name: str) -> dict[str, Any]:
        """Return the arms that are trained side by side.

        Raises:
            ConfigError: there are none of that name.
        """
        return self._named("call", name)

    def _named(self, kind: str, name: str) -> dict[str, Any]:
        there: Mapping[str, dict[str, Any]] = self.values[f"{kind}s"]
        if name not in there:
            raise ConfigError(f"{self.path}: no {kind} {name!r}; there are {', '.join(there)}")
        return there[name]

    def configuration(self, name: str, seed: int) -> dict[str, Any]:
        """Return the configuration of an arm, as ``star train`` takes it, without model and folder.

        Args:
            name: of the arm.
            seed: of the run; the scenes that it sees follow from it too.
        """
        arm = self.arm(name)
        stage = arm["stage"]
        values = _merged(self.base[stage], arm.get("set", {}))
        if self.tiny:
            values = _merged(values, _merged(self.values["tiny"].get("set", {}), self.values["tiny"].get(stage, {})))
        rows = dict(values["dataset_arguments"])
        rows |= {"views": list(arm.get("views", self.views)), "seed": rows.get("seed", 0) + 100_000 * seed}
        if stage == "sft" and not self.symbolic and not self.questions:
            rows["reasoning"] = not arm.get("labels", False)
        values |= {"dataset_arguments": rows, "seed": seed}
        if stage == "rl":
            values |= {"preset": arm.get("preset", "default"), "reward_overrides": arm.get("overrides", {})}
        return values

    def until(self, name: str) -> float | None:
        """Return the accuracy at which an arm ends, or None."""
        found = self.arm(name).get("until")
        return found if found is None or not self.tiny else float(self.values["tiny"]["until"])

    def new_model(self, folder: Path, seed: int) -> int:
        """Write a model with random weights; return its number of parameters."""
        words = questions.WORDS if self.questions else WORDS
        if self.symbolic:
            return symbolic.build(folder, self.sizes, seed=seed, words=words)
        return build(folder, self.sizes, side=self.world.side, seed=seed, words=words)


def read_study(path: Path, *, tiny: bool = False) -> Study:
    """Read a study.

    Raises:
        ConfigError: the file is missing or holds something else.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        if tiny:
            values |= {key: values["tiny"][key] for key in ("test", "evaluate_every", "model") if key in values["tiny"]}
        base = {stage: values.get(stage, {}) for stage in ("sft", "rl")}
        if "recipe" in values:
            recipe = read_recipe(path.parent / values["recipe"])
            world, sizes, longest = recipe.world, recipe.model, recipe.max_new_tokens
            for stage, own in base.items():
                stock = yaml.safe_load((recipe.folder / f"{stage}.yaml").read_text(encoding="utf-8"))
                stock.pop("stage", None)  # which an arm says
                base[stage] = _merged(stock, own)
            if tiny:
                sizes = Sizes(**values["model"])
        else:
            given = {key: tuple(v) if isinstance(v, list) else v for key, v in values["world"].items()}
            world, sizes, longest = World(**given), Sizes(**values["model"]), values["max_new_tokens"]
        if tiny:
            longest = values["tiny"]["rl"].get("max_completion_length", longest)
        return Study(path, world, sizes, tuple(values["views"]), longest, base, values, tiny)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error!r}") from None


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return values on top of others; those of ``dataset_arguments`` likewise."""
    both = dict(base) | dict(own)
    rows = base.get("dataset_arguments"), own.get("dataset_arguments")
    if all(rows):
        both["dataset_arguments"] = rows[0] | rows[1]
    return both


def config_hash(values: Mapping[str, Any]) -> str:
    """Return a short name of a configuration that another value changes.

    >>> config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1})
    True
    """
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def result_path(folder: Path, name: str, seed: int) -> Path:
    """Return where the result of an arm lies."""
    return folder / f"{name}-{seed}.json"


def read_result(folder: Path, name: str, seed: int) -> dict[str, Any] | None:
    """Return the result of an arm; None where it has none yet."""
    path = result_path(folder, name, seed)
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write_result(folder: Path, found: Mapping[str, Any]) -> None:
    """Write the result of an arm; what already exists is replaced as a whole."""
    folder.mkdir(parents=True, exist_ok=True)
    path = result_path(folder, found["arm"], found["seed"])
    write_whole(path, json.dumps(found, separators=(",", ":")) + "\n")


def pack_model(folder: Path, parts: Path, name: str) -> None:
    """Write a model's folder as files of at most 14 MiB: ``name.zip.0``, ``name.zip.1``, ..."""
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                packed.write(path, path.name)
    content = buffer.getvalue()
    parts.mkdir(parents=True, exist_ok=True)
    for number, at in enumerate(range(0, len(content), PART)):
        write_whole(parts / f"{name}.zip.{number}", content[at : at + PART])


def unpack_model(parts: Path, name: str, folder: Path) -> Path:
    """Undo `pack_model`.

    Raises:
        ConfigError: there is no such model.
    """
    import io

    files = sorted(parts.glob(f"{name}.zip.*"), key=lambda path: int(path.suffix[1:]))
    if not files:
        raise ConfigError(f"{parts}: no model {name}: train it first, or name its folder with --start")
    content = b"".join(path.read_bytes() for path in files)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder)  # our own files
    return folder
