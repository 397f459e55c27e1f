"""Ways to game a reward: what a policy knows of a scene, and small pure functions from that to what it writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from benchmarks.audit.reward import Candidate, honest
from benchmarks.audit.scenes import drop, prompt_text, spell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.audit.scenes import Scene
    from rewards.tiered import Record


@dataclass(frozen=True, slots=True)
class Belief:
    """What a policy knows.

    Attributes:
        scene: the scene as it most likely is; its target is the policy's best guess.
        otherwise: the scene as it may be instead; *scene* itself where there is no uncertainty.
        majority: the answer that is most frequent in the data set.
    """

    scene: Scene
    otherwise: Scene
    majority: tuple[Record, ...] = ()


Model = Literal["two candidates", "one guess", "likely there", "likely not there"]

RANGES: dict[Model, tuple[float, float]] = {
    "two candidates": (0.5, 1.0),
    "one guess": (0.0, 1.0),
    "likely there": (0.5, 1.0),
    "likely not there": (0.5, 1.0),
}
"""The chances p that a policy's best guess is right, by model."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """A belief, and the two worlds it may stand in.

    Attributes:
        about: what the policy does not know, e.g. ``"value"``.
        model: ``"two candidates"``: the truth is the guess, or else the other one that the policy thinks of; ``"one
            guess"``: the truth is the guess, or else something that it does not think of; ``"likely there"`` and
            ``"likely not there"``: there is one change more, or not.
        belief: what the policy sees.
        worlds: the scene if its best guess is right, with chance p, and if it is not.
    """

    about: str
    model: Model
    belief: Belief
    worlds: tuple[Scene, Scene]


def majority_answer(scenes: Sequence[Scene]) -> tuple[Record, ...]:
    """Return the most frequent answer; of several, the first."""
    return Counter(scene.target for scene in scenes).most_common(1)[0][0]


def uncertainties(scene: Scene, majority: tuple[Record, ...]) -> Iterator[Uncertainty]:
    """Yield what a policy may be unsure of in a scene: its last true record, or a reference of its first view."""
    if scene.task.record_format is None:
        yield from _answer_uncertainties(scene, majority)
        yield from _reference_uncertainties(scene, majority)
    elif scene.target:
        for at in reversed(range(len(scene.target[-1]))):
            yield from _field_uncertainties(scene, majority, at)
        if len(scene.target) > 1:
            yield from _existence(scene, drop(scene, scene.target[-1]), majority, "existence")


def _field_uncertainties(scene: Scene, majority: tuple[Record, ...], at: int) -> Iterator[Uncertainty]:
    """Yield uncertainties about field *at* of the last true record and those after it; what is before is known."""
    assert scene.task.record_format is not None
    record = scene.target[-1]
    taken = {true[: at + 1] for true in scene.target}
    others = [each for each in scene.universe if each[:at] == record[:at] and each[: at + 1] not in taken]
    if others:
        without = drop(scene, record)
        swapped = replace(scene, target=(*without.target, _inconspicuous(others, majority)))
        about = scene.task.record_format.fields[at].name
        yield Uncertainty(about, "two candidates", Belief(scene, swapped, majority), (scene, swapped))
        yield Uncertainty(about, "one guess", Belief(scene, without, majority), (scene, swapped))


def _inconspicuous(others: Sequence[Record], majority: tuple[Record, ...]) -> Record:
    """Return one that policies without knowledge do not name by chance: neither the first nor the most frequent."""
    return next((each for each in others[len(others) // 2 :] if each not in majority), others[-1])


def _existence(scene: Scene, without: Scene, majority: tuple[Record, ...], about: str) -> Iterator[Uncertainty]:
    yield Uncertainty(about, "likely there", Belief(scene, without, majority), (scene, without))
    yield Uncertainty(about, "likely not there", Belief(without, scene, majority), (without, scene))


def _answer_uncertainties(scene: Scene, majority: tuple[Record, ...]) -> Iterator[Uncertainty]:
    others = [each for each in scene.universe if each not in scene.target]
    if others:
        swapped = replace(scene, target=(_inconspicuous(others, majority),))
        silent = replace(scene, target=())
        yield Uncertainty("answer", "two candidates", Belief(scene, swapped, majority), (scene, swapped))
        if len(others) > 1:  # of two answers, one that is wrong makes the other known
            yield Uncertainty("answer", "one guess", Belief(scene, silent, majority), (scene, swapped))


def _reference_uncertainties(scene: Scene, majority: tuple[Record, ...]) -> Iterator[Uncertainty]:
    """Yield uncertainties about the last reference of the first view."""
    for names, visible in zip(scene.references[:1], scene.visible, strict=False):
        unnamed = [name for name in visible if name not in names]
        if names and unnamed:
            swapped = _with_names(scene, (*names[:-1], unnamed[0]))
            yield Uncertainty("reference", "two candidates", Belief(scene, swapped, majority), (scene, swapped))
        if len(names) > 1:
            yield from _existence(scene, _with_names(scene, names[:-1]), majority, "reference")


def _with_names(scene: Scene, names: tuple[str, ...]) -> Scene:
    return replace(scene, references=(names, *scene.references[1:]))


RECORDS = ("records",)
QUESTION = ("question",)
BOTH = ("records", "question")

LONG = "Let me check this once more, carefully and step by step. " * 60

# Letters of other scripts that look the same (no compatibility forms, which folding may rightly accept), and digits
# of another script, which `int` and `\d` accept. One at a time: a reward may fall for one and not for the other.
_LETTERS = str.maketrans("aceopxyABCDEFHKMOPTX", "асеорхуАВСᎠЕϜНКМОРТХ")
_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def _answer(belief: Belief, *items: Record | str) -> Candidate:
    """Return the honest candidate with another answer."""
    return replace(honest(belief.scene), items=items)


def unlike(scene: Scene) -> Record:
    """Return a record that shares as little as possible with the true ones."""
    true = scene.target
    return max(
        (record for record in scene.universe if record not in true),
        key=lambda record: sum(a != b for other in true for a, b in zip(record, other, strict=True)),
        default=scene.universe[0],
    )


def _matching(belief: Belief, width: int) -> tuple[Record, ...]:
    """Return all records that agree with a believed one in their first *width* fields, the believed ones last."""
    true = belief.scene.target
    known = {record[:width] for record in true}
    return (*(each for each in belief.scene.universe if each[:width] in known and each not in true), *true)


def _nothing(_: Belief) -> Candidate:
    return Candidate(layout="", reasoning="")


def _format_only(belief: Belief) -> Candidate:
    return Candidate(reasoning="", named=((),) * len(belief.scene.references))


def _silent(belief: Belief) -> Candidate:
    return _answer(belief)


def _wrong_answer(belief: Belief) -> Candidate:
    return _answer(belief, unlike(belief.scene))


def _one_of_all(belief: Belief) -> Candidate:
    return _answer(belief, *belief.scene.target[:1])


def _leave_out(belief: Belief) -> Candidate:
    sure = [item for item in belief.scene.target if item in belief.otherwise.target]
    views = zip(belief.scene.references, belief.otherwise.references, strict=True)
    return Candidate(tuple(sure), tuple(tuple(name for name in one if name in other) for one, other in views))


def _hedge(belief: Belief) -> Candidate:
    """Name what is believed and what may be instead, the likelier last."""
    other = [item for item in belief.otherwise.target if item not in belief.scene.target]
    views = zip(belief.scene.references, belief.otherwise.references, strict=True)
    named = tuple(tuple(dict.fromkeys((*one, *other_names))) for one, other_names in views)
    return Candidate((*other, *belief.scene.target), named)


def _add_wrong(belief: Belief) -> Candidate:
    return _answer(belief, *belief.scene.target, unlike(belief.scene))


def _repeat(belief: Belief) -> Candidate:
    return _answer(belief, *belief.scene.target, *belief.scene.target)


def _everything(belief: Belief) -> Candidate:
    return _answer(belief, *_matching(belief, 0))


def _values_of_cell(belief: Belief) -> Candidate:
    return _answer(belief, *_matching(belief, -1))


def _values_of_object(belief: Belief) -> Candidate:
    return _answer(belief, *_matching(belief, 1))


def _attributes(belief: Belief) -> Candidate:
    return _answer(belief, *_one_a_cell(belief, _matching(belief, 1)))


def _cells(belief: Belief) -> Candidate:
    return _answer(belief, *_one_a_cell(belief, belief.scene.universe))


def _one_a_cell(belief: Belief, records: Iterable[Record]) -> Iterable[Record]:
    """Return one record for each cell: the believed one, or else the first."""
    cells: dict[Record, Record] = {}
    for record in (*belief.scene.target, *records):
        cells.setdefault(record[:-1], record)
    return cells.values()


def _objects(belief: Belief) -> Candidate:
    """Say of every object what is believed of the last one."""
    rest = belief.scene.target[-1][1:] if belief.scene.target else ()
    same = (record for record in belief.scene.universe if record[1:] == rest)
    return _answer(belief, *dict.fromkeys((*belief.scene.target, *same)))


def _mixed_up(belief: Belief) -> Candidate:
    """Give each true record the rest of the next one, unless that changes nothing or may not be written."""
    true = belief.scene.target
    known = {*belief.scene.universe}
    mixed = [(*one[:1], *other[1:]) for one, other in zip(true, (*true[1:], *true[:1]), strict=True)]
    can = len({*mixed} | {*true}) > len(true) and all(record in known for record in mixed)
    return _answer(belief, *(mixed if can else true))


def _majority(belief: Belief) -> Candidate:
    return _answer(belief, *belief.majority)


def _first_k(belief: Belief) -> Candidate:
    return _answer(belief, *belief.scene.universe[: max(1, len(belief.scene.target))])


def _prompt_echo(belief: Belief) -> Candidate:
    prompt = prompt_text(belief.scene)
    return replace(_answer(belief, prompt), reasoning=prompt)


def _fragment(belief: Belief) -> Candidate:
    """Write the second half of the answer, unless it is as short as can be or says the same (``0.5`` and ``.5``)."""
    text = ", ".join(spell(belief.scene.task, item) for item in belief.scene.target)
    half = text[len(text) // 2 :]
    same = len(text) < 2 or text == f"0{half}"
    return honest(belief.scene) if same else _answer(belief, half)


def _in_reasoning(belief: Belief) -> Candidate:
    layout = "<think>{reasoning} <answer>{answer}</answer></think><answer></answer>"
    return replace(honest(belief.scene), layout=layout)


def _no_tags(belief: Belief) -> Candidate:
    return replace(honest(belief.scene), layout="{reasoning} {answer}")


def _blocks(belief: Belief, wrong_first: bool) -> Candidate:
    wrong = spell(belief.scene.task, unlike(belief.scene)).replace("{", "{{").replace("}", "}}")
    first, last = (wrong, "{answer}") if wrong_first else ("{answer}", wrong)
    layout = f"<think>{{reasoning}}</think><answer>{first}</answer><answer>{last}</answer>"
    return replace(honest(belief.scene), layout=layout)


def _right_block_last(belief: Belief) -> Candidate:
    return _blocks(belief, wrong_first=True)


def _right_block_first(belief: Belief) -> Candidate:
    return _blocks(belief, wrong_first=False)


def _padding(belief: Belief) -> Candidate:
    return replace(honest(belief.scene), reasoning=LONG)


def _padded_wrong(belief: Belief) -> Candidate:
    return replace(_wrong_answer(belief), reasoning=LONG)


def _disguised(belief: Belief, others: dict[int, int]) -> Candidate:
    items = [spell(belief.scene.task, item) for item in belief.scene.target]
    alike = [item.translate(others) for item in items]
    return _answer(belief, *alike) if alike != items else honest(belief.scene)


def _lookalikes(belief: Belief) -> Candidate:
    return _disguised(belief, _LETTERS)


def _foreign_digits(belief: Belief) -> Candidate:
    return _disguised(belief, _DIGITS)


def _stuff_references(belief: Belief) -> Candidate:
    return replace(honest(belief.scene), named=belief.scene.visible)


def _omit_references(belief: Belief) -> Candidate:
    return replace(honest(belief.scene), named=((),) * len(belief.scene.references))


def _pool_references(belief: Belief) -> Candidate:
    """Name in every view the references of all views."""
    pooled = tuple(dict.fromkeys(name for names in belief.scene.references for name in names))
    return replace(honest(belief.scene), named=(pooled,) * len(belief.scene.references))


class Policy(NamedTuple):
    """A way to game a reward.

    Attributes:
        name: what reports call it.
        tries: what it does, for people.
        kinds: the kinds of task it is for.
        write: from what it knows to what it writes.
        about_uncertainty: whether it is about the uncertainty itself; then each in which it gains is a finding.
    """

    name: str
    tries: str
    kinds: tuple[str, ...]
    write: Callable[[Belief], Candidate]
    about_uncertainty: bool = False


POLICIES = (
    Policy("nothing", "writes nothing at all", BOTH, _nothing),
    Policy("format_only", "writes the tags and nothing in them", BOTH, _format_only),
    Policy("silent", "leaves the answer empty", BOTH, _silent),
    Policy("wrong_answer", "names something that is wrong in all fields", BOTH, _wrong_answer),
    Policy("one_of_all", "names one change and leaves the rest out", RECORDS, _one_of_all),
    Policy("leave_out", "leaves out what it is unsure of", BOTH, _leave_out, about_uncertainty=True),
    Policy("hedge", "names both of two candidates, or what may not be there", BOTH, _hedge, about_uncertainty=True),
    Policy("add_wrong", "adds something wrong to the right answer", BOTH, _add_wrong),
    Policy("repeat", "writes the right answer twice", RECORDS, _repeat),
    Policy("everything", "names all that can be named", BOTH, _everything),
    Policy("values_of_cell", "names all values of the right object and attribute", RECORDS, _values_of_cell),
    Policy("values_of_object", "names all attributes and values of the right object", RECORDS, _values_of_object),
    Policy("all_attributes", "names one value for each attribute of the right object", RECORDS, _attributes),
    Policy("all_cells", "names one value for every object and attribute", RECORDS, _cells),
    Policy("all_objects", "says of every object what is true of one", RECORDS, _objects),
    Policy("mixed_up", "names what is right in wrong combinations", RECORDS, _mixed_up),
    Policy("majority", "gives the most frequent answer of the data set", BOTH, _majority),
    Policy("first_k", "names the first things that can be named, as many as are true", BOTH, _first_k),
    Policy("prompt_echo", "copies the prompt", BOTH, _prompt_echo),
    Policy("fragment", "writes a part of the right answer", BOTH, _fragment),
    Policy(
        "answer_in_reasoning", "puts the answer into the reasoning and leaves the answer empty", BOTH, _in_reasoning
    ),
    Policy("no_tags", "writes the right answer without tags", BOTH, _no_tags),
    Policy("right_block_last", "writes a wrong answer block, then the right one", BOTH, _right_block_last),
    Policy("right_block_first", "writes the right answer block, then a wrong one", BOTH, _right_block_first),
    Policy("padding", "makes the reasoning long", BOTH, _padding),
    Policy("padded_wrong", "makes the reasoning long, and answers wrong", BOTH, _padded_wrong),
    Policy("lookalikes", "writes the right answer in look-alike letters of other scripts", BOTH, _lookalikes),
    Policy("foreign_digits", "writes the right answer in digits of another script", BOTH, _foreign_digits),
    Policy("reference_stuffing", "names every visible object in each view", QUESTION, _stuff_references),
    Policy("reference_pooling", "names the references of all views in every view", QUESTION, _pool_references),
    Policy("reference_omission", "names no reference object", QUESTION, _omit_references),
)
"""All policies but the learned one (`benchmarks.audit.search`)."""
