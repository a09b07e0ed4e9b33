"""MQuAKE (Zhong et al. 2023): questions over two to four facts, of which one or more are edited.

In the original a third and more of the labels are corrupted, so the remastered files (Zhong et al. 2025) are read
where they are there, then the second edition, the first one, and AKEW's part of it. Cases whose answer is not where
their own facts lead are left out. What stays in the originals, and has to be minded where many cases are edited
together, are edits of one case that change a fact on which another case relies.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

from kedit_memory.evaluation.case import PORTABILITY, RELIABILITY, Case, Question, own_question, rephrased
from kedit_memory.evaluation.datasets.kinds import MULTI_HOP, REPHRASING
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded, text, texts
from kedit_memory.evaluation.datasets.public import present, read_rows
from kedit_memory.records import EditRequest

ALSO = "also"  # the own questions of a case's further edits

_COUNTERFACTUAL = (
    "MQuAKE-Remastered-CF-3k.json", "MQuAKE-CF-3k-v2.json", "MQuAKE-CF-3k.json", "MQuAKE-CF.json",
    "AKEW_MQuAKE-CF.json",
)  # fmt: skip
_TEMPORAL = ("MQuAKE-Remastered-T.json", "MQuAKE-T.json")


def counterfactual(folder: Path) -> Loaded[Case]:
    """Facts turned false, up to four of them a case."""
    return _read(folder, _COUNTERFACTUAL)


def temporal(folder: Path) -> Loaded[Case]:
    """Facts that have changed since."""
    return _read(folder, _TEMPORAL)


def _read(folder: Path, names: Iterable[str]) -> Loaded[Case]:
    (path, *_) = present(folder, names)
    return loaded(read_rows(path), _case, key=lambda case: str(case.edit.metadata["case"]), files=(path.name,))


def _case(row: Row) -> Case:
    changes, hops = row["requested_rewrite"], row["new_single_hops"]
    if not changes:
        raise SkippedError("no edit")
    _check(row, hops)
    edits = [_edit(change, row["case_id"]) for change in changes]
    first, *others = (tuple(_own(change, edit, hops)) for change, edit in zip(changes, edits, strict=True))
    also = [Question(text=own.text, metric=RELIABILITY, kind=ALSO, accepted=own.accepted, truth=own.truth, covered=True)
            for own, *_ in others]  # fmt: skip
    given = tuple(Question(text=text(hop, "question"), accepted=_answers(hop, "answer")) for hop in hops)
    needs = tuple(_needs(row, changes, edits))
    through = [
        Question(
            text=asked.strip(),
            metric=PORTABILITY,
            kind=MULTI_HOP,
            accepted=_answers(row, "new_answer"),
            truth=_answers(row, "answer"),
            group=MULTI_HOP,
            given=given,
            needs=needs,
        )
        for asked in row["questions"]
    ]
    rewordings = [one for _, *asked in others for one in asked]
    return Case(
        edit=edits[0],
        also=tuple(edits[1:]),
        questions=(*first, *also, *rewordings, *through),
        kind=f"{len(hops)}_hops",
    )


def _check(row: Row, hops: Sequence[Row]) -> None:
    """Refuses a case whose facts do not lead from one to the next, or not to its answer."""
    chain = _chain(row)
    if any(before[2] != after[0] for before, after in pairwise(chain)):
        raise SkippedError("its facts do not lead from one to the next")
    if not hops or not set(_answers(row, "new_answer")) & set(_answers(hops[-1], "answer")):
        raise SkippedError("its answer is not that of its last fact")
    made = {tuple(triple) for triple in (row["orig"]["edit_triples"] if "orig" in row else row["edit_triples"])}
    if not made & {tuple(triple) for triple in chain}:
        raise SkippedError("its answer relies on none of its edits")


def _chain(row: Row) -> list[Any]:
    """The facts after the edits, by their names in Wikidata; of the flat form of the remastered set, too."""
    found: list[Any] = row["orig"]["new_triples"] if "orig" in row else row["new_triples"]
    return found


def _needs(row: Row, changes: Sequence[Row], edits: Sequence[EditRequest]) -> Iterator[EditRequest]:
    """The facts that lead to a case's answer: its edits, and as facts those that they leave as they are."""
    made = {change["question"]: edit for change, edit in zip(changes, edits, strict=True)}
    labels = row.get("orig", row).get("new_triples_labeled", ())
    for hop, label in zip_longest(row["new_single_hops"], labels):
        asked = text(hop, "question")
        subject = str(label[0]) if label else None
        yield made.get(asked) or EditRequest(prompt=asked, target=text(hop, "answer"), subject=subject)


def _edit(change: Row, case: int) -> EditRequest:
    told = {name: change[name] for name in ("fact_new_uns",) if name in change}  # AKEW's passage that states it
    return EditRequest(
        prompt=text(change, "prompt").format(text(change, "subject")),
        target=_named(change, "target_new"),
        subject=text(change, "subject"),
        relation=text(change, "relation_id"),
        metadata={"case": case, **told},
    )


def _own(change: Row, edit: EditRequest, hops: Sequence[Row]) -> Iterator[Question]:
    """The cloze that an edit is made with, and the question of the same fact."""
    named = next((_answers(hop, "answer") for hop in hops if hop.get("question") == change["question"]), ())
    accepted = tuple(dict.fromkeys((edit.target or "", *named)))
    yield own_question(edit, accepted, (_named(change, "target_true"),))
    yield rephrased(text(change, "question"), REPHRASING, accepted)


def _answers(row: Row, name: str) -> tuple[str, ...]:
    return texts([text(row, name), list(row.get(f"{name}_alias", ()))])


def _named(change: Row, name: str) -> str:
    """The name of a target, in the nested form or the flat one."""
    return text(change, f"{name}_str") if f"{name}_str" in change else text(change[name], "str")
