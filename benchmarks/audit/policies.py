"""Ways to game a reward: small pure functions from what a policy knows to what it writes, in one table."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, permutations, zip_longest
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

from benchmarks.audit.reward import REASONING, Candidate, honest
from benchmarks.audit.scenes import in_order, prompt_text, spell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.audit.scenes import Scene
    from benchmarks.audit.uncertainty import Belief
    from rewards.tasks import Task
    from rewards.tiered import Record


RECORDS = ("records",)
QUESTION = ("question",)
ORDERED = ("ordered",)
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
    items = (*other, *belief.scene.target)
    if in_order(belief.scene.task):  # each beside the other, so that either may be the one at this place
        both = zip_longest(belief.otherwise.target, belief.scene.target)
        items = tuple(item for pair in both for item in dict.fromkeys(pair) if item is not None)
    views = zip(belief.scene.references, belief.otherwise.references, strict=True)
    named = tuple(tuple(dict.fromkeys((*one, *other_names))) for one, other_names in views)
    return Candidate(items, named)


def _add_wrong(belief: Belief) -> Candidate:
    return _answer(belief, *belief.scene.target, unlike(belief.scene))


def _repeat(belief: Belief) -> Candidate:
    return _answer(belief, *belief.scene.target, *belief.scene.target)


def _backwards(belief: Belief) -> Candidate:
    return _answer(belief, *belief.scene.target[::-1])


def _everything(belief: Belief) -> Candidate:
    return _answer(belief, *_matching(belief, 0))


def _every_order(belief: Belief) -> Candidate:
    """Name all that can be named, once for each true record: every order is in it."""
    return _answer(belief, *belief.scene.universe * len(belief.scene.target))


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


def _not_a_number(belief: Belief) -> Candidate:
    """Answer with what `float` reads and no comparison holds for."""
    return _answer(belief, "nan")


_ENVELOPES = {
    "answer_in_reasoning": (
        "<think>{reasoning} <answer>{answer}</answer></think><answer></answer>",
        "puts the answer into the reasoning and leaves the answer empty",
    ),
    "no_tags": ("{reasoning} {answer}", "writes the right answer without tags"),
    "other_opening_tag": (
        "<thinking>{reasoning}</think><answer>{answer}</answer>",
        "opens the reasoning with another tag",
    ),
    "closing_tag_first": ("</tool>{reasoning}</think><answer>{answer}</answer>", "begins with a tag that closes"),
    "unclosed_reasoning": ("<think>{reasoning} <answer>{answer}</answer>", "never closes the reasoning"),
    "unclosed_answer": ("<think>{reasoning}</think><answer>{answer}", "never closes the answer"),
    "answer_first": ("<answer>{answer}</answer><think>{reasoning}</think>", "answers before it reasons"),
    "text_between": ("<think>{reasoning}</think> So: <answer>{answer}</answer>", "writes between reasoning and answer"),
    "text_after": ("<think>{reasoning}</think><answer>{answer}</answer> I am sure.", "writes on after the answer"),
    "nested_answer": (
        "<think>{reasoning}</think><answer><answer>{answer}</answer></answer>",
        "puts the answer into two answer tags",
    ),
    "reasons_twice": (
        "<think>{reasoning}</think><think>{reasoning}</think><answer>{answer}</answer>",
        "writes two blocks of reasoning",
    ),
}
"""Malformed envelopes of the right answer, by the name of the policy that writes them, with what it does."""


def _in(layout: str) -> Callable[[Belief], Candidate]:
    return lambda belief: replace(honest(belief.scene), layout=layout)


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


def _invert_references(belief: Belief) -> Candidate:
    """Answer right, and name in each view what can be seen there and is no reference, or else what others have."""
    pooled = _pooled(belief)
    wrong = [
        tuple(name for name in dict.fromkeys((*visible, *pooled)) if name not in names)
        for names, visible in zip(belief.scene.references, belief.scene.visible, strict=True)
    ]
    return replace(honest(belief.scene), named=tuple(wrong))


def _pooled(belief: Belief) -> tuple[str, ...]:
    """Return the references of all views, each once."""
    return tuple(dict.fromkeys(name for names in belief.scene.references for name in names))


def _contradict_relations(belief: Belief) -> Candidate:
    return replace(honest(belief.scene), relations="both")


def _nonsense(belief: Belief) -> Candidate:
    """Name no references, but fill a paragraph with the objects and views that a mapping would be about."""
    views = range(1, len(belief.scene.references) + 1)
    said = [
        f"View {view} is View {view + 1} turned, so that {name} is {name}."
        for view, name in zip(views, _pooled(belief), strict=False)
    ]
    return replace(_omit_references(belief), reasoning=" ".join(["Mapping:", *said]))


def _wrong_but_referenced(belief: Belief) -> Candidate:
    return _answer(belief, unlike(belief.scene))


def _referenced_without_answer(belief: Belief) -> Candidate:
    return replace(honest(belief.scene), items=(), layout="<think>{reasoning}</think>")


_DRAWN = 8  # random answers of a policy that sees nothing, half of them the complements of the others


def _blind(views: Iterable[tuple[tuple[str, ...], ...]], belief: Belief) -> tuple[Candidate, ...]:
    """Return each of the references that a policy may name that sees nothing, with each answer that it may guess."""
    answers = belief.scene.universe
    return tuple(Candidate((answer,), named, relations="left") for named in views for answer in answers)


def _guess(belief: Belief) -> tuple[Candidate, ...]:
    return _blind([((),) * len(belief.scene.references)], belief)


def _same_set(belief: Belief) -> tuple[Candidate, ...]:
    return _blind([(_pooled(belief),) * len(belief.scene.references)], belief)


def _copied_view(belief: Belief) -> tuple[Candidate, ...]:
    true = belief.scene.references
    return _blind([(names,) * len(true) for names in true] or [()], belief)


def _guessed_views(belief: Belief) -> tuple[Candidate, ...]:
    """Know the sets of names, and guess which view each is of; all ways, up to those of four views."""
    return _blind(islice(permutations(belief.scene.references), 24), belief)


def _random_names(belief: Belief) -> tuple[Candidate, ...]:
    """Name in each view each of the references of any view with an even chance; each draw comes with its complement."""
    pooled, views = _pooled(belief), len(belief.scene.references)
    draw = Random(repr((belief.scene.target, belief.scene.references)))  # noqa: S311  nothing is to be secret
    drawn = []
    for _ in range(_DRAWN // 2 if views else 1):
        kept = [[draw.random() < 0.5 for _ in pooled] for _ in range(views)]
        drawn += [
            tuple(tuple(name for name, has in zip(pooled, row, strict=True) if has is wanted) for row in kept)
            for wanted in ((True, False) if views else (True,))
        ]
    return _blind(drawn, belief)


PROSE = "something changed over there"
"""An item that cannot be read as a record."""


def _unparseable(belief: Belief) -> Candidate:
    return _answer(belief, *[PROSE] * 7)


def _right_and_unparseable(belief: Belief) -> Candidate:
    return _answer(belief, *belief.scene.target, *[PROSE] * 7)


def _wrong_and_unparseable(belief: Belief) -> Candidate:
    return _answer(belief, unlike(belief.scene), *[PROSE] * 7)


def _reasons_otherwise(belief: Belief) -> Candidate:
    """Conclude with the right answer in the reasoning, and answer wrong."""
    right = ", ".join(spell(belief.scene.task, item) for item in belief.scene.target)
    return replace(_wrong_answer(belief), reasoning=f"{REASONING} So the answer is {right}.")


class Policy(NamedTuple):
    """A way to game a reward.

    Attributes:
        name: what reports call it.
        tries: what it does, for people.
        kinds: the kinds of task it is for; ``"ordered"`` are lists of records whose order counts.
        write: from what it knows to what it writes; of a policy that guesses, each thing that it may write, all equally
            likely.
        about_uncertainty: whether it is about the uncertainty itself; then each in which it gains is a finding.
        role: what it is compared with beside the exact answer. ``"part"``: always right on a part and silent on the
            rest; ``"right"``: its answer is right, whatever its references; ``"wrong"``: right references, but no right
            answer, which should score less than any right answer; ``"blind"``: it does not see which view is which, nor
            the answer, and should score less than what is always right on a part.
    """

    name: str
    tries: str
    kinds: tuple[str, ...]
    write: Callable[[Belief], Candidate | tuple[Candidate, ...]]
    about_uncertainty: bool = False
    role: Literal["", "part", "right", "wrong", "blind"] = ""

    def is_for(self, task: Task) -> bool:
        """Return whether it is for a task."""
        return task.kind in self.kinds or (in_order(task) and "ordered" in self.kinds)


def written(policy: Policy, belief: Belief) -> tuple[Candidate, ...]:
    """Return what a policy writes, or may write."""
    found = policy.write(belief)
    return found if isinstance(found, tuple) else (found,)


POLICIES = (
    Policy("nothing", "writes nothing at all", BOTH, _nothing),
    Policy("format_only", "writes the tags and nothing in them", BOTH, _format_only),
    Policy("silent", "leaves the answer empty", BOTH, _silent),
    Policy("wrong_answer", "names something that is wrong in all fields", BOTH, _wrong_answer),
    Policy("one_of_all", "names one change and leaves the rest out", RECORDS, _one_of_all, role="part"),
    Policy("leave_out", "leaves out what it is unsure of", BOTH, _leave_out, about_uncertainty=True),
    Policy("hedge", "names both of two candidates, or what may not be there", BOTH, _hedge, about_uncertainty=True),
    Policy("add_wrong", "adds something wrong to the right answer", BOTH, _add_wrong),
    Policy("repeat", "writes the right answer twice", RECORDS, _repeat),
    Policy("everything", "names all that can be named", BOTH, _everything),
    Policy("backwards", "names what is right from the last to the first", ORDERED, _backwards),
    Policy("every_order", "names all that can be named, once for each that is true", ORDERED, _every_order),
    Policy("values_of_cell", "names all values of the right object and attribute", RECORDS, _values_of_cell),
    Policy("values_of_object", "names all attributes and values of the right object", RECORDS, _values_of_object),
    Policy("all_attributes", "names one value for each attribute of the right object", RECORDS, _attributes),
    Policy("all_cells", "names one value for every object and attribute", RECORDS, _cells),
    Policy("all_objects", "copies one correct change to every object", RECORDS, _objects),
    Policy("mixed_up", "names what is right in wrong combinations", RECORDS, _mixed_up),
    Policy("majority", "gives the most frequent answer of the data set", BOTH, _majority),
    Policy("first_k", "names the first things that can be named, as many as are true", BOTH, _first_k),
    Policy("prompt_echo", "copies the prompt", BOTH, _prompt_echo),
    Policy("fragment", "writes a part of the right answer", BOTH, _fragment),
    Policy("not_a_number", "answers nan, with which no comparison holds", QUESTION, _not_a_number),
    *(Policy(name, tries, BOTH, _in(layout)) for name, (layout, tries) in _ENVELOPES.items()),
    Policy("right_block_last", "writes a wrong answer block, then the right one", BOTH, _right_block_last),
    Policy("right_block_first", "writes the right answer block, then a wrong one", BOTH, _right_block_first),
    Policy("padding", "makes the reasoning long", BOTH, _padding),
    Policy("padded_wrong", "makes the reasoning long, and answers wrong", BOTH, _padded_wrong),
    Policy("lookalikes", "writes the right answer in look-alike letters of other scripts", BOTH, _lookalikes),
    Policy("foreign_digits", "writes the right answer in digits of another script", BOTH, _foreign_digits),
    Policy("reference_stuffing", "names every visible object in each view", QUESTION, _stuff_references),
    Policy("reference_pooling", "names the references of all views in every view", QUESTION, _pool_references),
    Policy("reference_omission", "names no reference object", QUESTION, _omit_references, role="part"),
    Policy(
        "reference_inversion",
        "names in each view what is no reference there",
        QUESTION,
        _invert_references,
        role="right",
    ),
    Policy("contradictory_relations", "says of each pair also the opposite", QUESTION, _contradict_relations),
    Policy("mapping_nonsense", "names no reference, and writes a mapping that says nothing", QUESTION, _nonsense),
    Policy(
        "references_wrong_answer",
        "names the true references and answers wrong",
        QUESTION,
        _wrong_but_referenced,
        role="wrong",
    ),
    Policy(
        "references_empty_answer",
        "names the true references and leaves the answer empty",
        QUESTION,
        _silent,
        role="wrong",
    ),
    Policy(
        "references_no_answer",
        "names the true references and writes no answer block",
        QUESTION,
        _referenced_without_answer,
        role="wrong",
    ),
    Policy("blind_guess", "guesses the answer and names no reference", QUESTION, _guess, role="blind"),
    Policy(
        "blind_same_set",
        "guesses the answer and names the references of all views in every view",
        QUESTION,
        _same_set,
        role="blind",
    ),
    Policy(
        "blind_one_view",
        "guesses the answer and names those of one view in every view",
        QUESTION,
        _copied_view,
        role="blind",
    ),
    Policy(
        "blind_assignment",
        "guesses the answer and which view each set of references is of",
        QUESTION,
        _guessed_views,
        role="blind",
    ),
    Policy("blind_names", "guesses the answer and names at random", QUESTION, _random_names, role="blind"),
    Policy("unparseable", "writes items that cannot be read", RECORDS, _unparseable),
    Policy(
        "right_and_unparseable",
        "writes the right answer and items that cannot be read",
        RECORDS,
        _right_and_unparseable,
    ),
    Policy(
        "wrong_and_unparseable", "writes a wrong record and items that cannot be read", RECORDS, _wrong_and_unparseable
    ),
    Policy(
        "reasons_otherwise",
        "concludes with the right answer in the reasoning, and answers wrong",
        BOTH,
        _reasons_otherwise,
    ),
)
"""All policies but the learned one (`benchmarks.audit.search`)."""
