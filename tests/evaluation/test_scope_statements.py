"""Statements, policies, long answers and follow-ups as sets, in small folders that are written here."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError
from kedit_memory.evaluation.tasks.scope.answered import Answered, add_answered, statement
from kedit_memory.evaluation.tasks.scope.cases import CALIBRATING, TEST, TRAINING, ScopeSet, SetBuilder, part_by_hash
from kedit_memory.evaluation.tasks.scope.followups import followups_set
from kedit_memory.evaluation.tasks.scope.long_answers import long_answers_set
from kedit_memory.evaluation.tasks.scope.paragraphs import Asked, answering, holds, names_it, stands_alone
from kedit_memory.evaluation.tasks.scope.policies import policies_set
from kedit_memory.evaluation.tasks.scope.qamr import qamr_set
from kedit_memory.evaluation.tasks.scope.statements import statements_set

GARDEN = (
    "The walled garden of Ashby Manor opened to visitors in 1932. Its gate was forged by Dora Wick. "
    "The glasshouse of Ashby Manor burned down in a storm in 1951. Figs were grown there by Hugh Brent."
)


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.suffix == ".jsonl"
    path.write_text("\n".join(map(json.dumps, content)) if lines else json.dumps(content), "utf-8")


def named(part: str, *, trains: bool = True) -> str:
    """A name of a unit that the hash puts into a part."""
    return next(name for n in range(1000) if part_by_hash(name := f"Unit {n}", trains=trains) == part)


def asked(one: ScopeSet, kind: str) -> list[tuple[str, str]]:
    """The questions of a kind with the prompts of their edits."""
    return [(case.question, one.edits[case.edit].prompt) for case in one.cases if case.kind == kind]


def test_a_sentence_stands_alone_where_it_names_what_it_is_about() -> None:
    assert stands_alone("The glasshouse of Ashby Manor burned down in 1951.")
    assert not stands_alone("It burned down in a storm in 1951.")
    assert not stands_alone("In that year the glasshouse burned down.")
    assert not stands_alone("Figs were grown.")
    assert not stands_alone("word " * 61)


def test_one_sentence_has_the_answer_or_none_is_taken() -> None:
    found = ["The gate opened in 1932.", "The gate closed in 1951.", "In 1951 a storm came."]
    assert answering(Asked(question="When did it open?", answers=("1932", "in 1932")), found) == 0
    assert answering(Asked(question="When?", answers=("1951",)), found) is None
    assert answering(Asked(question="Who?", answers=()), found) is None
    assert holds("The gate, it is said, closed.", ["Gate"])
    assert not holds("The gates closed.", ["gate"])


def test_a_question_is_clear_where_its_names_are_in_the_sentence() -> None:
    sentence = "The glasshouse of Ashby Manor burned down in 1951."
    assert names_it("When did the glasshouse of Ashby Manor burn?", sentence)
    assert names_it("When did the glasshouse burn?", sentence)
    assert not names_it("When did the glasshouse at Kew in Surrey burn?", sentence)
    assert not names_it("Who was there?", sentence)


def garden(folder: Path, title: str) -> None:
    def question(text: str, *answers: str) -> dict[str, Any]:
        return {"question": text, "answers": [{"text": answer} for answer in answers]}

    paragraphs = [
        {
            "context": GARDEN,
            "qas": [
                question("When did the walled garden of Ashby Manor open to visitors?", "1932", "in 1932"),
                question("Who forged the gate of the garden?", "Dora Wick"),
                question("When did the glasshouse burn down?", "1951"),
                question("When did the house at Kew Green burn down in Surrey?", "1951"),
            ],
        }
    ]
    other = [{"context": "Boats are mended at Lowe Quay.", "qas": [question("Where are boats mended?", "Lowe Quay")]}]
    data = [{"title": title, "paragraphs": paragraphs}, {"title": f"{title} harbour", "paragraphs": other}]
    write(folder / "squad" / "squad1.1_dev_from_explorer.json", {"data": data})
    impossible = [{"context": GARDEN, "qas": [question("When did the chapel of Ashby Manor burn down?")]}]
    write(
        folder / "squad2_dev" / "squad2.0_dev_from_explorer.json",
        {"data": [{"title": title, "paragraphs": impossible}]},
    )


def test_statements_are_sentences_that_can_stand_alone(tmp_path: Path) -> None:
    garden(tmp_path, named(TEST))
    one = statements_set(tmp_path)
    assert all(edit.prompt == edit.target and not edit.subject for edit in one.edits)
    prompts = {edit.prompt for edit in one.edits}
    assert not any(prompt.startswith("Its gate") for prompt in prompts)
    assert ("When did the walled garden of Ashby Manor open to visitors?", GARDEN.split(" Its")[0]) in asked(
        one, "question"
    )
    assert [question for question, _ in asked(one, "question_unnamed")] == [
        "When did the house at Kew Green burn down in Surrey?"
    ]
    assert [question for question, _ in asked(one, "same_paragraph")] == ["Who forged the gate of the garden?"]
    ((question, sentence),) = asked(one, "unanswerable")
    assert question == "When did the chapel of Ashby Manor burn down?"
    assert sentence.startswith("The glasshouse")
    assert {case.part for case in one.cases if case.kind == "same_paragraph"} == {TEST}
    assert one == statements_set(tmp_path)


def test_what_is_elsewhere_is_asked_of_an_article_of_which_nothing_is_stored(tmp_path: Path) -> None:
    titles = [name for n in range(1000) if part_by_hash(name := f"Unit {n}", trains=True) == TEST][:3]

    def article(title: str, what: str) -> dict[str, Any]:
        text = f"The {what} of Ashby Manor was built in 1932. The {what} of Ashby Manor burned down in a storm."
        question = {"question": f"When was the {what} of Ashby Manor built?", "answers": [{"text": "1932"}]}
        return {"title": title, "paragraphs": [{"context": text, "qas": [question]}]}

    data = [article(title, what) for title, what in zip(titles, ("gate", "chapel", "tower"), strict=True)]
    write(tmp_path / "squad" / "squad1.1_dev_from_explorer.json", {"data": data})
    write(tmp_path / "squad2_dev" / "squad2.0_dev_from_explorer.json", {"data": []})
    one = statements_set(tmp_path)
    assert not any("tower" in edit.prompt for edit in one.edits)
    assert {question for question, _ in asked(one, "other_article")} == {"When was the tower of Ashby Manor built?"}


def test_a_question_that_another_stored_sentence_may_answer_is_left_out(tmp_path: Path) -> None:
    garden(tmp_path, named(TEST))
    path = tmp_path / "squad" / "squad1.1_dev_from_explorer.json"
    told = json.loads(path.read_text("utf-8"))
    text = "The gate of the walled garden was forged by Dora Wick."
    again = {"context": text, "qas": [{"question": "Whose work is the gate?", "answers": [{"text": "Dora Wick"}]}]}
    told["data"][0]["paragraphs"].append(again)
    write(path, told)
    one = statements_set(tmp_path)
    assert text in {edit.prompt for edit in one.edits}
    assert not asked(one, "same_paragraph")


def test_a_question_that_does_not_say_what_it_is_about_is_not_trained_on(tmp_path: Path) -> None:
    garden(tmp_path, named(TRAINING))
    one = statements_set(tmp_path)
    assert asked(one, "question")
    assert not asked(one, "question_unnamed")


def test_what_is_kept_aside_is_asked_and_has_no_edit() -> None:
    builder = SetBuilder("pages", 1)
    found = [
        Answered(
            group=f"page {page}",
            prompt=f"Rule {rule} of ward {page}?",
            target=f"Matron {rule} says so.",
            questions=(f"What says rule {rule} of ward {page}, matron?",),
        )
        for page in range(12)
        for rule in range(5)
    ]
    add_answered(builder, found, of="page", trains=False)
    one = builder.finished()
    kinds = Counter((case.kind, case.covered) for case in one.cases)
    assert kinds["question", True] == len(one.edits)
    assert 30 < len(one.edits) < 54
    assert kinds["same_page", False] == len(found) - len(one.edits)
    assert kinds["other_page", False] > 20
    covered = {case.question for case in one.cases if case.covered}
    assert not covered & {case.question for case in one.cases if not case.covered}
    for question, prompt in asked(one, "same_page"):
        assert question.split(" of ")[1].removesuffix(", matron?") == prompt.split(" of ")[1].removesuffix("?")
    assert {edit.part for edit in one.edits} <= {CALIBRATING, TEST}


def test_a_question_that_two_edits_answer_is_never_one_that_none_does() -> None:
    builder = SetBuilder("pages", 1)
    shared = [
        statement("page", f"Bed {bed} is made at nine by the matron.", "Who makes the beds?") for bed in range(20)
    ]
    add_answered(builder, shared, of="page", trains=True)
    one = builder.finished()
    assert 0 < len(one.edits) < 20
    assert all(case.covered for case in one.cases)


def test_a_statement_is_prompt_and_target() -> None:
    assert statement("page", "The ward closes at nine.", "When does the ward close?") == Answered(
        group="page",
        prompt="The ward closes at nine.",
        target="The ward closes at nine.",
        questions=("When does the ward close?",),
    )


def test_qamr_keeps_the_questions_that_say_something(tmp_path: Path) -> None:
    path = tmp_path / "qamr" / "dev_readable.tsv"
    path.parent.mkdir()
    rows = ["Who wound the tower clock?   Edith Vane\tEdith", "What is new?   clock\tclock", "Who wound the   clock\tx"]
    text = "Edith Vane wound the tower clock of Marl every Friday."
    path.write_text("\n".join(["#Wiki1k:wikipedia:7:1:2", text, *rows]) + "\n\n", "utf-8")
    one = qamr_set(tmp_path, seed=3)  # of the seeds that store the only sentence
    assert [question for question, _ in asked(one, "question")] == ["Who wound the tower clock?"]
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidInputError, match="fetch the set anew"):
        qamr_set(tmp_path)


def policies(folder: Path) -> None:
    rules = {
        str(n): f"## Ferry {n}\n\nYou can take a bicycle on ferry {n} if:\n\n* it is locked\n* you paid"
        for n in range(20)
    }
    write(folder / "or_sharc" / "id2snippet.json", rules)
    rows = [
        {
            "source_url": f"https://www.isles.example/ferries-{n}/bicycles",
            "gold_snippet_id": str(n),
            "question": f"Can I take my bicycle on ferry {n}?",
        }
        for n in range(20)
    ]
    write(folder / "or_sharc" / "open_retrieval_sharc_dev.json", {})
    (folder / "or_sharc" / "open_retrieval_sharc_dev.json").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    conditional = [
        {
            "url": f"https://isles.example/kennels-{n}",
            "question": f"Must a dog of kennel {n} wear a lead?",
            "not_answerable": n == 0,
            "evidences": [f"<p>Dogs of kennel {n} wear a lead:</p>", "<li>on the quay</li>"],
        }
        for n in range(20)
    ]
    write(folder / "conditionalqa" / "dev.json", conditional)
    write(folder / "conditionalqa" / "train.json", conditional[1:2])


def test_policies_are_one_line_and_only_some_may_be_trained_on(tmp_path: Path) -> None:
    policies(tmp_path)
    one = policies_set(tmp_path)
    ferries = [edit for edit in one.edits if "Ferry" in edit.prompt]
    number = ferries[0].prompt.split()[1].rstrip(";")
    assert ferries[0].prompt == f"Ferry {number}; You can take a bicycle on ferry {number} if: it is locked; you paid"
    kennels = {edit.prompt: edit.part for edit in one.edits if "kennel" in edit.prompt}
    assert kennels
    assert TRAINING not in kennels.values()
    assert not any("kennel 0" in prompt for prompt in kennels)
    assert {edit.part for edit in ferries} > {TRAINING}


def long_answers(folder: Path) -> None:
    sentences = ["Kilns of Dorne are fired with peat for three days.", "It is hot."]
    rows = [
        {
            "article": f"Kiln {n}",
            "answers": [0],
            "question": question.format(n),
            "candidates": [f"Kiln {n} of Dorne is fired with peat.", *sentences],
        }
        for n in range(40)
        for question in ("With what is kiln {} of Dorne fired?", "What fuel fires kiln {} in Dorne?")
    ]
    write(folder / "selqa" / "selqa-ass-dev.json", rows)
    passages = [
        {"title": "Peat", "question": "is peat cut in dorne", "passage": "Peat has been cut in Dorne for ages."},
        {"title": "Coal", "question": "is coal cut in dorne", "passage": "Coal of Dorne " * 40},
    ]
    write(folder / "boolq" / "dev.jsonl", passages)
    answers = [
        {"qid": "t-1", "question": "how do i clean a kiln shelf", "answer": "A kiln shelf is cleaned with sand."}
    ]
    write(folder / "lfrqa_sample" / "technology_900.jsonl", answers)
    write(folder / "lfrqa_sample" / "recreation_900.jsonl", [])
    illness = [
        {"focus": focus, "qtype": kind, "question": "?", "answer": f"{focus} and its {kind}. More. Less."}
        for focus in ("Potter's Cough (PC)", "Clay Rash", "What I need to know about Clay Rash")
        for kind in ("symptoms", "causes", "outlook")
    ]
    write(folder / "medquad_sample" / "medquad_sample.jsonl", illness)


def test_long_answers_are_stored_as_they_are_or_with_their_question(tmp_path: Path) -> None:
    long_answers(tmp_path)
    seen: dict[str, tuple[str, str, bool]] = {}
    for seed in range(8):
        one = long_answers_set(tmp_path, seed=seed)
        for case in one.cases:
            edit = one.edits[case.edit]
            if case.kind == "question":
                seen[case.question] = (edit.prompt, edit.target, edit.prompt == edit.target)
    assert seen["is peat cut in dorne"][2]
    assert "is coal cut in dorne" not in seen
    assert seen["how do i clean a kiln shelf"][0] == "A kiln shelf is cleaned with sand."
    kilns = [whole for question, (_, _, whole) in seen.items() if "Dorne" in question]
    assert {True, False} <= set(kilns)
    illnesses = {question for question in seen if "Potter's Cough" in question or "Clay Rash" in question}
    assert illnesses
    assert not any("need to know" in question for question in illnesses)


def talks(folder: Path) -> None:
    def talk(name: str, title: str) -> list[dict[str, Any]]:
        asked = [f"Where did {title} learn to row?", "Who taught her to scull?", "Was she ever ill?"]
        full = [asked[0], f"Who taught {title} to scull?", f"Was {title} ever ill?"]
        answers = ["At Wray.", "Old Penn.", "I don't know."]
        rows = []
        for n, (question, rewrite) in enumerate(zip(asked, full, strict=True)):
            said = [text for pair in zip(asked[:n], answers[:n], strict=True) for text in pair]
            rows.append(
                {
                    "History": [title, "Rowing", *said],
                    "QuAC_dialog_id": name,
                    "Question": question,
                    "Question_no": n + 1,
                    "Rewrite": rewrite,
                }
            )
        return rows

    people = ["Ada Moll", "Bea Nye", "Cora Orme", "Dee Pike", "Eve Quill", "Fay Rudd", "Gwen Sark", "Hope Tull"]
    write(folder / "canard_dev" / "dev.json", [row for n, who in enumerate(people) for row in talk(f"t{n}", who)])
    asked = [{"number": 1, "raw_utterance": "What is a skiff?"}, {"number": 2, "raw_utterance": "How is it built?"}]
    write(folder / "trec_cast" / "evaluation_topics_v1.0.json", [{"number": 1, "turn": asked}])
    (folder / "trec_cast" / "evaluation_topics_annotated_resolved_v1.0.tsv").write_text(
        "1_1\tWhat is a skiff?\n1_2\tHow is a skiff built?\n", "utf-8"
    )
    for year in ("2020", "2021"):
        write(folder / "trec_cast" / f"{year}_manual_evaluation_topics_v1.0.json", [])
    turns = [
        ("", "I want an inn in Hale.", "I want an inn in Hale.", "", ""),
        (
            "The Grebe is an inn in Hale.",
            "Its phone number?",
            "What is the phone number of the Grebe inn?",
            "Phone?",
            "",
        ),
        ("It is 12.", "Thank you, goodbye.", "Thank you, goodbye.", "", ""),
    ]
    names = (
        "prev_system",
        "transcript",
        "transcript_complete",
        "transcript_with_ellipsis",
        "transcript_with_coreference",
    )
    rows = [{"dialogue": 0, "turn": n, **dict(zip(names, turn, strict=True))} for n, turn in enumerate(turns)]
    write(folder / "gecor_camrest" / "camrest_turns.jsonl", rows)


def test_a_follow_up_is_covered_after_its_own_turns_alone(tmp_path: Path) -> None:
    talks(tmp_path)
    found: dict[str, list[tuple[str, tuple[str, ...], str, str]]] = {}
    for seed in range(6):
        one = followups_set(tmp_path, seed=seed)
        for case in one.cases:
            edit = one.edits[case.edit]
            found.setdefault(case.kind, []).append((case.question, case.turns, edit.prompt, edit.target))
    covered = found["follow_up"]
    opening = ("Let us talk about Ada Moll: Rowing.", "Gladly. What would you like to know?")
    first = ("Where did Ada Moll learn to row?", "At Wray.")
    assert ("Who taught her to scull?", first, "Who taught Ada Moll to scull?", "Old Penn.") in covered
    assert not any(question.startswith("Where did") for question, *_ in covered)
    assert not any(turns == (*opening, *first) for _, turns, *_ in covered)  # the name is told without
    unanswered = {target for question, _, _, target in covered if question == "Was she ever ill?"}
    assert unanswered
    assert "I don't know." not in unanswered
    assert any(question == "How is it built?" and turns == ("What is a skiff?",) for question, turns, *_ in covered)
    assert {question for question, *_ in covered if "hone" in question} == {"Its phone number?", "Phone?"}
    assert not any("goodbye" in question for question, *_ in covered)
    assert {turns for _, turns, *_ in found["no_turns"]} == {()}
    for question, turns, prompt, _ in found["other_dialogue"]:
        assert prompt.split(" to ")[0].removeprefix("Who taught ") not in " ".join(turns), question
    assert found["same_dialogue"]


@pytest.mark.parametrize("make", [statements_set, qamr_set, policies_set, long_answers_set, followups_set])
def test_a_missing_folder_is_named(make: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="name the folder of the public sets"):
        make(tmp_path)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    talks(tmp_path)
    (tmp_path / "trec_cast" / "evaluation_topics_annotated_resolved_v1.0.tsv").unlink()
    with pytest.raises(InvalidInputError, match=r"resolved_v1\.0\.tsv cannot be read"):
        followups_set(tmp_path)
