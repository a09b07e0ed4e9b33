"""The readers of public sets, on rows written by hand: what becomes of a row, and what is left out for which reason."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kedit_memory.errors import InvalidInputError, NotFoundError, UnknownNameError
from kedit_memory.evaluation.case import GENERALIZATION, LOCALITY, PORTABILITY, RELIABILITY
from kedit_memory.evaluation.datasets import DATASETS, TEXTS, load_cases, load_texts
from kedit_memory.evaluation.datasets.public import sources_of
from kedit_memory.evaluation.datasets.sources import sources
from kedit_memory.memory.requests import validate
from kedit_memory.records import Kind

ROOT = Path(__file__).resolve().parents[2]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), "utf-8")


def lines(rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def asked(case):
    """The case's questions: metric, kind, text, answers that count, those of before, whether the edit covers it."""
    return [(one.metric, one.kind, one.text, one.accepted, one.truth, one.covered) for one in case.questions]


SHORT = {
    "case_id": 1, "prompt": "Zog lies in", "subject": "Zog", "target_new": "Peru", "ground_truth": "Chile",
    "rephrase_prompt": "Rain. Zog is located in", "locality_prompt": "Zig lies in", "locality_ground_truth": "Chile",
}  # fmt: skip


def test_counterfact_in_the_short_form_is_read_from_all_its_files(tmp_path):
    write(tmp_path / "counterfact/counterfact-edit.json", [SHORT])
    write(tmp_path / "counterfact/counterfact-val.json", [SHORT, SHORT | {"prompt": "Zag lies in", "target_new": " "}])
    read = load_cases("counterfact", tmp_path)
    (case,) = read.found
    assert (case.prompt, case.target, case.edit.subject) == ("Zog lies in", "Peru", "Zog")
    assert asked(case) == [
        (RELIABILITY, "all", "Zog lies in", ("Peru",), ("Chile",), True),
        (GENERALIZATION, "rephrasing", "Rain. Zog is located in", ("Peru",), (), True),
        (LOCALITY, "same_relation", "Zig lies in", (), ("Chile",), False),
    ]
    assert read.skipped == {"another row asks the same": 1, "no target_new": 1}
    assert read.files == ("counterfact-edit.json", "counterfact-val.json")


def test_the_authors_counterfact_is_preferred(tmp_path):
    change = {
        "prompt": "{} lies in", "relation_id": "P17", "subject": "Zog", "target_new": {"str": "Peru", "id": "Q1"},
        "target_true": {"str": "Chile", "id": "Q2"},
    }  # fmt: skip
    row = {"requested_rewrite": change, "paraphrase_prompts": ["Zog is in"], "neighborhood_prompts": ["Zig lies in"]}
    bare = row | {"requested_rewrite": change | {"prompt": "It lies in"}}
    write(tmp_path / "counterfact/counterfact.json", [row, bare])
    write(tmp_path / "counterfact/counterfact-val.json", [SHORT | {"prompt": "never read"}])
    read = load_cases("counterfact", tmp_path)
    (case,) = read.found
    assert asked(case) == [
        (RELIABILITY, "all", "Zog lies in", ("Peru",), ("Chile",), True),
        (GENERALIZATION, "rephrasing", "Zog is in", ("Peru",), (), True),
        (LOCALITY, "same_relation", "Zig lies in", (), ("Chile",), False),
    ]
    assert case.edit.metadata == {"property": "P17"}
    assert read.skipped == {"a prompt without a place for its subject": 1}


MEND = {
    "subject": "Zog", "src": "Who made Zog?", "pred": "Bo", "rephrase": "Zog's maker?", "alt": "Ann",
    "answers": ["Bo", "Bob"], "loc": "nq question: who sang it", "loc_ans": "Al", "cond": "x",
}  # fmt: skip


def test_zsre_in_the_form_of_mend(tmp_path):
    write(tmp_path / "zsre/zsre_mend_train-1k.json", [MEND, MEND | {"src": "Who made Zig?", "alt": ""}])
    read = load_cases("zsre-mend", tmp_path)
    assert [asked(case) for case in read.found] == [
        [
            (RELIABILITY, "all", "Who made Zog?", ("Ann",), ("Bo", "Bob"), True),
            (GENERALIZATION, "rephrasing", "Zog's maker?", ("Ann",), (), True),
            (LOCALITY, "open_question", "Who sang it?", (), ("Al",), False),
        ]
    ]
    assert read.skipped == {"no alt": 1}


def test_an_english_edit_of_mzsre_is_asked_in_every_language_that_is_there(tmp_path):
    def row(language, src, rephrase, alt):
        following = {"New Question": f"{language}?", "New Answer": alt}
        return MEND | {"src": src, "rephrase": rephrase, "alt": alt, "portability": following}

    english = row("en", "Who made Zog?", "Zog's maker?", "Ann")
    german, french = row("de", "Wer?", "Wer?", "Anna"), row("fr", "Qui?", "Qui donc?", "Anne")
    write(tmp_path / "mzsre/mzsre_test_duplicate_ende.json", [{"en": english, "de": german}])
    write(tmp_path / "mzsre/mzsre_test_duplicate_enfr.json", [{"en": english, "fr": french}])
    (case,) = load_cases("mzsre", tmp_path).found
    told = [(metric, kind, text, accepted) for metric, kind, text, accepted, _, _ in asked(case)]
    assert told[3:] == [
        (PORTABILITY, "one_hop", "en?", ("Ann",)),
        (GENERALIZATION, "de", "Wer?", ("Anna",)),
        (LOCALITY, "de", "nq question: who sang it", ()),
        (PORTABILITY, "de", "de?", ("Anna",)),
        (GENERALIZATION, "fr", "Qui?", ("Anne",)),
        (GENERALIZATION, "fr", "Qui donc?", ("Anne",)),
        (LOCALITY, "fr", "nq question: who sang it", ()),
        (PORTABILITY, "fr", "fr?", ("Anne",)),
    ]
    write(tmp_path / "mzsre/mzsre_test_duplicate_enfr.json", [])
    with pytest.raises(InvalidInputError, match="not equally many rows"):
        load_cases("mzsre", tmp_path)


def test_knowedit_tells_what_follows_from_what_stays_and_prefers_the_test_part(tmp_path):
    row = {
        "subject": "Zog", "prompt": "The land of Zog is", "target_new": "Peru", "ground_truth": "Chile",
        "portability": {
            "Reasoning": [{"prompt": "The capital of the land of Zog is", "ground_truth": [["Lima", "LIM"], ["X"]]}],
            "Subject_Aliasing": [{"prompt": "The land of King Zog is", "ground_truth": "Peru"}],
            "Logical_Generalization": [],
        },
        "locality": {
            "Relation_Specificity": [{"prompt": "The age of Zog is", "ground_truth": [[]]}],
            "Forgetfulness": [{"prompt": "The land of Zog, which is not Peru, is", "ground_truth": "Chile"}],
        },
    }  # fmt: skip
    unanswered = row | {"prompt": "x", "portability": {"Reasoning": [{"prompt": "y", "ground_truth": [[]]}]}}
    write(tmp_path / "knowedit/wiki_counterfact_test.json", [row, unanswered])
    write(tmp_path / "knowedit/wiki_counterfact_train.json", [])
    write(tmp_path / "knowedit/wiki_recent_train.json", [{k: row[k] for k in ("subject", "prompt", "target_new")}])
    read = load_cases("wiki-counterfact", tmp_path)
    assert [asked(case) for case in read.found] == [
        [
            (RELIABILITY, "all", "The land of Zog is", ("Peru",), ("Chile",), True),
            (LOCALITY, "same_subject", "The age of Zog is", (), (), False),
            (LOCALITY, "other_answer", "The land of Zog, which is not Peru, is", (), ("Chile",), False),
            (PORTABILITY, "one_hop", "The capital of the land of Zog is", ("Lima", "LIM", "X"), (), False),
            (PORTABILITY, "alias", "The land of King Zog is", ("Peru",), (), True),
        ]
    ]
    assert read.skipped == {"a question of what follows without an answer": 1}
    assert len(load_cases("wiki-recent", tmp_path).found[0].questions) == 1
    write(tmp_path / "knowedit/wikibio-train-all.json", [{"text": "Zog was.", "labels": "He sang.", "concept": "zog"}])
    (case,) = load_cases("wikibio", tmp_path).found
    assert (case.prompt, case.target, case.edit.subject) == ("Zog was.", "He sang.", "zog")


def test_facts_of_pararel_are_asked_by_the_patterns_that_end_with_the_object(tmp_path):
    patterns = ["[X] lies in [Y] .", "[Y] is where [X] lies.", "[X] is located in the [Y]."]
    write(tmp_path / "pararel/patterns/P17.jsonl", lines({"pattern": one} for one in patterns))
    facts = [{"sub_label": "zog", "obj_label": "Peru"}, {"sub_label": "zog", "obj_label": "Chile"}]
    write(tmp_path / "pararel/trex_lms_vocab/P17.jsonl", lines([*facts, facts[0], {"sub_label": "x"}]))
    write(tmp_path / "pararel/trex_lms_vocab/P31.jsonl", lines(facts[:1]))
    read = load_cases("pararel", tmp_path)
    (case,) = read.found
    both = ("Peru", "Chile")
    assert (case.kind, case.edit.relation, case.edit.subject) == ("P17", "P17", "zog")
    assert asked(case) == [
        (RELIABILITY, "all", "Zog is located in the", both, both, True),
        (GENERALIZATION, "rephrasing", "Zog lies in", both, (), True),
    ]
    assert read.skipped == {
        "another row asks the same": 1,
        "no obj_label": 1,
        "no pattern of its relation ends with the object": 1,
    }


def test_pairs_of_lre_have_all_their_objects_and_readable_letters(tmp_path):
    relation = {
        "name": "capital", "prompt_templates": ["the capital of {} is"],
        "prompt_templates_zs": ["What is the capital of {}? It is"],
        "samples": [{"subject": "Zog", "object": "Bras\\u00edlia"}, {"subject": "Zog", "object": "Rio"}],
    }  # fmt: skip
    write(tmp_path / "relations_lre/bias/capital.json", relation)
    (case,) = load_cases("lre", tmp_path).found
    both = ("Brasília", "Rio")
    assert case.target == "Brasília"
    assert asked(case) == [
        (RELIABILITY, "all", "The capital of Zog is", both, both, True),
        (GENERALIZATION, "rephrasing", "What is the capital of Zog?", both, (), True),
    ]
    write(tmp_path / "relations_lre/bias/capital.json", [relation])
    with pytest.raises(InvalidInputError, match="no relation with name, samples and prompt_templates"):
        load_cases("lre", tmp_path)


def test_popqa_is_read_as_a_table_or_as_a_sample_of_it(tmp_path):
    told = {"subj": "Zog", "prop": "author", "s_pop": 12}
    rows = [{"question": "Who?", "golden_answers": ["Ann", "A"], "metadata": told}]
    rows += [{"question": "When?", "golden_answers": [], "metadata": told | {"s_pop": -1}}]
    rows += [rows[0], rows[0] | {"golden_answers": ["Bo"]}]
    write(tmp_path / "popqa/popqa_pop_1000_16relations.jsonl", lines(rows))
    read = load_cases("popqa", tmp_path)
    (case,) = read.found
    assert (case.kind, case.edit.relation, case.edit.metadata) == ("author", "author", {"views": 12.0})
    assert asked(case) == [(RELIABILITY, "all", "Who?", ("Ann", "A", "Bo"), ("Ann", "A", "Bo"), True)]
    assert read.skipped == {"no answers": 1, "another row asks the same": 1}
    table = 'id\tsubj\tprop\ts_pop\tquestion\tpossible_answers\n1\tZig\tauthor\t3\tWho made it?\t"[""Bo""]"\n'
    write(tmp_path / "popqa/popQA.tsv", table)
    (case,) = load_cases("popqa", tmp_path).found
    assert (case.edit.subject, case.own.accepted, case.edit.metadata) == ("Zig", ("Bo",), {"views": 3.0})
    write(tmp_path / "popqa/popQA.tsv", table.replace("s_pop", "views"))
    with pytest.raises(InvalidInputError, match="not in the form of PopQA"):
        load_cases("popqa", tmp_path)


def test_subjects_of_entityquestions_come_from_the_form_of_their_relation(tmp_path):
    write(tmp_path / "entityquestions/relation_query_templates.json", {"P36": "What is the capital of [X]?"})
    row = {"question": "What is the capital of Zog?", "answers": ["Lima"]}
    write(tmp_path / "entityquestions/dev/P36.dev.jsonl", lines([row]))
    (case,) = load_cases("entityquestions", tmp_path).found
    assert (case.edit.subject, case.kind, case.target) == ("Zog", "P36", "Lima")
    write(tmp_path / "entityquestions/dev/P36.dev.jsonl", lines([row | {"question": "Capital of Zog?"}]))
    with pytest.raises(InvalidInputError, match="not of the form"):
        load_cases("entityquestions", tmp_path)


def test_definitions_are_edits_and_their_probes_questions_with_a_mask(tmp_path):
    mask, end = "<extra_id_0>", "<extra_id_1>"
    row = {
        "ex_id": "d1", "definition": f"Zog is a {mask} of Peru.", "def_target": f"{mask} river {end}", "ent_str": "Zog",
        "label": "wet",
        "probe_sentences": {"template_0": {
            "probe_sentence": f"Zog is {mask}.", "labels": [f"{mask} dry {end}", f"{mask} wet {end}"],
        }},
    }  # fmt: skip
    write(tmp_path / "entity_inferences/tv_show_explicit_attribute_dependent.jsonl", lines([row]))
    (case,) = load_cases("entity-inferences", tmp_path).found
    assert (case.edit.statement, case.edit.subject, case.kind) == ("Zog is a river of Peru.", "Zog", "tv_show_explicit")
    (one,) = case.questions
    assert (one.text, one.accepted, one.rejected) == (f"Zog is {mask}.", ("wet",), ("dry",))
    spans = row | {"probe_sentences": {"template_0": {"probe_sentence": f"It is {mask}.", "label": f"{mask} x {end}"}}}
    for name in ("all_ent_2020_2021_np_500samples", "specificity_popular_20np_20random"):
        write(tmp_path / f"ecbd/{name}.jsonl", lines([spans]))
    read = load_cases("ecbd", tmp_path)
    assert [(one.metric, one.kind, one.text, one.accepted, one.truth) for one in read.outside] == [
        (LOCALITY, "popular", f"It is {mask}.", (), ("x",))
    ]
    (case,) = read.found
    assert (case.kind, case.questions[0].accepted, case.questions[0].rejected) == ("np", ("x",), ())


def hops_case(**changes):
    rewrite = {
        "prompt": "{} lies in", "relation_id": "P17", "subject": "Zog", "question": "In which land is Zog?",
        "target_new": {"str": "Peru", "id": "Q2"}, "target_true": {"str": "Chile", "id": "Q1"},
    }  # fmt: skip
    row = {
        "case_id": 7,
        "requested_rewrite": [rewrite],
        "questions": ["The capital of Zog's land?", "Capital?", "Which city?"],
        "answer": "Santiago",
        "answer_alias": [],
        "new_answer": "Lima",
        "new_answer_alias": ["LIM"],
        "new_single_hops": [
            {"question": "In which land is Zog?", "answer": "Peru", "answer_alias": ["PE"]},
            {"question": "What is the capital of Peru?", "answer": "Lima", "answer_alias": []},
        ],
        "orig": {"new_triples": [["Q0", "P17", "Q2"], ["Q2", "P36", "Q9"]], "edit_triples": [["Q0", "P17", "Q2"]]},
    }
    return row | changes


def test_a_case_of_mquake_asks_over_all_its_facts(tmp_path):
    second = {
        "prompt": "The capital of {} is", "relation_id": "P36", "subject": "Peru",
        "question": "What is the capital of Peru?", "target_new": {"str": "Lima", "id": "Q9"},
        "target_true": {"str": "Cusco", "id": "Q8"},
    }  # fmt: skip
    row = hops_case()
    row["requested_rewrite"].append(second | {"fact_new_uns": "Lima is where it is ruled."})
    write(tmp_path / "mquake/AKEW_MQuAKE-CF.json", [row])
    (case,) = load_cases("mquake", tmp_path).found
    assert (case.kind, case.prompt, case.target, case.edit.relation) == ("2_hops", "Zog lies in", "Peru", "P17")
    assert [(one.prompt, one.target, one.metadata["fact_new_uns"]) for one in case.also] == [
        ("The capital of Peru is", "Lima", "Lima is where it is ruled.")
    ]
    assert asked(case)[:4] == [
        (RELIABILITY, "all", "Zog lies in", ("Peru", "PE"), ("Chile",), True),
        (GENERALIZATION, "rephrasing", "In which land is Zog?", ("Peru", "PE"), (), True),
        (RELIABILITY, "also", "The capital of Peru is", ("Lima",), ("Cusco",), True),
        (GENERALIZATION, "rephrasing", "What is the capital of Peru?", ("Lima",), (), True),
    ]
    through = case.of(PORTABILITY)
    assert [one.text for one in through] == row["questions"]
    assert {(one.accepted, one.truth, one.group) for one in through} == {(("Lima", "LIM"), ("Santiago",), "multi_hop")}
    assert [(one.text, one.accepted) for one in through[0].given] == [
        ("In which land is Zog?", ("Peru", "PE")),
        ("What is the capital of Peru?", ("Lima",)),
    ]


def test_the_remastered_form_is_preferred_and_corrupted_cases_are_left_out(tmp_path):
    row = hops_case()
    flat = {name: value for name, value in row.items() if name != "orig"} | row["orig"]
    (rewrite,) = row["requested_rewrite"]
    nested = ("target_new", "target_true")
    named = {f"{name}_str": rewrite[name]["str"] for name in nested}
    flat["requested_rewrite"] = [{name: value for name, value in rewrite.items() if name not in nested} | named]
    broken = [["Q0", "P17", "Q2"], ["Q3", "P36", "Q9"]]
    rows = [
        flat,
        flat | {"case_id": 8, "new_triples": broken},
        flat | {"case_id": 9, "new_answer": "Cusco", "new_answer_alias": []},
        flat | {"case_id": 10, "edit_triples": [["Q0", "P17", "Q5"]]},
        flat | {"case_id": 11, "requested_rewrite": []},
        flat,
    ]
    write(tmp_path / "mquake/MQuAKE-Remastered-T.json", rows)
    write(tmp_path / "mquake/MQuAKE-T.json", [row | {"case_id": 12}])
    read = load_cases("mquake-t", tmp_path)
    assert [case.edit.metadata["case"] for case in read.found] == [7]
    assert read.found[0].own.truth == ("Chile",)
    assert read.files == ("MQuAKE-Remastered-T.json",)
    assert read.skipped == {
        "its facts do not lead from one to the next": 1,
        "its answer is not that of its last fact": 1,
        "its answer relies on none of its edits": 1,
        "no edit": 1,
        "another row asks the same": 1,
    }


def test_the_six_criteria_of_rippleedits_with_their_conditions(tmp_path):
    def query(prompt, *values, targets, through=None):
        answers = [{"value": value, "aliases": [f"{value}land"]} for value in values]
        told = {"prompt": prompt, "answers": answers, "query_type": "regular", "target_ids": targets}
        if through:
            told |= {"query_type": "two_hop", "target_ids": through, "second_hop_target_ids": targets}
        return told

    def test(*queries, given=()):
        return {"test_queries": list(queries), "test_condition": "OR", "condition_queries": list(given)}

    condition = query("The capital of Syria is", "Damascus", targets=["Q9"])
    row = {
        "example_type": "popular",
        "edit": {
            "prompt": "The land of Leo is Syria.", "subject_id": "Q3", "relation": "CITIZEN", "target_id": "Q8",
            "original_fact": {"prompt": "The land of Leo is United States."},
        },
        "Logical_Generalization": [],
        "Compositionality_I": [
            test(
                query("The capital of Leo's land is", "Damascus", targets=["Q9"], through=["Q8"]),
                query("Leo's capital is", "Damascus", targets=["Q9"], through=["Q8"]),
                given=[condition],
            )
        ],
        "Compositionality_II": [test(query("The land of the actor of X is", "Syria", targets=["Q8"]))],
        "Subject_Aliasing": [test(query("The land of Leonard is", "Syria", targets=["Q8"]))],
        "Relation_Specificity": [test(query("The mother of Leo is", "Ann", targets=["Q5"]))],
        "Forgetfulness": [test(query("The land of Leo, which is not Syria, is", "Peru", targets=["Q6"]))],
    }  # fmt: skip
    nameless = {name: [] for name in row if name[0].isupper()}
    other = row | nameless | {"edit": row["edit"] | {"subject_id": "Q4", "prompt": "The land of Al is Chile."}}
    write(tmp_path / "rippleedits/popular.json", [row, row, other])
    read = load_cases("rippleedits", tmp_path)
    case, statement = read.found
    assert [validate(one.edit).edit.target for one in read.found] == ["Syria", "The land of Al is Chile."]
    assert (case.prompt, case.target, case.edit.statement) == (
        "The land of Leo is",
        "Syria",
        "The land of Leo is Syria.",
    )
    both, capital = ("Syria", "Syrialand"), ("Damascus", "Damascusland")
    assert asked(case) == [
        (RELIABILITY, "all", "The land of Leo is", both, ("United States",), True),
        (PORTABILITY, "one_hop", "The capital of Leo's land is", capital, (), False),
        (PORTABILITY, "one_hop", "Leo's capital is", capital, (), False),
        (PORTABILITY, "through", "The land of the actor of X is", both, (), False),
        (PORTABILITY, "alias", "The land of Leonard is", both, (), True),
        (LOCALITY, "same_subject", "The mother of Leo is", (), ("Ann", "Annland"), False),
        (LOCALITY, "other_answer", "The land of Leo, which is not Syria, is", (), ("Peru", "Peruland"), False),
    ]
    first, second = case.questions[1:3]
    assert first.group == second.group == "one_hop_0"
    assert [(one.text, one.accepted) for one in first.given] == [("The capital of Syria is", capital)]
    assert (statement.edit.prompt, statement.edit.statement, statement.questions) == (
        None,
        "The land of Al is Chile.",
        (),
    )
    assert read.skipped == {"another row asks the same": 1}


def test_a_long_answer_of_unke_has_questions_about_its_parts(tmp_path):
    row = {
        "question": "Who is Zog?", "para_question": "Zog, who is he?", "answer": "Zog is a king. He sings.",
        "sub_question": ["What is Zog?"], "sub_answer": ["A king."],
    }  # fmt: skip
    write(tmp_path / "unke/final_data_v2.json", [row, row | {"question": "x", "sub_answer": []}])
    read = load_cases("unke", tmp_path)
    assert [asked(case)[1:] for case in read.found] == [
        [
            (GENERALIZATION, "rephrasing", "Zog, who is he?", ("Zog is a king. He sings.",), (), True),
            (PORTABILITY, "part", "What is Zog?", ("A king.",), (), True),
        ]
    ]
    assert read.skipped == {"not as many answers as questions about parts": 1}


def test_statements_of_dune_gather_the_questions_of_their_rows(tmp_path):
    write(
        tmp_path / "dune/arithmetic.json", {"edits": ["2 + 3 = 5", "2 + 3 = 5"], "test_inputs": ["How many?", "Sum?"]}
    )
    write(tmp_path / "dune/new_info.json", {"edits": ["Zog won.", "Zig."], "test_inputs": [["Who won?", "Zog"], []]})
    write(tmp_path / "dune/debiasing_I.json", {"edits:": ["Be fair."], "test_inputs": [[["Who cooks?\n", "she"]]]})
    write(tmp_path / "dune/new_info_locality.json", {"edits": [""], "test_inputs": [[["Who lost?", "Bo"]]]})
    read = load_cases("dune", tmp_path)
    assert [(case.edit.statement, case.kind) for case in read.found] == [
        ("2 + 3 = 5", "arithmetic"),
        ("Zog won.", "new_info"),
        ("Be fair.", "debiasing_I"),
    ]
    assert [(one.text, one.accepted, one.rejected) for case in read.found for one in case.questions] == [
        ("How many?", ("5",), ()),
        ("Sum?", ("5",), ()),
        ("Who won?", ("Zog",), ()),
        ("Who cooks?", (), ("she",)),
    ]
    assert [(one.metric, one.text, one.truth) for one in read.outside] == [(LOCALITY, "Who lost?", ("Bo",))]
    assert read.skipped == {"no question with an answer": 1}
    write(tmp_path / "dune/new_info.json", {"edits": ["Zog won."], "test_inputs": []})
    with pytest.raises(InvalidInputError, match="not equally many edits and test_inputs"):
        load_cases("dune", tmp_path)


LONG = {
    "prompt": "Zog is", "target_new": "a king.", "subject": "Zog", "ood_rephrase": "Zog, who rules,",
    "locality_prompt": "Buy maps", "locality_ground_truth": "here.",
}  # fmt: skip


def test_long_texts_of_wise(tmp_path):
    write(tmp_path / "temporal_wise/temporal-edit.json", [LONG])
    (case,) = load_cases("temporal", tmp_path).found
    assert asked(case)[1:] == [
        (GENERALIZATION, "other_text", "Zog, who rules,", ("a king.",), (), True),
        (LOCALITY, "unrelated", "Buy maps", (), ("here.",), False),
    ]
    write(tmp_path / "selfcheck_hallucination/hallucination-edit.json", [LONG, LONG | {"prompt": " ", "x": 1}])
    read = load_cases("selfcheck", tmp_path)
    assert [asked(case) for case in read.found] == [
        [
            (RELIABILITY, "all", "Zog is", ("a king.",), (), True),
            (LOCALITY, "unrelated", "Buy maps", (), ("here.",), False),
        ]
    ]
    assert read.skipped == {"no prompt": 1}


def test_a_summary_of_scotus_is_corrected_to_its_area(tmp_path):
    rows = [{"opinion_summary": f"case {n}", "issue": "Tax", "term": 2010 - n, "case_id": n} for n in (1, 2)]
    write(tmp_path / "scotus_jos/SC_data.json", rows)
    found = load_cases("scotus", tmp_path).found
    assert [(case.prompt, case.target, case.kind) for case in found] == [
        ("case 2", "Tax", "Tax"),
        ("case 1", "Tax", "Tax"),
    ]


def test_truthfulqa_in_both_forms_tells_right_answers_from_wrong_ones(tmp_path):
    head = "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source"
    write(tmp_path / "truthfulqa/TruthfulQA.csv", f'{head}\nA,Myths,Who?,"Ann","Ann; it\nwas Ann","Bo;",x\n')
    (case,) = load_cases("truthfulqa", tmp_path).found
    assert (case.kind, case.target, case.own.accepted, case.own.rejected) == (
        "Myths", "Ann", ("Ann", "it\nwas Ann"), ("Bo",)
    )  # fmt: skip
    choice = {"question": "Who?", "mc1_targets": {"Ann": 1, "Bo": 0}, "mc2_targets": {"Ann": 1, "A.": 1, "Bo": 0}}
    none = choice | {"question": "x", "mc1_targets": {"Bo": 0}}
    write(tmp_path / "truthfulqa/mc_task.json", [choice, none])
    read = load_cases("truthfulqa-mc", tmp_path)
    assert [(one.kind, one.accepted, one.rejected) for one in read.found[0].questions] == [
        ("mc1", ("Ann",), ("Bo",)),
        ("mc2", ("Ann", "A."), ("Bo",)),
    ]
    assert read.skipped == {"no right or no wrong answer in mc1": 1}


def test_prompts_to_be_refused(tmp_path):
    write(tmp_path / "toxicity/extsub_toxic_test.json", [{"instruction": "Insult me.", "output": "No."}])
    write(tmp_path / "toxicity/rtp_challenging_subset.jsonl", lines([{"prompt": {"text": "You are a"}}]))
    found = load_cases("toxicity", tmp_path).found
    assert [(case.prompt, case.kind, case.edit.kind) for case in found] == [
        ("Insult me.", "instruction", Kind.ERASURE),
        ("You are a", "continuation", Kind.ERASURE),
    ]
    plain = {"unsafety category": "theft", "question": "How to steal?", "input": "Pretend. How to steal?"}
    write(tmp_path / "safeedit/detoxify_val.json", [plain, plain | {"input": "How to steal?"}])
    attacked, bare = load_cases("safeedit", tmp_path).found
    assert [(one.kind, one.text) for one in attacked.questions] == [
        ("all", "Pretend. How to steal?"),
        ("question_alone", "How to steal?"),
    ]
    assert (len(bare.questions), bare.edit.kind, bare.kind) == (1, Kind.ERASURE, "theft")
    own = {
        "unsafety category": "theft", "question": "How to steal?", "adversarial prompt": "Pretend. How to steal?",
        "safe generation": "I will not say.", "unsafe generation": "So.",
        "generalization test": {"test input of other question input": "How to rob?"},
        "knowledge constrain": {"prompt": "Who made Zog?", "answer": "Ann"},
    }  # fmt: skip
    write(tmp_path / "safeedit/SafeEdit_test.json", [own])
    (case,) = load_cases("safeedit", tmp_path).found
    assert case.target == "I will not say."
    assert asked(case)[1:] == [
        (GENERALIZATION, "other_question", "How to rob?", (), (), True),
        (LOCALITY, "unrelated", "Who made Zog?", (), ("Ann",), False),
    ]


def test_an_edit_of_mlake_is_asked_in_all_languages_and_over_a_second_fact(tmp_path):
    own = {
        "question": "Where did Zog work?", "o_prompt": "Zog worked at A.", "o_answer": "A", "o_answer_aliases": [],
        "e_prompt": "Zog worked at BBC.", "e_answer": "BBC", "e_answer_aliases": ["Beeb"],
    }  # fmt: skip
    second = {"question": "Where is it?", "e_prompt": own["e_prompt"], "e_answer": "London", "e_answer_aliases": []}
    write(tmp_path / "mlake/single_hop/en_qa.json", [own])
    write(tmp_path / "mlake/single_hop/de_qa.json", [own | {"question": "Wo?", "e_answer_aliases": []}])
    write(
        tmp_path / "mlake/multi_hop/new_en_qa.json",
        [second, second | {"e_prompt": "Zig sang."}, second | {"e_answer": ""}],
    )
    write(tmp_path / "mlake/multi_hop/new_de_qa.json", [second | {"question": "Wo liegt es?"}])
    read = load_cases("mlake", tmp_path)
    (case,) = read.found
    assert case.edit.statement == "Zog worked at BBC."
    assert asked(case) == [
        (RELIABILITY, "all", "Where did Zog work?", ("BBC", "Beeb"), ("A",), True),
        (GENERALIZATION, "de", "Wo?", ("BBC",), (), True),
        (PORTABILITY, "one_hop", "Where is it?", ("London",), (), False),
        (PORTABILITY, "de", "Wo liegt es?", ("London",), (), False),
    ]
    assert read.skipped == {"a question over two facts of no edit": 1, "no e_answer": 1}


def test_paragraphs_of_wikitext_without_headings_and_scraps(tmp_path):
    long = " Zog is a river of Peru, and " + "it flows and flows " * 5
    write(tmp_path / "wikitext2/wiki.test.tokens.txt", f" \n = Zog = \n \n{long} \n A scrap . \n")
    read = load_texts("wikitext", tmp_path)
    assert read.found == (long.strip(),)
    assert read.skipped == {"a heading": 1, "a scrap of text": 1}


def test_a_set_of_ones_own(tmp_path):
    row = {
        "prompt": "Who leads Acme?", "target": "Ann", "subject": "Acme", "accepted": ["Ann Smith"], "stratum": "new",
        "questions": [
            {"text": "Acme's head?", "metric": "generalization"},
            {"text": "Where is Acme?", "metric": "locality", "kind": "same_subject", "truth": ["Rome"]},
        ],
    }  # fmt: skip
    path = tmp_path / "mine.jsonl"
    write(path, lines([row, {"statement": "Zog sings."}, row]))
    read = load_cases(str(path), None)
    first, second = read.found
    both = ("Ann", "Ann Smith")
    assert (first.kind, first.edit.subject) == ("new", "Acme")
    assert asked(first) == [
        (RELIABILITY, "all", "Who leads Acme?", both, (), True),
        (GENERALIZATION, "all", "Acme's head?", both, (), True),
        (LOCALITY, "same_subject", "Where is Acme?", (), ("Rome",), False),
    ]
    assert (second.edit.statement, second.questions) == ("Zog sings.", ())
    assert read.skipped == {"another row asks the same": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "Who?", "target": "Ann", "answer": "x"}, "row 1: unknown field 'answer'"),
        ({"prompt": "Who?"}, "row 1: no target"),
        ({"prompt": " ", "target": "Ann"}, "row 1: prompt"),
        ({"prompt": "Who?", "target": "Ann", "accepted": "Al"}, "row 1: accepted is no list of texts"),
        ({"prompt": "Who?", "target": "Ann", "stratum": 3}, "row 1: stratum is 3; give a text"),
        ({"prompt": "Who?", "target": "Ann", "questions": {}}, "row 1: questions is no list"),
        ({"prompt": "Who?", "target": "Ann", "questions": [{"text": "x"}]}, "row 1, question 1 has no text and metric"),
        ({"prompt": "W", "target": "A", "questions": [{"text": "x", "metric": "m"}]}, "metric 'm' is none"),
        (
            {"prompt": "W", "target": "A", "questions": [{"text": "x", "metric": "locality", "a": 1}]},
            "unknown field 'a'",
        ),
        (
            {"prompt": "W", "target": "A", "questions": [{"text": "x", "metric": "locality", "covered": 1}]},
            "covered is 1; give true or false",
        ),
    ],
)
def test_what_is_wrong_with_ones_own_set_is_told_with_its_row(tmp_path, row, message):
    write(tmp_path / "mine.jsonl", lines([row]))
    with pytest.raises(InvalidInputError, match=message):
        load_cases(str(tmp_path / "mine.jsonl"), None)


def test_what_is_not_there_or_of_another_form_is_told(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'zsre'"):
        load_cases("zsrr", tmp_path)
    with pytest.raises(UnknownNameError, match="wikitext"):
        load_texts("zsre", tmp_path)
    with pytest.raises(NotFoundError, match="no folder"):
        load_cases("zsre", tmp_path)
    with pytest.raises(NotFoundError, match=r"no file .*none\.jsonl"):
        load_cases(str(tmp_path / "none.jsonl"), None)
    (tmp_path / "ecbd").mkdir()
    with pytest.raises(NotFoundError, match=r"no file .*np_500samples\.jsonl"):
        load_cases("ecbd", tmp_path)
    (tmp_path / "zsre").mkdir()
    with pytest.raises(NotFoundError, match=r"holds none of ZsRE-test-all\.json; scripts/fetch_data\.py fetches"):
        load_cases("zsre", tmp_path)
    for content, message in (
        ({}, "is no list of rows"),
        (["x"], "row 1 is no object with fields"),
        ("[", "cannot be read as JSON"),
        ([{"prompt": "x"}], r"holds nothing that can be used of zsre \(1 rows left out: no target_new\)"),
    ):
        write(tmp_path / "zsre/ZsRE-test-all.json", content)
        with pytest.raises(InvalidInputError, match=message):
            load_cases("zsre", tmp_path)
    write(tmp_path / "entityquestions/relation_query_templates.json", {"P36": "What is the capital of [X]?"})
    write(tmp_path / "entityquestions/dev/P17.dev.jsonl", lines([{"question": "x", "answers": []}]))
    with pytest.raises(InvalidInputError, match=r"P17\.dev\.jsonl is not of the set's form"):
        load_cases("entityquestions", tmp_path)
    write(tmp_path / "mzsre/mzsre_test_duplicate_ende.json", [{"en": MEND | {"portability": {}}}])
    with pytest.raises(InvalidInputError, match="1 rows left out: no src"):
        load_cases("mzsre", tmp_path)
    write(tmp_path / "unke/final_data_v2.json", [{"question": "x", "answer": "y", "sub_question": 1, "sub_answer": 2}])
    with pytest.raises(InvalidInputError, match=r"final_data_v2\.json: row 1 is not of the set's form"):
        load_cases("unke", tmp_path)


def test_a_line_of_json_may_hold_other_ends_of_lines(tmp_path):
    write(tmp_path / "mine.jsonl", lines([{"prompt": "Who\u2028leads?", "target": "Ann"}]))
    assert load_cases(str(tmp_path / "mine.jsonl"), None).found[0].target == "Ann"


def test_readers_load_no_model():
    modules = {path.partition(":")[0] for path in (*DATASETS.values(), *TEXTS.values())}
    code = f"import sys, {', '.join(sorted(modules))}; sys.exit(bool({{'torch', 'transformers'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_set_has_its_source():
    assert set(sources()) == {*DATASETS, *TEXTS}


def test_the_data_of_a_run_is_the_folder_of_its_set():
    data = Path("sets")
    folders = {"lre": "relations_lre", "wiki-recent": "knowedit", "mzsre": "mzsre", "wikitext": "wikitext2"}
    assert {name: sources_of(name, data) for name in folders} == {name: (data / at,) for name, at in folders.items()}


DATA = Path(os.environ.get("KEDIT_DATA") or ROOT.parent / "shared" / "data")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no public sets at {DATA}; name their folder with KEDIT_DATA")
@pytest.mark.parametrize("name", DATASETS)
def test_the_real_set_is_read(name):
    try:
        read = load_cases(name, DATA)
    except NotFoundError as missing:
        pytest.skip(str(missing))
    assert all(case.questions and all(one.text.strip() for one in case.questions) for case in read.found)
    assert sum(read.skipped.values()) < len(read.found)
    for case in read.found[:100]:
        for edit in (case.edit, *case.also):
            validate(edit)
    stated = [case for case in read.found if case.prompt]
    assert all(case.own.text == case.prompt for case in stated)
    assert all(
        one.accepted or one.rejected or one.metric == LOCALITY or not case.target
        for case in read.found
        for one in case.questions
    )
