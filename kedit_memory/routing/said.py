"""Whether an answer says what an edit says.

A short target is said when it stands in the answer, on word boundaries; "8080" is not said by "80801", nor "$1" by
"$1,299.50". A long one is said when enough of its content is, and every number, code, address and unit of it exactly.
Whoever asks for something else than the fact (yes or no, a text to be written, a sum) is answered by the model.
"""

import re
import unicodedata
from functools import cache

from kedit_memory.questions import Wanted, wanted
from kedit_memory.records import Edit

SHORT = 8  # words up to which a target is to be said as it is
SHARE = 0.6  # of a longer one's content; see `scripts/evaluate_answers.py --shares`

_PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u202f": " "})
_MARKUP = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)|^\s*#+\s", re.MULTILINE)
_NUMBERING = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+", re.MULTILINE)
_TOKEN = re.compile(r"\S+")
_EDGES = "\"'.,;:!?()[]{}<>«»„“”…"
# What must not stand beside a target that begins or ends so: a number goes on over points, commas and dashes, an
# address or a code over more; scripts without blanks have no borders.
_BEFORE = {
    "digit": r"(?<![\w.,:/-])(?<!\d )",
    "code": r"(?<!\w)(?<!\w[.@/_-])",
    "letter": r"(?<!\w)",
    "mark": r"(?<![^\s(\"'])",
    "free": "",
}
_AFTER = {"digit": r"(?!\w)(?![.,:/-]\d)", "code": r"(?!\w)(?![.@/_-]\w)", "letter": r"(?!\w)", "mark": "", "free": ""}
_CODE = re.compile(r"\d|\w[.@/_]\w")
_NO_BLANKS = re.compile("[\u0e00-\u0eff\u3005-\u30ff\u3400-\u9fff]")
_RUN = re.compile(f"{_NO_BLANKS.pattern}+")
_OPEN = {Wanted.THING, Wanted.YES_NO, Wanted.TASK}  # says nothing of what kind the answer is


def says(answer: str, edit: Edit, question: str) -> bool:
    """Whether the answer to a question that an edit covers says what the edit says."""
    target = edit.target or ""
    if edit.prompt == edit.target:
        return _tells_of(answer, target, question)
    return holds(answer, target)


def holds(answer: str, target: str) -> bool:
    """Whether a text holds a target: a short one as it is, a long one by the share of its content."""
    wanted_text, given = _same(target), _same(answer)
    if _length(wanted_text) <= SHORT and "\n" not in target.strip():
        return _stands_in(given, _bare(wanted_text))
    return share(answer, target) >= SHARE and _exact(wanted_text) <= _words(given)


def share(answer: str, target: str) -> float:
    """The share of a target's words of content that stand in an answer, 0 to 1."""
    content = _content(_same(target))
    return len(content & _words(_same(answer))) / max(1, len(content))


def asks_for(question: str, edit: Edit) -> bool:
    """Whether a question asks for what an edit says, rather than uses it or asks whether something is so."""
    asked, stored = wanted(question), wanted(edit.prompt)
    if asked in (Wanted.YES_NO, Wanted.TASK):
        return asked is stored
    return asked in _OPEN or stored in _OPEN or asked is stored


def _tells_of(answer: str, statement: str, question: str) -> bool:
    """Whether an answer tells something of a statement that the question did not hold already."""
    news = _content(_same(statement)) - _words(_same(question))
    return not news or bool(news & _words(_same(answer)))


def _same(text: str) -> str:
    """A text as two are compared: without case, markup and list numbers, with plain quotes and blanks."""
    plain = unicodedata.normalize("NFKC", text.translate(_PLAIN)).casefold()
    return " ".join(_MARKUP.sub("", _NUMBERING.sub("", plain)).split())


def _bare(text: str) -> str:
    """A short target without the mark that ends it and the article that begins it."""
    return re.sub(r"^(?:the|an?) (?=\S)", "", text.rstrip(" .!") or text)


def _stands_in(text: str, target: str) -> bool:
    """Whether a target stands in a text as a word of its own; a number also not within a longer one."""
    if target in ("yes", "no"):
        return re.search(rf"(?:^|[.!?:]\s){target}\b", text) is not None
    before, after = _BEFORE[_border(target[:1], target)], _AFTER[_border(target[-1:], target)]
    return bool(target) and re.search(before + re.escape(target) + after, text) is not None


def _border(character: str, target: str) -> str:
    """What kind of border a target has at its first or last character."""
    if character.isdigit():
        return "digit"
    if _NO_BLANKS.match(character):
        return "free"
    if not character.isalnum():
        return "mark"
    return "code" if _CODE.search(target) else "letter"


def _words(text: str) -> set[str]:
    """The words of a text without the marks around them; of scripts without blanks, pairs of characters."""
    pairs = {run[i : i + 2] for run in _RUN.findall(text) for i in range(max(1, len(run) - 1))}
    return pairs | {word for token in _TOKEN.findall(_RUN.sub(" ", text)) if (word := token.strip(_EDGES))}


def _length(text: str) -> int:
    """How many words a text has; two characters of a script without blanks make one."""
    return len(_RUN.sub(" ", text).split()) + sum(map(len, _RUN.findall(text))) // 2


@cache
def _stop_words() -> frozenset[str]:
    """Words that carry no content."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS  # brings scipy, which an answer in an edit's own words does not need

    return frozenset(STOPWORDS_EN_PLUS)


def _content(text: str) -> set[str]:
    return _words(text) - _stop_words()


def _exact(text: str) -> set[str]:
    """The words that bear a digit or are addresses: numbers, units, codes."""
    return {word for word in _words(text) if any(map(str.isdigit, word)) or "://" in word or "@" in word}
