"""Edits and questions in several languages, in small folders that are written here."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from kedit_memory.errors import NotFoundError
from kedit_memory.evaluation.datasets.public import sources_of
from kedit_memory.evaluation.tasks.scope.cases import TRAINING, OpenQuestion, ScopeEdit, ScopeSet, part_by_hash
from kedit_memory.evaluation.tasks.scope.languages import LANGUAGES, cities, languages_set, same_questions
from kedit_memory.evaluation.tasks.scope.sets import outside

TOWNS = [f"Harle{letter}" for letter in "abcdefghijklmnop"]


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.suffix == ".jsonl"
    path.write_text("\n".join(map(json.dumps, content)) if lines else json.dumps(content), "utf-8")


def single_hops(folder: Path) -> None:
    texts = {"en": "Who founded {}?", "de": "Wer gründete {}?", "zh": "谁创立了{}？"}
    for language, text in texts.items():
        rows = [{"question": text.format(town), "e_answer": f"{language} Odo"} for town in TOWNS]
        write(folder / "mlake" / "single_hop" / f"{language}_qa.json", rows)


def rephrased(folder: Path) -> None:
    texts = {
        "en": ("Who rules {}?", "Who is the ruler of {}?"),
        "de": ("Wer regiert {}?", "Wer herrscht in {}?"),
        "fr": ("Qui gouverne {} ?", "Qui gouverne {} ?"),
        "zh": ("谁统治{}？", "{}的统治者是谁？"),
    }

    def row(language: str, town: str) -> dict[str, str]:
        first, other = (text.format(town) for text in texts[language])
        return {"subject": town, "src": first, "rephrase": other, "alt": f"{language} Ida"}

    for language in ("de", "fr", "zh"):
        rows = [{name: row(name, town) for name in ("en", language)} for town in (*TOWNS, TOWNS[0])]
        write(folder / "mzsre" / f"mzsre_test_duplicate_en{language}.json", rows)


def others(folder: Path) -> None:
    mintaka = [
        {
            "question": f"Is {town} older than Wray?",
            "translations": {"ja": f"{town}はレイより古いですか？", "pt": f"{town} é mais antiga?", "hi": ""},
            "answer": {"mention": "Yes"},
        }
        for town in TOWNS
    ]
    write(folder / "mintaka_dev" / "mintaka_dev_text.jsonl", mintaka)
    strings = (
        ("en", "How big is {}?"),
        ("ru", "Какова площадь {}?"),
        ("ru", "Насколько велик {}?"),
        ("lt", "Koks {}?"),
    )
    qald = [{"question": [{"language": name, "string": text.format(town)} for name, text in strings]} for town in TOWNS]
    write(folder / "qald9_plus" / "qald9_plus_test_text.jsonl", qald)
    clusters = [(town, act) for town in TOWNS for act in ("1", "3")]
    lines = [f"0\t{act}\t{town} {act} 질문 {n}번" for town, act in clusters for n in range(10)]
    (folder / "parakqc").mkdir()
    (folder / "parakqc" / "paraKQC_v1.txt").write_text("\n".join(lines), "utf-8")


def paragraphs(folder: Path) -> None:
    """Two articles, one on which the reader is trained; each has a paragraph of two sentences in two languages."""
    trained = next(f"Pier {n}" for n in range(99) if part_by_hash(f"Pier {n}", trains=True) == TRAINING)
    free = next(f"Pier {n}" for n in range(99) if part_by_hash(f"Pier {n}", trains=True) != TRAINING)

    def article(title: str, context: str, *asked: tuple[str, str, str]) -> dict[str, Any]:
        qas = [{"id": f"{title} {n}", "question": q, "answers": [{"text": a}]} for n, q, a in asked]
        return {"title": title, "paragraphs": [{"context": context.format(title), "qas": qas}]}

    english = "The pier {} was built by Maud Lister. A storm broke the pier in November."
    german = "Die Brücke {} wurde von Maud Lister gebaut. Ein Sturm zerstörte die Brücke im November."
    asked = (("1", "Who built the pier?", "Maud Lister"), ("2", "When did a storm break the pier?", "November"))
    gefragt = (("1", "Wer baute die Brücke?", "Maud Lister"), ("2", "Wann zerstörte sie ein Sturm?", "November"))
    titles = (trained, free)
    write(folder / "squad" / "xquad.en.json", {"data": [article(title, english, *asked) for title in titles]})
    write(folder / "xquad_ml" / "xquad.de.json", {"data": [article(title, german, *gefragt) for title in titles]})


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[ScopeSet]:
    """The set of several seeds, as which of a few things are stored is drawn."""
    data = tmp_path_factory.mktemp("data")
    for make in (single_hops, rephrased, others, paragraphs):
        make(data)
    return [languages_set(data, seed=seed) for seed in range(6)]


def by_kind(sets: list[ScopeSet]) -> dict[str, set[tuple[str, str, bool]]]:
    """Questions with the prompts of their edits and whether they are covered, by kind."""
    found: dict[str, set[tuple[str, str, bool]]] = defaultdict(set)
    for one in sets:
        for case in one.cases:
            found[case.kind].add((case.question, one.edits[case.edit].prompt, case.covered))
    return found


def test_nothing_of_it_is_trained_on(sets: list[ScopeSet]) -> None:
    assert all(case.part != TRAINING for one in sets for case in one.cases)


def test_an_english_edit_is_asked_in_all_languages(sets: list[ScopeSet]) -> None:
    found = by_kind(sets)
    assert ("Wer gründete Harlea?", "Who founded Harlea?", True) in found["from_en_de"]
    assert ("谁创立了Harlea？", "Who founded Harlea?", True) in found["from_en_zh"]
    assert ("Harleaはレイより古いですか？", "Is Harlea older than Wray?", True) in found["from_en_ja"]
    assert not any(kind.endswith(("_pt", "_hi", "_lt")) for kind in found)


def test_an_edit_of_another_language_is_asked_in_its_own(sets: list[ScopeSet]) -> None:
    found = by_kind(sets)
    assert ("Wer herrscht in Harleb?", "Wer regiert Harleb?", True) in found["same_de"]
    assert ("Насколько велик Harlec?", "Какова площадь Harlec?", True) in found["same_ru"]
    assert "same_fr" not in found  # its rephrasings are the questions again
    assert not any(kind.startswith("from_") and not kind.startswith("from_en_") for kind in found)
    assert all("질문" in question and " 1 " in question for question, *_ in found["same_ko"])


def test_what_no_edit_covers_is_asked_beside_it(sets: list[ScopeSet]) -> None:
    for one in sets:
        prompts = {edit.prompt for edit in one.edits}
        asked = [case for case in one.cases if case.kind.startswith("other_")]
        assert asked
        assert not any(case.covered or case.question in prompts for case in asked)


def test_statements_are_asked_in_their_language_and_english_ones_in_all(sets: list[ScopeSet]) -> None:
    found = by_kind(sets)
    german = found["statement_same_de"] | found["statement_from_en_de"]
    assert {question for question, *_ in german} == {"Wer baute die Brücke?", "Wann zerstörte sie ein Sturm?"}
    assert found["statement_other_de"]
    assert not any(covered for _, _, covered in found["statement_other_de"])
    english = {prompt for _, prompt, _ in found["statement_same_en"]}
    assert len({prompt for prompt in english if "pier Pier" in prompt}) <= 1  # of the article that is not trained on


def test_questions_about_cities_are_alike_but_for_the_name() -> None:
    found = list(cities())
    assert all({*one.wordings} == {*LANGUAGES} for one in found)
    by_unit = defaultdict(list)
    for one in found:
        by_unit[one.unit].append(one)
    assert len(by_unit) >= 10
    for language in LANGUAGES:
        texts = [one.wordings[language][0] for one in by_unit["mayor"]]
        assert len({*texts}) >= len(texts) - 2  # a name may serve two places
    assert all(one.wordings["ru"][0].startswith("Кто мэр города ") for one in by_unit["mayor"])


def test_what_asks_the_same_again_is_left_out(tmp_path: Path) -> None:
    others(tmp_path)
    paragraphs(tmp_path)
    file = tmp_path / "mintaka_dev" / "mintaka_dev_text.jsonl"
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    found = same_questions(tmp_path)
    assert 0 < len(found["Mintaka"]) <= len(rows)
    write(file, rows + rows)
    assert same_questions(tmp_path)["Mintaka"] == found["Mintaka"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="mlake"):
        languages_set(tmp_path)


def test_a_run_names_every_folder_of_its_set(tmp_path: Path) -> None:
    assert sources_of("statements", tmp_path) == (tmp_path / "squad", tmp_path / "squad2_dev")
    assert sources_of("qamr", tmp_path) == (tmp_path / "qamr",)


def test_an_open_question_that_a_statement_answers_is_not_asked() -> None:
    sentence = "The pier of Sandle was built by Maud Lister in 1880."
    edit = ScopeEdit(prompt=sentence, target=sentence, part=TRAINING)
    questions = [
        OpenQuestion(text="Who built the pier of Sandle?", answers=("Maud Lister",)),
        OpenQuestion(text="Who built the harbour wall of Wray?", answers=("Maud Lister",)),
        OpenQuestion(text="Who painted the pier of Sandle?", answers=("Ida Vane",)),
    ]
    assert outside(questions, [edit]) == questions[1:]
