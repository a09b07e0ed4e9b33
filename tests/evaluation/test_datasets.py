"""The loaders of public sets, on rows written by hand: what becomes of a row, and what is left out for which reason."""

import json

from kedit_memory.evaluation.case import GENERALIZATION, LOCALITY, PORTABILITY, RELIABILITY
from kedit_memory.evaluation.datasets import selfcheck, zsre
from kedit_memory.evaluation.datasets.loaded import Loaded, loaded

ROW = {
    "subject": "Zog",
    "prompt": "Who made Zog?",
    "target_new": "Ann",
    "rephrase_prompt": "Zog was made by whom?",
    "locality": {"Relation_Specificity": [{"prompt": "The colour of Zog is", "ground_truth": ["red"]}]},
    "portability": {"Reasoning": [{"prompt": "Where was the maker of Zog born?", "ground_truth": "Rome"}]},
}


def write(folder, name, rows):
    (folder / name).write_text(json.dumps(rows), "utf-8")
    return folder


def test_a_row_of_zsre_is_an_edit_with_all_that_is_asked_about_it(tmp_path):
    (case,) = zsre.edits(write(tmp_path, "ZsRE-test-all.json", [ROW])).found
    assert (case.edit.prompt, case.edit.target, case.edit.subject) == ("Who made Zog?", "Ann", "Zog")
    assert [(one.metric, one.kind, one.text, one.accepted, one.covered) for one in case.questions] == [
        (RELIABILITY, "all", "Who made Zog?", ("Ann",), True),
        (GENERALIZATION, "rephrasing", "Zog was made by whom?", ("Ann",), True),
        (LOCALITY, "same_subject", "The colour of Zog is", (), False),
        (PORTABILITY, "one_hop", "Where was the maker of Zog born?", ("Rome",), False),
    ]
    assert [(one.edit, one.place) for one in case.asked()] == [(case.edit, place) for place in range(4)]


def test_what_is_left_out_of_zsre_is_counted_with_its_reason(tmp_path):
    bare = {name: ROW[name] for name in ("subject", "prompt", "target_new", "rephrase_prompt")}
    lacking = [{"subject": "Zig", "prompt": "Who made Zig?", "target_new": "Bo"}, {"prompt": "Who?"}]
    read = zsre.edits(write(tmp_path, "ZsRE-test-all.json", [bare, *lacking, ROW | {"target_new": "Bo"}]))
    assert [(case.prompt, case.target) for case in read.found] == [("Who made Zog?", "Bo")]
    assert read.skipped == {"no rephrase_prompt": 1, "no target_new": 1, "another row asks the same": 1}
    assert read.told.startswith("1 rows left out: no rephrase_prompt; ")
    assert Loaded(found=()).told == ""


def test_of_rows_with_one_key_the_first_or_the_last_is_kept_in_the_first_place():
    rows = [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}, {"key": "a", "value": "3"}]
    for last, values in ((False, "12"), (True, "32")):
        read = loaded(rows, lambda row: row["key"] + row["value"], key=lambda one: one[0], last=last)
        assert read.found == tuple(f"{key}{value}" for key, value in zip("ab", values, strict=True))
        assert read.skipped == {"another row asks the same": 1}


def test_each_passage_so_far_and_the_sentence_that_follows(tmp_path):
    row = {"subject": "Zog", "prompt": "Zog was a poet. He died in Rome. "}
    for name in ("hallucination-edit.json", "hallucination-train.json"):
        write(tmp_path, name, [row])
    assert selfcheck.passage_pairs(tmp_path) == [("Zog was a poet.", "He died in Rome.")]
