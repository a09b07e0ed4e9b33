"""The passages of a namespace over HTTP: listed, added, searched, and removed for good."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from kedit_memory.retrieval.contents import list_passages, remove_passages, show_passage
from kedit_memory.retrieval.corpus import Corpus
from kedit_memory.retrieval.documents import passage_given
from kedit_memory.retrieval.splitting import cut_passage
from kedit_memory.server.access import Caller
from kedit_memory.server.forms import GivenPassages, Line, PassagesFrom, Searched
from kedit_memory.server.parts import Here, Parts, Reader, Writer
from kedit_memory.text import clean

Document = dict[str, Any]
Id = Annotated[str, Path(min_length=1, max_length=200, description="The id of a passage.")]

routes = APIRouter(tags=["passages"])


@routes.get("/passages")
def listed(here: Here, caller: Reader, chosen: Annotated[PassagesFrom, Query()]) -> Document:
    """The passages in the order in which they came; the next page is behind the last id."""
    with _corpus(here, caller) as corpus:
        found = list_passages(corpus, limit=chosen.limit + 1, after=chosen.after, source=chosen.source)
    return {"passages": [asdict(one) for one in found[: chosen.limit]], "more": len(found) > chosen.limit}


@routes.post("/passages", status_code=201)
def added(here: Here, caller: Writer, given: GivenPassages) -> Document:
    """How many passages are new or changed, and all that were given: very long ones in parts, whose ids say so."""
    passages = [part for one in given.passages for part in cut_passage(passage_given(one.model_dump()))]
    with _corpus(here, caller) as corpus:
        count = corpus.add(passages)
    here.audit.write(caller, "add passages", *(one.id for one in passages))
    return {"added": count, "passages": [asdict(one) for one in passages]}


@routes.post("/passages/search")
def found(here: Here, caller: Reader, given: Searched) -> Document:
    """The passages that rank best for a text, whether or not they would be put before a question."""
    ranked = here.router.passages.search(clean(given.query, "query"), given.limit, caller.namespace)
    return {"passages": [asdict(one.passage) | {"score": round(one.score, 4)} for one in ranked]}


@routes.delete("/passages")
def removed_from(here: Here, caller: Writer, source: Annotated[Line, Query()]) -> Document:
    """All passages from a file, a folder or an address removed for good: their text is in no file of the store."""
    with _corpus(here, caller) as corpus:
        names = [one.id for one in list_passages(corpus, source=source)]
        count = remove_passages(corpus, names, source)
    here.audit.write(caller, "remove passages", *names)
    return {"removed": count}


@routes.get("/passages/{passage_id:path}")
def got(here: Here, caller: Reader, passage_id: Id) -> Document:
    """One passage."""
    with _corpus(here, caller) as corpus:
        return asdict(show_passage(corpus, passage_id))


@routes.delete("/passages/{passage_id:path}")
def removed(here: Here, caller: Writer, passage_id: Id) -> Document:
    """One passage removed for good: its text is in no file of the store."""
    with _corpus(here, caller) as corpus:
        count = remove_passages(corpus, [passage_id])
    here.audit.write(caller, "remove passages", passage_id)
    return {"removed": count}


def _corpus(here: Parts, caller: Caller) -> Corpus:
    return Corpus(here.memory.passages, caller.namespace)
