"""Questions about entities, as PopQA, EntityQuestions, ParaRel and LRE have them: a set of facts that are true."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from kedit_memory.evaluation.case import Case, own_question, rephrased
from kedit_memory.evaluation.datasets.kinds import REPHRASING
from kedit_memory.evaluation.datasets.loaded import Loaded, Row, SkippedError, loaded
from kedit_memory.records import EditRequest


@dataclass(frozen=True, kw_only=True)
class EntityQuestion:
    """A question about one property of a subject.

    Attributes:
        text: what is asked.
        answers: that count, the first of which a case stores.
        relation: the property.
        subject: what is asked about.
        rewordings: the same in other words.
        views: how often its page was read in a month; None where that is unknown.
    """

    text: str
    answers: tuple[str, ...]
    relation: str
    subject: str
    rewordings: tuple[str, ...] = ()
    views: float | None = None


def cases_of(rows: Iterable[Row], read: Callable[[Row], EntityQuestion], *, files: Iterable[str]) -> Loaded[Case]:
    """A case for each question, its edit the true answer; the subject's page views are in the edit's metadata.

    Where several rows ask the same, the answers of all of them count.
    """
    found = loaded(rows, lambda row: _answered(read(row)), key=lambda one: f"{one.text} {one.answers}", files=files)
    asked: dict[str, EntityQuestion] = {}
    for one in found.found:
        before = asked.setdefault(one.text, one)
        asked[one.text] = replace(before, answers=tuple(dict.fromkeys(before.answers + one.answers)))
    return Loaded(found=tuple(map(_case, asked.values())), skipped=found.skipped, files=found.files)


def _answered(one: EntityQuestion) -> EntityQuestion:
    if not one.answers:
        raise SkippedError("no answers")
    return one


def _case(one: EntityQuestion) -> Case:
    edit = EditRequest(
        prompt=one.text,
        target=one.answers[0],
        subject=one.subject,
        relation=one.relation,
        metadata={} if one.views is None else {"views": one.views},
    )
    return Case(
        edit=edit,
        questions=(
            own_question(edit, one.answers, one.answers),
            *(rephrased(wording, REPHRASING, one.answers) for wording in one.rewordings),
        ),
        kind=one.relation,
    )
