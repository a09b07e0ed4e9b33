"""What is edited and what is asked about it: one form for all sets and tasks."""

from dataclasses import dataclass, replace

from kedit_memory.records import EditRequest

RELIABILITY, GENERALIZATION, LOCALITY, PORTABILITY = "reliability", "generalization", "locality", "portability"
HARD_NEGATIVE = "hard_negative"
ALL = "all"  # the kind where there is only one


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a kind.

    Attributes:
        text: what is asked.
        kind: its stratum.
        metric: what it measures, where that is not plain from where it stands.
        accepted: the answers that count; none where the unedited model's own answer is what counts.
        rejected: answers that are wrong, where the set names some: what else could be chosen, or must not be said.
        truth: what its set holds to be right without the edit.
        covered: whether the edit that it belongs to answers it.
        group: those of a case that share one are wordings of one test, which is passed by any of them.
        given: what the model must answer before, since the edit alone does not lead to the answer.
        needs: what its answer follows from, edits that are made and facts that may be stored beside them.
        as_of: the day (ISO 8601) on which it is asked, which memories are told; None for today.
        owner: that edit, which only controls that are told it may look at.
        beside: the edits that are made with it.
        bare: what it asks without the answers that it offers, where it has them to be chosen from; else its text is.
        place: its place among those of its case.
    """

    text: str
    kind: str = ALL
    metric: str = ""
    accepted: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()
    covered: bool = False
    group: str = ""
    given: tuple["Question", ...] = ()
    needs: tuple[EditRequest, ...] = ()
    as_of: str | None = None
    owner: EditRequest | None = None
    beside: tuple[EditRequest, ...] = ()
    bare: str = ""
    place: int = 0

    @property
    def edit(self) -> EditRequest:
        """The edit that it belongs to."""
        assert self.owner is not None, "a question of no edit"  # noqa: S101 - `Case.asked` gives it
        return self.owner


@dataclass(frozen=True, kw_only=True)
class Case:
    """An edit and what is asked about it, its own question first where it has one: a statement has none.

    Attributes:
        edit: what a method is given.
        also: edits that are made with it, since some of its questions need them all.
        before: edits that are in force when it is made, such as what it takes back.
        questions: its own, others that it covers, that follow from it, and that it must leave alone.
        kind: the stratum of the edit.
        held_out: whether nothing in this project was trained on its relation.
    """

    edit: EditRequest
    also: tuple[EditRequest, ...] = ()
    before: tuple[EditRequest, ...] = ()
    questions: tuple[Question, ...]
    kind: str = ALL
    held_out: bool = True

    @property
    def prompt(self) -> str:
        """The edit's own question."""
        return self.edit.prompt or ""

    @property
    def target(self) -> str:
        """The answer that the edit gives."""
        return self.edit.target or ""

    @property
    def own(self) -> Question:
        """The question that is the edit's prompt, with what counts as its answer."""
        return self.questions[0]

    def of(self, metric: str) -> tuple[Question, ...]:
        """The questions that measure something."""
        return tuple(one for one in self.questions if one.metric == metric)

    def asked(self) -> tuple[Question, ...]:
        """The questions, each with the edit and its place; one that has an edit of its own needs no others."""
        return tuple(
            replace(one, place=place)
            if one.owner is not None
            else replace(one, owner=self.edit, beside=self.also, place=place)
            for place, one in enumerate(self.questions)
        )


def rephrased(text: str, kind: str, accepted: tuple[str, ...], truth: tuple[str, ...] = ()) -> Question:
    """Another wording of an edit's question."""
    return Question(text=text, kind=kind, metric=GENERALIZATION, accepted=accepted, truth=truth, covered=True)


def own_question(edit: EditRequest, accepted: tuple[str, ...], truth: tuple[str, ...] = ()) -> Question:
    """The question that an edit's prompt is, with the answers that count, and those that were right before it."""
    return Question(text=edit.prompt or "", metric=RELIABILITY, accepted=accepted, truth=truth, covered=True)
