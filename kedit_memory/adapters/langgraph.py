"""A memory as LangGraph's long-term store: its items are edits, so that a router answers from them, too."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from kedit_memory.adapters.conditions import with_dollars
from kedit_memory.adapters.lookup import active, changed_at, nearest, similarity
from kedit_memory.errors import MissingDependencyError
from kedit_memory.memory import EditMemory
from kedit_memory.memory.arguments import namespace_name, texts
from kedit_memory.memory.requests import metadata_of
from kedit_memory.records import Edit, EditRequest, OnConflict

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore, ListNamespacesOp, MatchCondition, Op, PutOp, Result, SearchOp

_MARK = {"adapter": "langgraph"}  # in the metadata of the edits that are items


def to_langgraph(memory: EditMemory, *, fields: Sequence[str] | None = None) -> "BaseStore":
    """A store of LangGraph whose items are edits of the memory: durable, listed, undone and exported as all are.

    The namespace ("users", "ann") is "users.ann" in the memory. A value with the texts `prompt` and `target` becomes
    this question with its answer; of others the only text, else the whole as JSON, becomes a statement. Items are never
    weighed against each other: the same prompt under two keys is two edits. Deleting an item retracts its edit,
    whose text stays in history until it is purged.

    A batch reads what was there before it. Values have up to 16,000 characters as JSON; there is no time to live.

    Args:
        memory: an open memory, whose other edits are no items.
        fields: paths of the texts by which an item is found, such as "title" or "parts[*].text", where `put` names
            none: the first is the edit's prompt, the others are its paraphrases, all together are its statement.

    Raises:
        MissingDependencyError: langgraph-checkpoint is not installed.
    """
    try:
        from langgraph.store.base import BaseStore
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "langgraph-checkpoint is not installed; run: pip install 'kedit-memory[langgraph]'"
        ) from error
    items = _Items(memory, fields)

    class Items(BaseStore):  # type: ignore[misc, unused-ignore]
        """Hands operations on."""

        def batch(self, ops: "Iterable[Op]") -> "list[Result]":
            return items.run(list(ops))

        async def abatch(self, ops: "Iterable[Op]") -> "list[Result]":
            return await asyncio.to_thread(items.run, list(ops))

    return Items()


class _Items:
    """The operations of LangGraph on a memory."""

    def __init__(self, memory: EditMemory, fields: Sequence[str] | None) -> None:
        self._memory = memory
        self._fields = fields
        self._writing = Lock()  # a key is looked up, then added

    def run(self, ops: "Sequence[Op]") -> "list[Result]":
        """The results of operations, in order; reads come first, and of several puts of a key the last one counts."""
        from langgraph.store.base import PutOp

        puts = {(_name(op.namespace), op.key): op for op in ops if isinstance(op, PutOp)}
        requests = {place: self._request(*place, op) for place, op in puts.items() if op.value is not None}
        results = [None if isinstance(op, PutOp) else self._read(op) for op in ops]
        with self._writing:
            self._write(list(puts), requests)
        return results

    def _read(self, op: "Op") -> "Result":
        from langgraph.store.base import GetOp, Item, ListNamespacesOp, SearchOp

        if isinstance(op, GetOp):
            edit = active(self._memory, _id(op.key), _name(op.namespace))
            return None if edit is None else Item(**self._told(edit))
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op)
        raise TypeError(f"{type(op).__name__} is no operation of a store; give a GetOp, SearchOp, PutOp or the like")

    def _request(self, name: str, key: str, op: "PutOp") -> EditRequest:
        """The edit that an item becomes."""
        if op.ttl is not None:
            raise NotImplementedError("items have no time to live here; leave out ttl, and delete them")
        value = metadata_of(op.value)
        wording, indexed = _wording(value, self._fields if op.index is None else op.index)
        metadata = {**_MARK, "key": key, "value": value, "indexed": indexed}
        return EditRequest(**wording, radius=None if indexed else 0.0, id=_id(key), namespace=name, metadata=metadata)

    def _write(self, places: Sequence[tuple[str, str]], requests: Mapping[tuple[str, str], EditRequest]) -> None:
        """Puts items where they are, or takes them away; the new ones are stored in one transaction."""
        fresh = []
        for name, key in places:
            held, request = active(self._memory, _id(key), name), requests.get((name, key))
            if request is None:
                if held is not None:
                    self._memory.retract(held.id)
            elif held is None:
                fresh.append(request)
            else:
                self._memory.update(
                    held.id,
                    prompt=request.prompt or "",
                    target=request.target,
                    statement=request.statement,
                    paraphrases=request.paraphrases,
                    radius=request.radius,
                    metadata=request.metadata,
                    on_conflict=OnConflict.KEEP_BOTH,
                )
        if fresh:
            self._memory.add_many(fresh, on_conflict=OnConflict.KEEP_BOTH)

    def _search(self, op: "SearchOp") -> "list[Any]":
        """The items that an operation asks for; those that are not indexed come last, without a score."""
        from langgraph.store.base import SearchItem

        _check_labels(op.namespace_prefix)
        prefix, passes = tuple(op.namespace_prefix), with_dollars(op.filter or {})
        names = [one for one in self._memory.stats().namespaces if tuple(one.split("."))[: len(prefix)] == prefix]
        wanted = op.offset + op.limit

        def fits(edit: Edit) -> bool:
            return _is_item(edit) and passes(edit.metadata["value"])

        scored: list[tuple[Edit, float | None]] = []
        if op.query:
            matches = nearest(
                self._memory, op.query, wanted, namespaces=names, passes=lambda edit: fits(edit) and _indexed(edit)
            )
            scored = [(match.edit, similarity(match)) for match in matches]
        if len(scored) < wanted:
            listed = (edit for name in names for edit in self._memory.list(namespace=name, metadata=_MARK))
            scored += [(edit, None) for edit in listed if fits(edit) and not (op.query and _indexed(edit))]
        return [SearchItem(**self._told(edit), score=score) for edit, score in scored[op.offset : wanted]]

    def _namespaces(self, op: "ListNamespacesOp") -> list[tuple[str, ...]]:
        for condition in op.match_conditions or ():
            _check_labels(condition.path)
        names = {edit.namespace for edit in self._memory.list(namespace=None, metadata=_MARK)}
        every = (tuple(name.split(".")) for name in names)
        kept = [one for one in every if all(_matches(one, condition) for condition in op.match_conditions or ())]
        return sorted({one[: op.max_depth] for one in kept})[op.offset : op.offset + op.limit]

    def _told(self, edit: Edit) -> dict[str, Any]:
        """An edit as the fields of an item."""
        return {
            "namespace": tuple(edit.namespace.split(".")),
            "key": edit.metadata["key"],
            "value": edit.metadata["value"],
            "created_at": datetime.fromisoformat(edit.created_at),
            "updated_at": datetime.fromisoformat(changed_at(self._memory, edit)),
        }


def _wording(value: dict[str, Any], index: object) -> tuple[dict[str, Any], bool]:
    """The texts of an edit, and whether a search goes by them."""
    from langgraph.store.base import get_text_at_path

    whole = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if index is False:
        return _stated([whole]), False
    if index is None:
        prompt, target = value.get("prompt"), value.get("target")
        if _is_text(prompt) and _is_text(target):
            return {"prompt": prompt, "target": target, "statement": None, "paraphrases": ()}, True
        told = [one for one in _leaves(value) if isinstance(one, str) and one.strip()]
        return _stated(told if len(told) == 1 else [whole]), True
    found = [text for path in texts(index, "index") for text in get_text_at_path(value, path) if text.strip()]
    return _stated(found or [whole]), bool(found)


def _stated(parts: Sequence[str]) -> dict[str, Any]:
    """Some texts as one statement that is found by each of them."""
    whole = "\n".join(parts)
    return {"prompt": parts[0], "target": whole, "statement": whole, "paraphrases": tuple(parts[1:])}


def _leaves(value: object) -> Iterable[object]:
    if isinstance(value, (Mapping, list, tuple)):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(one)
    else:
        yield value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_item(edit: Edit) -> bool:
    return _MARK.items() <= edit.metadata.items()


def _indexed(edit: Edit) -> bool:
    return bool(edit.metadata["indexed"])


def _id(key: str) -> str:
    """The id of an item's edit, which no id of the store is like: keys are told apart to the character."""
    return json.dumps(key)


def _name(labels: tuple[str, ...]) -> str:
    """What the memory calls a namespace."""
    from langgraph.store.base import InvalidNamespaceError

    _check_labels(labels)
    joined = ".".join(labels)
    if not labels or namespace_name(joined) != joined:
        raise InvalidNamespaceError(f"namespace {labels!r} is empty, or begins or ends with a blank; name it otherwise")
    return joined


def _check_labels(labels: Sequence[object]) -> None:
    from langgraph.store.base import InvalidNamespaceError

    for one in labels:
        if not isinstance(one, str) or not one or "." in one or "\0" in one:
            raise InvalidNamespaceError(f"label {one!r} of {labels!r} is no text without points; name it otherwise")


def _matches(labels: tuple[str, ...], condition: "MatchCondition") -> bool:
    """Whether a namespace begins, or ends, as a condition says."""
    path = condition.path
    start = 0 if condition.match_type == "prefix" else max(0, len(labels) - len(path))
    part = labels[start : start + len(path)]
    return len(part) == len(path) and all(asked in ("*", one) for one, asked in zip(part, path, strict=True))
