"""The texts of no particular matter that ship, for editors that look at what a model does with most text."""

from kedit_memory.shipped import sample_questions, sample_texts


def shipped_texts() -> list[str]:
    """Paragraphs of running text."""
    return sample_texts().read_text("utf-8").splitlines()


def shipped_questions() -> list[tuple[str, str]]:
    """Questions with their answers."""
    rows = (line.partition("\t") for line in sample_questions().read_text("utf-8").splitlines())
    return [(question, answer) for question, _, answer in rows]
