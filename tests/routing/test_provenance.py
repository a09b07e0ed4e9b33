import json

from kedit_memory.records import (
    Answer,
    Decision,
    Edit,
    Kind,
    Match,
    Passage,
    Popularity,
    RetrievedPassage,
    Route,
)
from kedit_memory.routing.provenance import to_dict, to_lines

EDIT = Edit(
    id="e7",
    kind=Kind.ERASURE,
    prompt="What is Ann's number?",
    target=None,
    statement="The answer to “What is Ann's number?” is to be forgotten.",
    radius=0.4,
    created_at="2025-01-01T00:00:00Z",
)
NEAR = Match(edit=EDIT, key="Ann's number", distance=0.12345678, radius=0.4)
PASSAGE = Passage(id="p-1", title="Gisors", text="Gisors is a town.", source="https://example.org/Gisors")


def account(**fields):
    return {"question": "Q?", "route": Route.RETRIEVAL, "reason": "because"} | fields


def test_an_answer_tells_all_it_rests_on_in_json():
    answer = Answer(
        text="Ñ",
        **account(
            considered=(NEAR,),
            passages=(RetrievedPassage(passage=PASSAGE, score=1.23456),),
            popularity=Popularity(subject=None, tier=None),
            timings={"encode": 0.00123456789},
        ),
    )
    told = to_dict(answer)
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "question": "Q?",
        "answer": "Ñ",
        "route": "retrieval",
        "reason": "because",
        "edits": [],
        "considered": [
            {
                "id": "e7",
                "kind": "erasure",
                "prompt": "What is Ann's number?",
                "target": None,
                "statement": EDIT.statement,
                "key": "Ann's number",
                "distance": 0.123457,
                "radius": 0.4,
                "score": None,
            }
        ],
        "passages": [
            {
                "id": "p-1",
                "title": "Gisors",
                "text": "Gisors is a town.",
                "source": "https://example.org/Gisors",
                "date": None,
                "score": 1.2346,
            }
        ],
        "popularity": {"subject": None, "tier": None},
        "timings": {"encode": 0.001235},
    }


def test_a_decision_has_no_answer_yet():
    told = to_dict(Decision(**account(edits=(NEAR,))))
    assert "answer" not in told
    assert told["popularity"] is None
    assert [match["id"] for match in told["edits"]] == ["e7"]


def test_lines_for_people_hold_the_same_facts():
    passages = (
        RetrievedPassage(passage=PASSAGE, score=1.23456),
        RetrievedPassage(passage=Passage(id="p-2", title="", text="x"), score=1.0),
    )
    lines = to_lines(Decision(**account(edits=(NEAR,), considered=(NEAR,), passages=passages, timings={"link": 0.002})))
    assert lines == [
        "route:  retrieval",
        "reason: because",
        f"edit:   e7 {EDIT.statement}  (distance 0.123, radius 0.400)",
        f"near:   e7 {EDIT.statement}  (distance 0.123, radius 0.400)",
        "passage: Gisors  (score 1.23, https://example.org/Gisors)",
        "passage: p-2  (score 1.00)",
        "time:   link 2.0 ms",
    ]
