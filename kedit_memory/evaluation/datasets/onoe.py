"""Entity Inferences and ECBD (Onoe et al., ACL 2023): entities with a definition, and sentences that leave out a span.

Both come as JSON lines, a case each. A mask is `<extra_id_0>`; the text that belongs there is wrapped in sentinels,
`<extra_id_0> TEXT <extra_id_1>`. A probe has either one `label` (ECBD) or several `labels`, of which the case's `label`
is right (Entity Inferences).
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError
from kedit_memory.evaluation import case as edited
from kedit_memory.evaluation.datasets.loaded import Loaded, loaded
from kedit_memory.evaluation.datasets.public import folder_of, read_json_lines
from kedit_memory.evaluation.measures import normalise
from kedit_memory.records import EditRequest, Passage

MASK, END = "<extra_id_0>", "<extra_id_1>"
IN_DEFINITION, BEYOND_DEFINITION = "in_definition", "beyond_definition"

Row = Mapping[str, Any]
ReadProbe = Callable[[Row, object, str], "Probe"]  # of the case's row, the probe's own and where they stand

# The files of ECBD: spans are noun phrases or random ones; of the easy ones the definition holds the span.
PARTS: Mapping[str, str] = {
    "np": "all_ent_2020_2021_np_500samples",
    "np-easy": "all_ent_2020_2021_np_easy",
    "random": "all_ent_2020_2021_random_500samples",
    "random-easy": "all_ent_2020_2021_random_easy",
}
_POPULAR = "popular"  # the kind of questions about entities that a model knows
POPULAR = "specificity_popular_20np_20random"  # probes of entities that older models know, for specificity


@dataclass(frozen=True, kw_only=True)
class Masked:
    """A text with one span left out: what stands before it and behind it, blanks included."""

    left: str
    right: str

    def filled(self, span: str) -> str:
        """The text with a span in the place of the mask."""
        return f"{self.left}{span}{self.right}"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A sentence about an entity, the spans to choose from, and the place of the right one among them."""

    text: Masked
    options: tuple[str, ...]
    gold: int = 0

    @property
    def span(self) -> str:
        """The right one."""
        return self.options[self.gold]


@dataclass(frozen=True, kw_only=True)
class Case:
    """An entity as one row has it: its definition, in which `target` is masked, and its probes."""

    id: str
    entity: str
    kind: str
    definition: Masked
    target: str
    probes: tuple[Probe, ...]

    @property
    def description(self) -> str:
        """The definition, nothing left out."""
        return self.definition.filled(self.target)


@dataclass(frozen=True, kw_only=True)
class DefinitionSet:
    """Cases to measure on; `others` are entities that no case describes, empty where the set has none beside them."""

    cases: tuple[Case, ...]
    others: tuple[Case, ...]
    source: Path


def entity_inferences_set(data: Path | None) -> DefinitionSet:
    """All files of Entity Inferences that are there; a case's kind is that of its file, such as `tv_show_explicit`.

    Raises:
        NotFoundError: the folder is absent, or holds no such file.
        InvalidInputError: a row is malformed.
    """
    folder = folder_of(data, "entity_inferences")
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise NotFoundError(f"{folder} holds no .jsonl file; fetch Entity Inferences anew")
    cases = tuple(case for file in files for case in _cases(file, _choosing, _name_of(file)))
    return DefinitionSet(cases=cases, others=(), source=folder)


def ecbd_set(data: Path | None, part: str) -> DefinitionSet:
    """A part of ECBD, with the popular entities; kinds say whether a case's spans stand in its definition.

    Raises:
        UnknownNameError: ECBD has no such part.
        NotFoundError: the folder or the file is absent.
        InvalidInputError: a row is malformed.
    """
    if part not in PARTS:
        raise UnknownNameError("part of ECBD", part, PARTS)
    folder = folder_of(data, "ecbd")
    cases, others = (tuple(_cases(_existing(folder, name), _spanning)) for name in (PARTS[part], POPULAR))
    return DefinitionSet(cases=cases, others=others, source=folder)


def entity_inferences(folder: Path) -> Loaded[edited.Case]:
    """A case for each definition, which is the edit; its questions are masked sentences with spans to choose from."""
    found = entity_inferences_set(folder.parent)
    return _as_edits(found.cases, sorted(file.name for file in folder.glob("*.jsonl")))


def ecbd(folder: Path) -> Loaded[edited.Case]:
    """The same of all parts of ECBD that are there; sentences have the span that was left out, and no others.

    What is asked of popular entities belongs to no edit.
    """
    parts = [part for part, name in PARTS.items() if (folder / f"{name}.jsonl").is_file()]
    read = {part: ecbd_set(folder.parent, part) for part in parts or PARTS}
    outside = [
        replace(one, metric=edited.LOCALITY, kind=_POPULAR, accepted=(), truth=one.accepted)
        for case in read[parts[0]].others
        for one in _as_edit(case).questions
    ]
    found = [replace(case, kind=part) for part in parts for case in read[part].cases]
    return _as_edits(found, [f"{name}.jsonl" for name in (*map(PARTS.__getitem__, parts), POPULAR)], outside)


def _as_edits(
    cases: Sequence[Case], files: Sequence[str], outside: Sequence[edited.Question] = ()
) -> Loaded[edited.Case]:
    return loaded(
        ({"case": case} for case in cases),
        lambda row: _as_edit(row["case"]),
        key=lambda one: f"{one.kind}: {one.edit.source}",
        outside=outside,
        files=files,
    )


def _as_edit(case: Case) -> edited.Case:
    questions = tuple(
        edited.Question(
            text=probe.text.filled(MASK),
            metric=edited.PORTABILITY,
            kind=case.kind,
            accepted=(probe.span,),
            rejected=tuple(span for place, span in enumerate(probe.options) if place != probe.gold),
        )
        for probe in case.probes
    )
    edit = EditRequest(statement=case.description, subject=case.entity, source=case.id)
    return edited.Case(edit=edit, questions=questions, kind=case.kind)


def sample(cases: Sequence[Case], limit: int | None, seed: int) -> tuple[Case, ...]:
    """So many of the cases by chance, in their order; all where there is no limit."""
    if limit is None or limit >= len(cases):
        return tuple(cases)
    chosen = random.Random(f"definitions:{seed}").sample(range(len(cases)), limit)  # noqa: S311 - a sample, no secret
    return tuple(cases[place] for place in sorted(chosen))


def described(cases: Sequence[Case]) -> dict[str, str]:
    """Definitions by entity; of one that has several, the first."""
    found: dict[str, str] = {}
    for case in cases:
        found.setdefault(case.entity, case.description)
    return found


def passages(cases: Sequence[Case]) -> list[Passage]:
    """A definition of each entity as a passage with its title."""
    return [
        Passage(id=f"definition-{place}", title=entity, text=description)
        for place, (entity, description) in enumerate(described(cases).items())
    ]


def _existing(folder: Path, name: str) -> Path:
    file = folder / f"{name}.jsonl"
    if not file.is_file():
        raise NotFoundError(
            f"no file {file}; fetch this part of ECBD, or choose another one (known: {', '.join(PARTS)})"
        )
    return file


def _name_of(file: Path) -> str:
    """`tv_show_explicit` of `tv_show_explicit_attribute_dependent.jsonl`."""
    return file.stem.split("_attribute")[0]


def _cases(file: Path, read_probe: ReadProbe, kind: str | None = None) -> Iterator[Case]:
    for number, row in enumerate(read_json_lines(file), 1):
        where = f"{file}, row {number}"
        probes = _field(row, "probe_sentences")
        if not isinstance(probes, dict) or not probes:
            raise InvalidInputError(f"{where}: no case with probe_sentences; fetch the set anew")
        definition, target = _masked(row, "definition", where), _unwrapped(_text(row, "def_target", where))
        read = tuple(read_probe(row, probe, where) for probe in probes.values())
        yield Case(
            id=_text(row, "ex_id", where),
            entity=_text(row, "ent_str", where),
            kind=kind or _overlap(definition.filled(target), read),
            definition=definition,
            target=target,
            probes=read,
        )


def _choosing(row: Row, probe: object, where: str) -> Probe:
    """A probe with several spans, of which the row names the right one."""
    labels = _field(probe, "labels")
    if not isinstance(labels, list) or len(labels) < 2 or not all(isinstance(label, str) for label in labels):
        raise InvalidInputError(f"{where}: labels is no list of two or more texts; fetch the set anew")
    options, right = tuple(map(_unwrapped, labels)), _text(row, "label", where)
    if right not in options:
        raise InvalidInputError(f"{where}: the label {right!r} is none of labels; fetch the set anew")
    return Probe(text=_masked(probe, "probe_sentence", where), options=options, gold=options.index(right))


def _spanning(row: Row, probe: object, where: str) -> Probe:  # noqa: ARG001 - as `_choosing`
    """A probe with the span that was left out."""
    text = _masked(probe, "probe_sentence", where)
    return Probe(text=text, options=(_unwrapped(_text(probe, "label", where)),))


def _overlap(description: str, probes: Sequence[Probe]) -> str:
    """Whether a definition holds all spans that are asked for, word by word."""
    held = f" {normalise(description)} "
    inside = all(f" {normalise(probe.span)} " in held for probe in probes)
    return IN_DEFINITION if inside else BEYOND_DEFINITION


def _masked(row: object, name: str, where: str) -> Masked:
    text = _text(row, name, where)
    if text.count(MASK) != 1:
        raise InvalidInputError(
            f"{where}: {name} has {text.count(MASK)} masks {MASK}, one is needed; fetch the set anew"
        )
    left, right = text.split(MASK)
    return Masked(left=left, right=right)


def _unwrapped(text: str) -> str:
    """The text without the sentinels around it."""
    return text.strip().removeprefix(MASK).removesuffix(END).strip()


def _text(row: object, name: str, where: str) -> str:
    text = _field(row, name)
    if not isinstance(text, str) or not _unwrapped(text):
        raise InvalidInputError(f"{where}: no text {name}; fetch the set anew")
    return text


def _field(row: object, name: str) -> Any:
    """What a JSON object has under a name; None where it has nothing, or is no object."""
    return row.get(name) if isinstance(row, dict) else None
