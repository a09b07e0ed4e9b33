"""Text to which no method is fitted: never that which editors take their statistics from."""

from kedit_memory.editors._samples import shipped_texts
from kedit_memory.evaluation.running_text import TEST_PART, running_text, spaced
from kedit_memory.world import passages_file

PUBLISHED = """ = Robert <unk> =

 Jane Doe is an English film , television and theatre actor . She has a guest @-@ starring role on " The Bill " here .
 Nobody <unk> knows . A second one is never told here .
 It was followed by a starring role in the play Herons , performed in 2001 at the Royal Court Theatre . She said it 's
"""


def test_what_ships_is_held_out_of_the_samples():
    texts, file = running_text(None)
    assert file == passages_file()
    assert len(texts) > 1_000
    assert not set(texts) & set(shipped_texts())


def test_the_published_test_part_is_read_as_it_was_written(tmp_path):
    file = tmp_path / TEST_PART
    assert running_text(tmp_path)[1] == passages_file(), "where it is not at hand"
    file.parent.mkdir()
    file.write_text(PUBLISHED, "utf-8")
    texts, found = running_text(tmp_path)
    assert found == file
    assert texts == [
        'Jane Doe is an English film, television and theatre actor. She has a guest-starring role on "The Bill" here.',
        "It was followed by a starring role in the play Herons, performed in 2001 at the Royal Court Theatre. "
        "She said it's",
    ]


def test_texts_are_spaced_evenly():
    texts = [str(number) for number in range(10)]
    assert spaced(texts, 3) == ["0", "3", "6"]
    assert spaced(texts, 20) == texts
