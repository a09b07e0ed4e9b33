"""The memory's verbs as a language model calls them: each docstring is what it reads before it chooses one."""

from typing import Any

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.memory import EditMemory
from kedit_memory.records import Edit, EditRequest, Kind
from kedit_memory.routing.provenance import to_dict
from kedit_memory.routing.router import Router
from kedit_memory.server.mcp import arguments as a
from kedit_memory.server.mcp.results import Answered, Changes, Effects, Explanation, Matches, Page
from kedit_memory.text import shortened

_SHOWN = 40  # characters of an id that is not known


class EditTools:
    """The tools on one namespace of a memory; threads may share them."""

    def __init__(self, memory: EditMemory, router: Router, namespace: str) -> None:
        self._memory = memory
        self._router = router
        self._namespace = namespace

    def add_edit(  # noqa: PLR0913 - each is an argument of the tool
        self,
        *,
        prompt: a.Prompt = None,
        target: a.Target = None,
        subject: a.Subject = None,
        relation: a.Relation = None,
        statement: a.Statement = None,
        paraphrases: a.Paraphrases = None,
        aliases: a.Aliases = None,
        valid_from: a.ValidFrom = None,
        valid_until: a.ValidUntil = None,
        source: a.Source = None,
        metadata: a.Metadata = None,
        given_id: a.OwnId = None,
        erase: a.Erase = False,
        on_conflict: a.Conflict = "supersede",
    ) -> Edit:
        """Store a fact that is to be remembered, corrected or, with erase, forgotten.

        Use it when the user tells you something that later questions should be answered by, or corrects an answer.
        Give prompt and target; or a statement alone; or subject, relation and target. Name the subject where there is
        one. A newer answer to the same question replaces the older one, which stays in history; saying the same again
        changes nothing. Gives the stored edit with its id; its possible_conflicts are ids of edits that may say
        otherwise in other words, which show_history shows.
        Example: {"prompt": "Who leads Acme?", "target": "Ann Berg", "subject": "Acme"}
        """
        given: dict[str, Any] = {
            "subject": subject,
            "relation": relation,
            "paraphrases": paraphrases or (),
            "aliases": aliases or (),
            "valid_from": valid_from,
            "valid_until": valid_until,
            "source": source,
            "metadata": metadata,
            "namespace": self._namespace,
            "id": given_id,
            "on_conflict": on_conflict,
        }
        if erase:
            _check_erasure(target, statement)
            return self._memory.erase(prompt, **given)
        return self._memory.add(prompt, target, statement=statement, **given)

    def preview_edit(  # noqa: PLR0913 - each is an argument of the tool
        self,
        *,
        prompt: a.Prompt = None,
        target: a.Target = None,
        subject: a.Subject = None,
        relation: a.Relation = None,
        statement: a.Statement = None,
        paraphrases: a.Paraphrases = None,
        aliases: a.Aliases = None,
        valid_from: a.ValidFrom = None,
        valid_until: a.ValidUntil = None,
        erase: a.Erase = False,
        on_conflict: a.Conflict = "supersede",
        questions: a.Questions = None,
    ) -> Effects:
        """Try an edit without storing it: what it would replace or contradict, and which questions it would answer.

        Use it before add_edit when you are not sure that an edit is wanted, or how far it reaches. Takes what add_edit
        takes, and questions to try it on. Gives the edits that would give way to it, those that it may contradict,
        the questions that it would answer (fires), and wordings that it would share with other edits.
        Example: {"prompt": "Who leads Acme?", "target": "Bo Lie", "questions": ["Who runs Acme?"]}
        """
        if erase:
            _check_erasure(target, statement)
        request = EditRequest(
            prompt=prompt,
            target=target,
            subject=subject,
            relation=relation,
            statement=statement,
            paraphrases=paraphrases or (),
            aliases=aliases or (),
            valid_from=valid_from,
            valid_until=valid_until,
            namespace=self._namespace,
            kind=Kind.ERASURE if erase else None,
        )
        found = self._router.preview(request, questions or (), on_conflict=on_conflict)
        edit, new = found.rehearsal.edit, found.rehearsal.new
        return Effects(
            new=new,
            edit_id=None if new else edit.id,
            kind=edit.kind,
            statement=edit.statement,
            gives_way=list(found.rehearsal.giving_way),
            may_contradict=list(found.contradicts),
            fires=list(found.fires),
            shares=list(found.shares),
            questions_unread=found.unread,
        )

    def update_edit(  # noqa: PLR0913 - each is an argument of the tool
        self,
        *,
        edit_id: a.EditId,
        target: a.Target = None,
        prompt: a.Prompt = None,
        subject: a.Subject = None,
        relation: a.Relation = None,
        statement: a.Statement = None,
        paraphrases: a.Paraphrases = None,
        aliases: a.Aliases = None,
        valid_from: a.ValidFrom = None,
        valid_until: a.ValidUntil = None,
        source: a.Source = None,
        metadata: a.Metadata = None,
    ) -> Edit:
        """Change fields of one active edit; what is left out stays as it is.

        Use it to mend an edit: a misspelt answer, a missing paraphrase, the day on which it ends. Where the fact itself
        has changed, use add_edit, which keeps the old answer for its own days. Gives the edit as it is now;
        undo_change takes it back.
        Example: {"edit_id": "e12", "paraphrases": ["Who is the head of Acme?"]}
        """
        given = {
            "prompt": prompt,
            "target": target,
            "subject": subject,
            "relation": relation,
            "statement": statement,
            "paraphrases": paraphrases,
            "aliases": aliases,
            "valid_from": valid_from,
            "valid_until": valid_until,
            "source": source,
            "metadata": metadata,
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return self._memory.update(self._known(edit_id), **changes)

    def retract_edit(self, edit_id: a.EditId) -> Edit:
        """Take one edit out of use, so that it answers no question any more.

        Use it when an edit should never have been stored. It stays in history and undo_change brings it back; an answer
        that it had replaced does not come back by this. To have a question refused, use add_edit with erase.
        Gives the edit, now retracted. Example: {"edit_id": "e12"}
        """
        return self._memory.retract(self._known(edit_id))

    def undo_change(
        self,
        edit_id: a.UndoneId = None,
    ) -> Changes:
        """Take back the newest change that still stands; everything is again exactly as it was before it.

        Use it when the user regrets what was just stored, changed or retracted. Look at show_history first where it is
        not plain which change that is, since an undo cannot be undone. Gives what was taken back.
        Example: {"edit_id": "e12"}
        """
        known = None if edit_id is None else self._known(edit_id)
        return Changes(changes=self._memory.undo(known, namespace=self._namespace), after=None)

    def list_edits(  # noqa: PLR0913 - each is an argument of the tool
        self,
        *,
        subject: a.Subject = None,
        relation: a.Relation = None,
        source: a.Source = None,
        metadata: a.Metadata = None,
        status: a.StatusChoice = "active",
        limit: a.Count = 20,
        after: a.AfterEdit = None,
    ) -> Page:
        """List stored edits, oldest first, page by page; those that have all in common that is given.

        Use it to see what is known about a subject or from a source, or to go through everything. To find what answers
        a question use search_edits. Gives edits, and `after` for the next page, null on the last one.
        Example: {"subject": "Acme", "limit": 10}
        """
        found = self._memory.list(
            status=None if status == "any" else status,
            namespace=self._namespace,
            subject=subject,
            relation=relation,
            source=source,
            metadata=metadata,
            limit=limit + 1,
            after=after,
        )
        return Page(edits=found[:limit], after=found[limit - 1].id if len(found) > limit else None)

    def search_edits(
        self,
        query: a.Query,
        limit: a.Count = 5,
        as_of: a.AsOf = None,
    ) -> Matches:
        """Find the stored edits nearest in meaning to a text, nearest first.

        Use it to look whether something is known, or for the id of an edit that is to be changed. The nearest edit need
        not be near: within its radius the distance is small enough. To get the answer itself use ask_question.
        Example: {"query": "the boss of Acme"}
        """
        return Matches(matches=self._memory.search(query, limit, as_of=as_of, namespace=self._namespace))

    def show_history(
        self,
        edit_id: a.ChangedId = None,
        limit: a.Count = 20,
        after: a.AfterChange = 0,
    ) -> Changes:
        """Show what was changed and when, oldest first: each edit before and after, undone changes too.

        Use it to learn what an edit said earlier, who replaced what, or what undo_change would take back.
        Gives changes, and `after` for the next page, null on the last one. Example: {"edit_id": "e12"}
        """
        found = self._memory.history(edit_id, namespace=self._namespace, limit=limit + 1, after=after)
        return Changes(changes=found[:limit], after=found[limit - 1].number if len(found) > limit else None)

    def ask_question(self, question: a.Question, as_of: a.AsOf = None) -> Answered:
        """Answer one question from the stored edits, from passages, or by the server's own model, and say which.

        Use it when the user asks for a fact that may be in the memory. The question must be understood by itself, so
        write names in place of "it" and "she". The route says where the answer comes from: direct, context, grace and
        serac are from an edit (see edits), retrieval from passages; refusal means that it was to be forgotten. With
        parametric the memory knows nothing of it, and the answer is the guess of the server's model: trust your own.
        Example: {"question": "Who is the chief executive of Acme?", "as_of": "2024-07-01"}
        """
        return Answered(**to_dict(self._router.query(question, as_of=as_of, namespace=self._namespace)))

    def explain_question(self, question: a.Question, as_of: a.AsOf = None) -> Explanation:
        """Say where a question would go and why, without answering it: which edit is in scope, and which are near.

        Use it when an answer of ask_question surprises. Of each edit near the question it gives distance, radius, score
        and in which value it differs. Example: {"question": "Who is the chief executive of Acme?"}
        """
        return Explanation(**to_dict(self._router.explain(question, as_of=as_of, namespace=self._namespace)))

    def _known(self, edit_id: str) -> str:
        """The store's id of an edit; where it is in another namespace, nothing is told of that.

        Raises:
            NotFoundError: this namespace has no such edit.
        """
        try:
            return self._memory.get(edit_id, namespace=self._namespace).id
        except NotFoundError as error:
            message = f"no edit {shortened(edit_id, _SHOWN)!r}; list_edits and search_edits give the ids that there are"
            raise NotFoundError(message) from error


def _check_erasure(target: str | None, statement: str | None) -> None:
    if target is not None or statement is not None:
        raise InvalidInputError("erase is given with a target or a statement; leave these out, or leave erase out")
