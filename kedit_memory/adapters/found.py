"""What a retriever finds for a question, before it is put into the classes of a framework."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kedit_memory.adapters.lookup import called, nearest, similarity
from kedit_memory.memory import EditMemory
from kedit_memory.records import Decision, Match, RetrievedPassage
from kedit_memory.retrieval.base import Retriever
from kedit_memory.routing.router import Router

Source: TypeAlias = EditMemory | Router | Retriever

_TOLD = (
    "prompt", "target", "subject", "relation", "source", "namespace", "valid_from", "valid_until", "created_at",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Found:
    """A text with its score, higher is better, and where it comes from."""

    id: str
    text: str
    score: float
    metadata: Mapping[str, Any]


def find(source: Source, question: str, k: int, namespace: str) -> list[Found]:
    """The `k` best texts for a question, best first.

    A memory gives its nearest statements, in scope or not; a router what it would answer from: the edit in scope, else
    the passages that it would put before the question; a retriever its passages, whatever the namespace.
    """
    if isinstance(source, EditMemory):
        matches = nearest(source, question, k, namespaces=[namespace], passes=lambda _: True)
        return [_edit(one, similarity(one)) for one in matches]
    if isinstance(source, Router):
        return _used(source.explain(question, namespace=namespace))[:k]
    return [_passage(one) for one in source.search(question, k)]


def _used(decision: Decision) -> list[Found]:
    """What an answer would rest on, with its route and reason."""
    why = {"route": decision.route.value, "reason": decision.reason}
    edits = [_edit(one, similarity(one) if one.score is None else one.score, **why) for one in decision.edits]
    return edits + [_passage(one, **why) for one in decision.passages]


def _edit(match: Match, score: float, **more: str) -> Found:
    edit = match.edit
    metadata = {"edit": edit.id, "kind": edit.kind.value, **{name: getattr(edit, name) for name in _TOLD}}
    metadata |= {"distance": match.distance, "radius": match.radius, "in_scope": match.in_scope}
    metadata["metadata"] = dict(edit.metadata)
    return Found(id=called(edit), text=edit.statement, score=score, metadata=metadata | more)


def _passage(found: RetrievedPassage, **more: str) -> Found:
    passage = found.passage
    metadata = {"title": passage.title, "source": passage.source, "date": passage.date}
    return Found(id=passage.id, text=passage.text, score=found.score, metadata=metadata | more)
