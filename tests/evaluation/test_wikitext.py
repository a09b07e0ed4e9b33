"""WikiText as running text: sentences as they were written, and where editors take it from."""

import json

import pytest

from kedit_memory.errors import NotFoundError
from kedit_memory.evaluation.datasets.wikitext import FOLDER, TRAINING, paragraphs, training_file
from kedit_memory.evaluation.method import Bench
from kedit_memory.models.named import load_model

LONG = (
    " It grew to 60 cm ( 24 in ) , had 1 @,@ 200 well @-@ known parts , and didn 't end . "
    'The lobsters are " lobster red " when cooked . Mating of the <unk> occurs in summer . '
    "The rest of this paragraph only makes it as long as a paragraph has to be , some two hundred characters . "
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / TRAINING[0]).write_text(f" \n = Homarus = \n \n{LONG}\n Too short . \n", "utf-8")
    return tmp_path


def test_sentences_stand_as_they_were_written_and_those_with_a_blank_are_left_out(folder):
    (text,) = paragraphs(folder / FOLDER, TRAINING).found
    assert text.startswith("It grew to 60 cm (24 in), had 1,200 well-known parts, and didn't end. The")
    assert 'are "lobster red" when cooked. The rest' in text


def test_a_folder_without_it_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match=r"holds none of wiki.test.tokens.txt"):
        paragraphs(tmp_path)


def test_editors_of_a_bench_take_it_unless_they_are_given_another(folder, tmp_path):
    path = training_file(folder, tmp_path / "kept" / "text.jsonl")
    assert [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()] == [
        *paragraphs(folder / FOLDER, TRAINING).found
    ]
    bench = Bench(load_model("kedit-mini", device="cpu"), text=path)
    assert bench.editor("rome").text == path
    assert bench.editor("rome:text=other.txt").text == "other.txt"
    assert bench.editor("ft").name == "ft"
