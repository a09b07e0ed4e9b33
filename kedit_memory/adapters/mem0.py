"""A memory with the verbs of mem0's `Memory`, for programs that were written for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kedit_memory.adapters.conditions import Passes, all_of, any_of, comparison, of_field
from kedit_memory.adapters.lookup import active, changed_at, nearest, similarity
from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.arguments import shown, whole_number
from kedit_memory.memory.requests import metadata_of
from kedit_memory.records import Edit, EditRequest, OnConflict
from kedit_memory.routing.dialogue import ASKED, Dialogue, spoken_by

_OWNERS = {"user_id": "user", "agent_id": "agent", "run_id": "run"}  # whose a memory is: the first one that is given
_EVENTS = {"add": "ADD", "import": "ADD", "update": "UPDATE", "retract": "DELETE", "supersede": "DELETE"}


class Memory:
    """What mem0's `Memory` does, on the edits of an open memory; no model writes here, so `infer=True` is refused.

        memory = Memory(EditMemory.open("index/desk"))
        memory.add("I live in Oslo.", user_id="ann")
        memory.search("Where does she live?", filters={"user_id": "ann"})["results"]

    The memories of a user are edits of the namespace "user:ann", by which a router answers, too; without a user those
    of an agent are in "agent:…", those of a run in "run:…". All ids stand in the metadata. Nothing supersedes. What is
    deleted is retracted: its text stays in history until the edit memory purges it.
    """

    def __init__(self, memory: EditMemory) -> None:
        self._memory = memory

    def add(
        self,
        messages: str | Mapping[str, Any] | Dialogue,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        infer: bool = False,
    ) -> dict[str, Any]:
        """Stores the texts of the user's messages, each as one statement, to the letter; nothing is drawn from them.

        A question states nothing: it is not stored, and its event is NONE. The same text with the same metadata is one
        memory. What others than the user said is passed over.

        Raises:
            InvalidInputError: `infer` is true, no id is given, or the messages are none.
        """
        if infer:
            raise InvalidInputError(
                "infer=True is given, but no model writes here; leave it out and state what to keep"
            )
        ids = _ids(user_id=user_id, agent_id=agent_id, run_id=run_id)
        texts = _said(messages)
        asked = {place for place, text in enumerate(texts) if text.endswith("?")}
        namespace, known = _namespace(ids), {**metadata_of(metadata or {}), **ids}
        requests = [
            EditRequest(statement=text, namespace=namespace, metadata=known)
            for place, text in enumerate(texts)
            if place not in asked
        ]
        edits = iter(self._memory.add_many(requests, on_conflict=OnConflict.KEEP_BOTH))
        results = []
        for place, text in enumerate(texts):
            edit = None if place in asked else next(edits)
            results.append(
                {"id": None, "memory": text, "event": "NONE"}
                if edit is None
                else {"id": edit.id, "memory": edit.statement, "event": "ADD"}
            )
        return {"results": results}

    def search(
        self, query: str, *, top_k: int = 20, filters: Mapping[str, Any], threshold: float = 0.1
    ) -> dict[str, Any]:
        """The memories nearest to a text that pass the filters and whose cosine is no less than the threshold.

        Filters name at least one of user_id, agent_id and run_id: `{"user_id": "ann", "year": {"gte": 2020}}`. They
        know eq, ne, in, nin, gt, gte, lt, lte, contains, icontains, the value "*" for any, AND, OR and NOT.

        Raises:
            InvalidInputError: no id is named, or the filters cannot be read.
        """
        whole_number(top_k, "top_k", 1)
        passes = _passes(filters)
        matches = nearest(
            self._memory,
            query,
            top_k,
            namespaces=self._namespaces(filters),
            passes=lambda edit: _is_memory(edit) and passes(_record(edit)),
        )
        scored = [(one.edit, similarity(one)) for one in matches]
        return {"results": [self._told(edit) | {"score": score} for edit, score in scored if score >= threshold]}

    def get_all(self, *, filters: Mapping[str, Any], top_k: int = 20) -> dict[str, Any]:
        """The first memories that pass the filters, as `search` takes them, oldest first."""
        whole_number(top_k, "top_k", 1)
        passes = _passes(filters)
        kept = [edit for edit in self._all(self._namespaces(filters)) if passes(_record(edit))]
        return {"results": [self._told(edit) for edit in kept[:top_k]]}

    def get(self, memory_id: str) -> dict[str, Any] | None:
        """The memory of that id, or None."""
        edit = active(self._memory, memory_id)
        return self._told(edit) if edit is not None and _is_memory(edit) else None

    def update(self, memory_id: str, text: str, metadata: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Gives a memory another text and, unless it is None, other metadata; whose it is stays.

        Raises:
            NotFoundError: there is no such memory.
        """
        edit = self._known(memory_id)
        ids = {name: value for name, value in edit.metadata.items() if name in _OWNERS}
        changed = edit.metadata if metadata is None else {**metadata_of(metadata), **ids}
        self._memory.update(
            edit.id, prompt=text, target=text, statement=text, metadata=changed, on_conflict=OnConflict.KEEP_BOTH
        )
        return {"message": f"{edit.id} is updated"}

    def delete(self, memory_id: str) -> dict[str, str]:
        """Retracts a memory.

        Raises:
            NotFoundError: there is no such memory.
        """
        edit = self._memory.retract(self._known(memory_id).id)
        return {"message": f"{edit.id} is deleted"}

    def delete_all(
        self, *, user_id: str | None = None, agent_id: str | None = None, run_id: str | None = None
    ) -> dict[str, str]:
        """Retracts the memories that have all these ids, one at least."""
        ids = _ids(user_id=user_id, agent_id=agent_id, run_id=run_id)
        return self._delete(edit for edit in self._memory.list(namespace=None, metadata=ids) if _is_memory(edit))

    def history(self, memory_id: str) -> list[dict[str, Any]]:
        """What became of a memory, oldest first.

        Raises:
            NotFoundError: there never was one of that id.
        """
        edit = self._memory.get(memory_id)
        if not _is_memory(edit):
            raise _unknown(memory_id)
        return [
            {
                "id": str(one.number),
                "memory_id": edit.id,
                "old_memory": one.before.statement if one.before else None,
                "new_memory": one.after.statement if one.after and event != "DELETE" else None,
                "event": event,
                "created_at": edit.created_at,
                "updated_at": one.at,
                "is_deleted": event == "DELETE",
            }
            for one in self._memory.history(edit.id)
            if not one.undone and (event := _EVENTS.get(one.verb))
        ]

    def reset(self) -> dict[str, str]:
        """Retracts all memories of all ids; other edits of the store stay."""
        return self._delete(self._all(self._owned()))

    def _delete(self, edits: Iterable[Edit]) -> dict[str, str]:
        deleted = [self._memory.retract(edit.id) for edit in list(edits)]
        return {"message": f"{len(deleted)} are deleted"}

    def _known(self, memory_id: str) -> Edit:
        edit = active(self._memory, memory_id)
        if edit is None or not _is_memory(edit):
            raise _unknown(memory_id)
        return edit

    def _all(self, namespaces: Iterable[str]) -> list[Edit]:
        return [edit for name in namespaces for edit in self._memory.list(namespace=name) if _is_memory(edit)]

    def _owned(self) -> list[str]:
        """The namespaces of memories."""
        owners = tuple(f"{owner}:" for owner in _OWNERS.values())
        return [name for name in self._memory.stats().namespaces if name.startswith(owners)]

    def _namespaces(self, filters: Mapping[str, Any]) -> list[str]:
        """The namespaces in which memories can pass the filters: by ids that these name outright, else all."""
        ids = {name: value for name, value in filters.items() if name in _OWNERS and _is_id(value)}
        if "user_id" in ids:
            return [_namespace(ids)]
        if ids:
            return sorted({edit.namespace for edit in self._memory.list(namespace=None, metadata=ids)})
        return self._owned()

    def _told(self, edit: Edit) -> dict[str, Any]:
        """An edit as mem0 tells a memory."""
        ids = {name: value for name, value in edit.metadata.items() if name in _OWNERS}
        own = {name: value for name, value in edit.metadata.items() if name not in _OWNERS}
        return {
            "id": edit.id,
            "memory": edit.statement,
            "metadata": own or None,
            "created_at": edit.created_at,
            "updated_at": changed_at(self._memory, edit),
            **ids,
        }


def _ids(**given: str | None) -> dict[str, str]:
    """The ids that are given.

    Raises:
        InvalidInputError: none is, or one is no text.
    """
    ids = {name: value for name, value in given.items() if value is not None}
    if not ids or not all(map(_is_id, ids.values())):
        raise InvalidInputError(f"ids are {shown(ids)}; give texts, one of {', '.join(_OWNERS)} at least")
    return ids


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value != "*"


def _namespace(ids: Mapping[str, str]) -> str:
    name = next(name for name in _OWNERS if name in ids)
    return f"{_OWNERS[name]}:{ids[name]}"


def _said(messages: str | Mapping[str, Any] | Dialogue) -> list[str]:
    """What the user said."""
    if isinstance(messages, str):
        messages = [{"role": ASKED, "content": messages}]
    elif isinstance(messages, Mapping):
        messages = [messages]
    return [text for text in map(str.strip, spoken_by(ASKED, messages)) if text]


def _is_memory(edit: Edit) -> bool:
    return edit.target is not None and bool(_OWNERS.keys() & edit.metadata.keys())


def _record(edit: Edit) -> dict[str, Any]:
    """What filters see of a memory."""
    return {"created_at": edit.created_at, **edit.metadata}


def _unknown(memory_id: str) -> NotFoundError:
    return NotFoundError(f"no memory {shown(memory_id)}; `get_all` tells the ids")


def _passes(filters: object) -> Passes:
    """Filters with at least one id as a check of a memory.

    Raises:
        InvalidInputError: they name none, or cannot be read.
    """
    passes = _check(filters)
    if not _names_owner(filters):
        raise InvalidInputError(f"filters {shown(filters)} name nobody; give one of {', '.join(_OWNERS)} in them")
    return passes


def _names_owner(filters: object) -> bool:
    if isinstance(filters, Mapping):
        return any(name in _OWNERS or _names_owner(value) for name, value in filters.items())
    return isinstance(filters, (list, tuple)) and any(map(_names_owner, filters))


def _check(filters: object) -> Passes:
    if not isinstance(filters, Mapping):
        raise InvalidInputError(f'filters are {shown(filters)}; give an object such as {{"user_id": "ann"}}')
    return all_of(_part(str(name), given) for name, given in filters.items())


def _part(name: str, given: Any) -> Passes:
    """One entry of filters: a field and what it is to be, or some filters and how they are joined."""
    if name in ("AND", "OR", "NOT"):
        parts = [_check(one) for one in ([given] if isinstance(given, Mapping) else _list(name, given))]
        if name == "AND":
            return all_of(parts)
        passes = any_of(parts)
        return passes if name == "OR" else lambda record: not passes(record)
    if given == "*":
        return lambda record: record.get(name) is not None
    if isinstance(given, Mapping):
        return all_of(of_field(name, comparison(operator, value)) for operator, value in given.items())
    return of_field(name, comparison("in" if isinstance(given, list) else "eq", given))


def _list(name: str, given: object) -> Sequence[object]:
    if isinstance(given, (list, tuple)):
        return given
    raise InvalidInputError(f"{name} is {shown(given)}; give a list of filters")
