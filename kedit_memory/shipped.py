"""Where the files that the program ships lie: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

from kedit_memory.errors import NotFoundError

_PACKAGE = Path(__file__).resolve().parent


def data_folder() -> Path:
    """The folder `data/` of this installation.

    Raises:
        NotFoundError: neither place holds it, so the installation is incomplete.
    """
    for folder in (_PACKAGE / "_data", _PACKAGE.parent / "data"):
        if (folder / "models").is_dir():
            return folder
    raise NotFoundError(
        f"the shipped data is missing: looked in {_PACKAGE / '_data'} and {_PACKAGE.parent / 'data'}; "
        "install the package again, or run from a checkout"
    )


def sample_texts() -> Path:
    """Running text, a paragraph a line."""
    return data_folder() / "samples" / "texts.txt"


def sample_questions() -> Path:
    """Questions with their answers, a tab between them."""
    return data_folder() / "samples" / "questions.tsv"


def sample_demonstrations() -> Path:
    """Worked examples of edits, three a fact, one JSON object a line."""
    return data_folder() / "samples" / "demonstrations.jsonl"


def embedded_model() -> Path:
    """The embedded language model, a Hugging Face folder."""
    return data_folder() / "models" / "kedit-mini"


def counterfactual_model() -> Path:
    """The adapter that makes the embedded model answer from the edit before the question."""
    return data_folder() / "models" / "kedit-mini-counterfactual"


def scope_verifier() -> Path:
    """The trained pair model of scope: an adapter and a head for the default encoder."""
    return data_folder() / "models" / "kedit-scope"


def languages_folder() -> Path:
    """The thresholds of languages, a file for each multilingual encoder."""
    return data_folder() / "languages"


def serac_scope() -> Path:
    """The trained scope classifiers of SERAC, a folder each."""
    return data_folder() / "models" / "kedit-serac"


def hypernetwork(method: str) -> Path:
    """The trained network of `mend` or `ke` for the embedded model."""
    return data_folder() / "models" / f"kedit-{method}"
