import json
from types import SimpleNamespace

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.routing.labelled import LabelledQuestion, Outcome, read_cases, score_cases

KNOWN = {"e1", "e2"}
COVERED, OUTSIDE = '{"question": "Who leads Acme?", "edit": "e1"}', '{"question": "Who leads Bolt?", "edit": null}'


@pytest.fixture
def labelled(tmp_path):
    def write(*lines):
        path = tmp_path / "cases.jsonl"
        path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
        return path

    return write


def test_cases_are_read_in_order_and_a_repeated_one_once(labelled):
    path = labelled(OUTSIDE, "", COVERED, '{"edit": "e1", "question": "  who leads  ACME? "}')
    assert read_cases(path, known=KNOWN) == [
        LabelledQuestion(question="Who leads Bolt?", edit=None),
        LabelledQuestion(question="Who leads Acme?", edit="e1"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{question", "no JSON"),
        ('{"question": "Who?", "edit": NaN}', "NaN is not allowed"),
        (b'{"question": "Who is \xff?", "edit": null}', r"not UTF-8 \(byte \d+ of the file\); save the file as UTF-8"),
        ("[1]", "list is no object; give fields edit, question, turns"),
        ('{"question": "Who?", "edit": null, "label": 1}', r"unknown field 'label' \(known: edit, question, turns\)"),
        ('{"question": "Who?"}', "no field 'edit'"),
        ('{"edit": null}', "no field 'question'"),
        ('{"question": " ", "edit": null}', "question is empty"),
        ('{"question": 5, "edit": null}', "question is int, not text"),
        ('{"question": "Who?", "edit": 5}', "edit is int, not text"),
        ('{"question": "Who?", "edit": ""}', "edit is empty"),
        ('{"question": "Who?", "edit": "e9"}', "no active edit 'e9' here"),
        (json.dumps({"question": "x" * 32_001, "edit": None}), "question has 32001 characters, 32000 are allowed"),
        ('{"question": "who leads ACME?", "edit": null}', "labelled out of scope here and e1 in line 1"),
        ('{"question": "Who leads Acme?", "edit": "e2"}', "labelled e2 here and e1 in line 1"),
        ('{"question": "Who?", "edit": null, "turns": "Hi"}', "turns is str, not a list of texts"),
        ('{"question": "Who?", "edit": null, "turns": ["Hi", 5]}', r"turns\[1\] is int, not text"),
    ],
)
def test_a_wrong_line_is_named(labelled, line, message):
    path = labelled(COVERED, OUTSIDE, line)
    with pytest.raises(InvalidInputError, match=message) as refused:
        read_cases(path, known=KNOWN)
    text = str(refused.value)
    assert text.startswith(f"{path}, line 3: ")
    assert text.count("line 3") == 1
    assert "\n" not in text


def test_what_was_said_before_makes_another_question_of_it(labelled):
    after = '{"question": "who leads acme?", "edit": null, "turns": ["I mean the Acme of 1990.", "Yes?"]}'
    again = '{"question": "Who leads Acme?", "edit": "e1", "turns": ["I MEAN the Acme of 1990.", "Yes?"]}'
    _, _, third = read_cases(labelled(COVERED, OUTSIDE, after), known=KNOWN)
    assert third.turns == ("I mean the Acme of 1990.", "Yes?")
    with pytest.raises(InvalidInputError, match="labelled e1 here and out of scope in line 3"):
        read_cases(labelled(COVERED, OUTSIDE, after, again), known=KNOWN)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no question"),
        (["", "  "], "holds no question"),
        ([COVERED], 'no question with "edit": null'),
        ([OUTSIDE], "no question with an edit that answers it"),
    ],
)
def test_a_file_without_both_kinds_is_refused(labelled, lines, message):
    with pytest.raises(InvalidInputError, match=message):
        read_cases(labelled(*lines), known=KNOWN)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_cases(tmp_path / "none.jsonl", known=KNOWN)


def judged(edit_id, score=0.5, stratum="linked"):
    return SimpleNamespace(edit_id=edit_id, score=score, stratum=stratum)


def test_labels_and_judgements_make_the_three_outcomes():
    asked = [LabelledQuestion(question=f"q{n}", edit=edit) for n, edit in enumerate(["e1", "e1", None, "e1", None])]
    found = [judged("e1"), judged("e2"), judged("e2"), judged(None, 0.0), judged(None, 0.0)]
    cases = score_cases(asked, found, "log")
    assert [case.outcome.value for case in cases] == ["right", "other", "outside", "other", "outside"]
    assert [case.stratum for case in cases] == ["linked"] * 3 + [None] * 2
    assert [case.score for case in cases] == [0.5] * 3 + [0.0] * 2
    assert {case.source for case in cases} == {"log"}


def test_an_edits_own_wording_cannot_be_out_of_scope():
    own = judged("e1", 1.0, "exact")
    assert score_cases([LabelledQuestion(question="Who?", edit="e1")], [own], "log")[0].outcome is Outcome.RIGHT
    with pytest.raises(InvalidInputError, match=r"'Who\?' is labelled out of scope, but is the wording of e1"):
        score_cases([LabelledQuestion(question="Who?", edit=None)], [own], "log")
