"""The words of texts in every script, of names that are stop words, and of names with signs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit_memory.records import Passage
from kedit_memory.retrieval.bm25 import Bm25Retriever
from kedit_memory.words import STOP, words, words_asked, words_of


def passage(title: str, text: str) -> Passage:
    return Passage(id=title or text[:12], title=title, text=text)


def first(question: str, *passages: Passage) -> str | None:
    found = Bm25Retriever(passages).search(question, 1)
    return found[0].passage.id if found else None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("黑豹队的防守", ["黑豹", "豹队", "队的", "的防", "防守"]),
        ("猫", ["猫"]),
        ("東京タワーは2019年", ["東京", "京タ", "タワ", "ワー", "ーは", "2019", "年"]),
        ("ภาษาไทย", ["ภาษ", "าษา", "ษาไ", "าไท", "ไทย"]),
        ("The running dogs", ["run", "dog"]),
        ("собаки собака", ["собак", "собак"]),
        ("كِتَابٌ", words("كتاب")),
        ("São Ångström", ["sao", "angstrom"]),
        ("हिन्दी", ["हिन्द"]),
        ("C++ and C#, .NET; AT&T!", ["c", "c", "net", "t", "c++", "c#", ".net", "at&t"]),
        ("1+1 = 2 e.g. x.y", ["1", "1", "2", "e", "g", "x", "y", "1+1"]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


THE_WHO = passage("The Who", "The Who are an English rock band formed in London.")
WHO = passage("World Health Organization", "The WHO is an agency. In 2020 the WHO declared a pandemic.")
IT = passage("It", "It is a 1986 horror novel.")
HEPATITIS = [passage("", f"Hepatitis {letter} is an infection of the liver.") for letter in "BAC"]
LANGUAGES = [passage("", f"{name} is a language for programs.") for name in ("C", "C++", "C#", "F#")]
OTHERS = [passage("", "Rock bands of London are who we are."), passage("", "It is raining, and it is cold in England.")]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Who are The Who?", "The Who"),
        ("who are the who?", "The Who"),
        ("The Who", "The Who"),
        ("What did the WHO declare?", "World Health Organization"),
        ("Is It scary?", "It"),
        ("It", "It"),
        ("What is hepatitis A?", HEPATITIS[1].id),
        ("hepatitis a infection", HEPATITIS[1].id),
        ("What is C++?", LANGUAGES[1].id),
        ("what is c#", LANGUAGES[2].id),
        ("What is F#?", LANGUAGES[3].id),
    ],
)
def test_names_of_stop_words_and_signs_are_found(question: str, found: str) -> None:
    assert first(question, *OTHERS, *HEPATITIS, *LANGUAGES, WHO, IT, THE_WHO) == found


def test_capitals_that_tell_nothing_name_nothing() -> None:
    for question in ("What Is The Capital Of France?", "WHAT IS THE CAPITAL OF FRANCE?"):
        assert not STOP & set(words_asked(question))
    assert "the" not in words_asked("Where was The Godfather filmed?")
    assert not STOP & set(words_of(passage("", "It rains. Who knows? On and on.")))


@pytest.mark.parametrize(
    ("question", "gold", "other"),
    [
        ("重置按钮在哪里\uff1f", "徽章的重置按钮在背面。", "请把门关上。"),
        ("リセットボタンはどこですか", "リセットボタンは裏にあります。", "ドアを閉めてください。"),
        ("ปุ่มรีเซ็ตอยู่ที่ไหน", "ปุ่มรีเซ็ตอยู่ด้านหลัง", "กรุณาปิดประตู"),
        ("재설정 버튼은 어디에 있나요", "재설정 버튼이 뒷면에 있습니다.", "문을 닫아 주세요."),
        ("где кнопки сброса", "Кнопка сброса находится сзади.", "Закройте дверь."),
    ],
)
def test_scripts_without_blanks_and_endings(question: str, gold: str, other: str) -> None:
    assert first(question, passage("", other), passage("", gold)) == gold[:12]


@given(st.text(max_size=60))
def test_a_passage_is_found_by_its_own_text(text: str) -> None:
    asked = words_asked(text)
    assert set(words(text)) <= set(words_of(passage("", text)))
    assert bool(asked) == bool(words_of(passage(text, "")))
    if words(text):
        assert first(text, passage("", text), passage("other", "entirely")) == text[:12]
