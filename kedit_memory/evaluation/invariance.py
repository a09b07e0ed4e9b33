"""The same text in other clothes: a title, quotes, a polite word, a slip. What answers one answers the other.

Texts are English. Kinds with words of their own take them by part, so that a test sees none that was trained on.
"""

import random
import re
from collections.abc import Callable, Mapping

from kedit_memory.errors import UnknownNameError
from kedit_memory.evaluation import invented, lexicons
from kedit_memory.evaluation.negatives import ASIDES, misspelt

_TITLES = {
    "training": ("Dr.", "Mr.", "Professor", "Ms.", "Dr", "my friend"),
    "calibration": ("Prof.", "Lady", "our colleague"),
    "test": ("Sir", "the late", "Doctor", "Prof. Dr.", "Captain", "the great"),
}
_QUOTES = {
    "training": ("“{}”", '"{}"', "'{}'"),
    "calibration": ("‘{}’", "`{}`"),
    "test": ("«{}»", "„{}“", "''{}''", "*{}*"),
}
_BRACKETED = {
    "training": ("(just curious)", "(sorry if this was asked before)", "(asking for a friend)", "[urgent]"),
    "calibration": ("(for my notes)", "[second try]"),
    "test": ("(thanks in advance)", "(I forgot)", "[no hurry]", "(sent from my phone)"),
}
_POLITE = {
    "training": (
        "Please tell me: {}", "Could you tell me this? {}", "Hi! {}", "Hello, {l}", "{} Thanks!", "Excuse me, {l}",
        "Can you help me? {}", "Quick question: {l}", "Dear team, {l}", "{} Thank you very much.",
    ),
    "calibration": ("Good morning. {}", "I would like to know: {l}", "{} Many thanks in advance."),
    "test": (
        "Good afternoon, {l}", "Would you be so kind as to answer this? {}", "Sorry to bother you. {}",
        "Hey there, {l}",
        "{} Cheers!", "One thing, please: {l}", "{} I'd be grateful for an answer.",
    ),
}  # fmt: skip
_BEFORE = {
    "training": (
        *ASIDES,
        "I looked everywhere and could not find it.", "My colleague told me to ask you.", "I am new here.",
        "We talked about this last week.", "I have tried the website already.",
        "It is for a form that I am filling in.",
        "I have been waiting on the phone for ages.", "We are planning our weekend.",
        "I lost the paper with the details.",
        "My parents are visiting.", "I just moved here.", "I am updating our notes.",
    ),
    "calibration": (
        "My phone has been acting up all day.", "Nobody at the desk could say.", "I am writing a small report.",
        "There was something about it in the newsletter.",
    ),
    "test": (
        "It is raining cats and dogs here.", "I read through the whole manual.", "My neighbour swears by it.",
        "We had a discussion about it over coffee.", "I only have a minute.", "The kids keep asking me.",
        "I wrote it down somewhere.", "This is my first time.", "Your hotline sent me to this page.",
        "I am standing in front of the building.",
    ),
}  # fmt: skip
_AFTER = {
    "training": (
        "I could not find it anywhere.", "I need it for a form.", "A short answer is enough.",
        "I am in a bit of a hurry.",
        "My sister would like to know, too.", "It is not urgent.", "The website did not help.",
        "I forgot to write it down.",
        "Just the fact, no explanation.", "I am asking because nobody here knows.",
    ),
    "calibration": ("I was told different things.", "One sentence will do.", "I want to put it into my calendar."),
    "test": (
        "My boss needs it by noon.", "I hope that you can help.", "We are sitting in the car already.",
        "I used to know that.", "You need not explain it.", "I am making a list.", "It slipped my mind.",
        "I promised to find out.",
    ),
}  # fmt: skip
_CONTRACTIONS = (
    ("what is", "what's"), ("where is", "where's"), ("who is", "who's"), ("when is", "when's"), ("how is", "how's"),
    ("it is", "it's"), ("that is", "that's"), ("there is", "there's"), ("i am", "I'm"), ("i have", "I've"),
    ("we are", "we're"), ("they are", "they're"), ("you are", "you're"), ("does not", "doesn't"), ("do not", "don't"),
    ("did not", "didn't"), ("is not", "isn't"), ("are not", "aren't"), ("was not", "wasn't"), ("cannot", "can't"),
    ("can not", "can't"), ("will not", "won't"), ("should not", "shouldn't"), ("has not", "hasn't"),
    ("who has", "who's"),
    ("i would", "I'd"), ("i will", "I'll"),
)  # fmt: skip
_NAMES = frozenset(invented.FIRST_NAMES + lexicons.COMMON_NAMES)


def varied(text: str, kind: str, rng: random.Random, part: str, subject: str = "") -> str | None:
    """The text with the same meaning and one thing of its form changed; None where the kind has no hold on it.

    `subject` is the name that a title or quotes go with.

    Raises:
        UnknownNameError: no such kind, or no such part.
    """
    if kind not in _WAYS:
        raise UnknownNameError("kind of invariance", kind, KINDS)
    if part not in lexicons.PARTS:
        raise UnknownNameError("part", part, lexicons.PARTS)
    made = _WAYS[kind](text, rng, part, subject)
    return made if made != text else None


def _title(text: str, rng: random.Random, part: str, subject: str) -> str | None:
    """A title before a person's name, known by a first name."""
    if subject.split(" ")[0] not in _NAMES or " " not in subject or subject not in text:
        return None
    titled = f"{rng.choice(_TITLES[part])} {subject}"
    made = text.replace(subject, titled)
    return made[:1].upper() + made[1:] if text.startswith(subject) else made


def _quotes(text: str, rng: random.Random, part: str, subject: str) -> str | None:
    if not subject or subject not in text or f'"{subject}"' in text:
        return None
    return text.replace(subject, rng.choice(_QUOTES[part]).format(subject))


def _brackets(text: str, rng: random.Random, part: str, subject: str) -> str:
    if subject and subject in text and rng.random() < 0.4:
        return text.replace(subject, rng.choice((f"({subject})", f"[{subject}]")), 1)
    return f"{text} {rng.choice(_BRACKETED[part])}"


def _polite(text: str, rng: random.Random, part: str, subject: str) -> str:
    form = rng.choice(_POLITE[part])
    return form.replace("{}", text).replace("{l}", _lowered(text, subject))


def _lowered(text: str, subject: str) -> str:
    """The text as the rest of a sentence: its first word small, unless it is a name or "I"."""
    first = re.split(r"\W", text, maxsplit=1)[0]
    known = first.lower() in _STARTS and not (subject and text.startswith(subject))
    return text[:1].lower() + text[1:] if known else text


_STARTS = frozenset(
    {
        "what", "when", "where", "who", "whom", "whose", "which", "why", "how", "is", "are", "was", "were", "does",
        "do", "did", "can", "could", "may", "must", "should", "will", "would", "has", "have",
        "in", "on", "at", "by", "from",
        "for", "until", "if", "after", "before", "name", "the", "a", "an", "my", "your", "our", "their",
    }
)  # fmt: skip


def _before(text: str, rng: random.Random, part: str, subject: str) -> str:
    del subject
    return f"{rng.choice(_BEFORE[part])} {text}"


def _after(text: str, rng: random.Random, part: str, subject: str) -> str:
    del subject
    return f"{_ended(text)} {rng.choice(_AFTER[part])}"


def _ended(text: str) -> str:
    return text if text[-1:] in tuple(".?!") else text + "."


_LONG_WORD = re.compile(r"(?<![\w'’-])[a-z]{6,}(?![\w'’-])")


def _typo(text: str, rng: random.Random, part: str, subject: str) -> str | None:
    """One slip in a long word that is no name and takes no other's place in a contrast."""
    del part
    plain = text.replace(subject, " " * len(subject)) if subject else text
    words = [word for word in _LONG_WORD.findall(plain) if word not in lexicons.telling() and text.count(word) == 1]
    return misspelt(text, rng.choice(words), rng) if words else None


def _case(text: str, rng: random.Random, part: str, subject: str) -> str:
    del part, subject
    return text.lower() if rng.random() < 0.7 else text.upper()


def _marks(text: str, rng: random.Random, part: str, subject: str) -> str:
    """Without the last mark, and now and then without commas and apostrophes."""
    del part, subject
    bare = text.rstrip("?.! ")
    return bare if rng.random() < 0.6 else re.sub(r",(?= )|(?<=[a-z])['’](?=s\b|t\b)", "", bare)


def _contraction(text: str, rng: random.Random, part: str, subject: str) -> str | None:
    """A contraction for the full words, or the full words for a contraction."""
    del part
    found = [
        (match, other)
        for long, short in _CONTRACTIONS
        for one, other in ((long, short), (short, long))
        for match in re.finditer(rf"\b{re.escape(one)}\b(?!['’])", text, re.IGNORECASE)
        if not (subject and match[0] in subject) and not (one == "who's" and other == "who has")
    ]
    if not found:
        return None
    match, other = rng.choice(found)
    other = other[:1].upper() + other[1:] if match[0][:1].isupper() else other[:1].lower() + other[1:]
    other = re.sub(r"^i\b", "I", other)
    return text[: match.start()] + other + text[match.end() :]


_DIGIT = re.compile(
    r"(?<!version )(?<![\w.,:/$€£-])(\d{1,2})(st|nd|rd|th)?(?![\w:/%°-]|[.,]\d)"
    + rf"(?! (?:of )?(?:{'|'.join(lexicons.MONTHS)}))"
)
_NUMBER_WORD = re.compile(
    rf"(?<![\w-])(?<!\bat )({'|'.join((*lexicons.NUMBERS[2:], *lexicons.ORDINALS))})(?![\w-])", re.IGNORECASE
)


def _digits(text: str, rng: random.Random, part: str, subject: str) -> str | None:
    """A small number or ordinal in words for digits, or in digits for words."""
    del part
    found = [
        (match.start(), match.end(), other)
        for pattern, write in ((_DIGIT, _in_words), (_NUMBER_WORD, _in_digits))
        for match in pattern.finditer(text)
        if (other := write(match)) and not (subject and match[0] in subject)
    ]
    if not found:
        return None
    start, end, other = rng.choice(found)
    return text[:start] + (other[:1].upper() + other[1:] if start == 0 else other) + text[end:]


def _in_words(match: re.Match[str]) -> str | None:
    number = int(match[1])
    if match[2]:
        return lexicons.ORDINALS[number - 1] if 0 < number <= len(lexicons.ORDINALS) else None
    return lexicons.NUMBERS[number] if 1 < number < len(lexicons.NUMBERS) else None


def _in_digits(match: re.Match[str]) -> str | None:
    word = match[0].lower()
    if word in lexicons.NUMBERS:
        return str(lexicons.NUMBERS.index(word))
    if word == "second" and re.search(r"\b(?:a|per|each|one) $", match.string[: match.start()]):
        return None
    return lexicons.ordinal_in_digits(lexicons.ORDINALS.index(word) + 1)


_JOINED_UNIT = re.compile(r"(?<=\d) (?=(?:kg|km|cm|mm|ml|mg|g|GB|MB|am|pm|%|°C)\b)")
_PARTED_UNIT = re.compile(r"(?<=\d)(?=(?:kg|km|cm|mm|ml|mg|GB|MB|am|pm)\b)")


def _spacing(text: str, rng: random.Random, part: str, subject: str) -> str:
    """Blanks too many, or one less or more between a number and its unit."""
    del part, subject
    ways = [
        re.sub(r" ", "  ", text, count=1), f"  {text}", f"{text} ", text.replace(" ", "  "),
        re.sub(r"(?=\?$)", " ", text),
        _JOINED_UNIT.sub("", text), _PARTED_UNIT.sub(" ", text), text.replace(", ", ","),
    ]  # fmt: skip
    return rng.choice([way for way in ways if way != text])


_ARTICLE = re.compile(r"(?<!\w)(?:the|an?) (?=[a-z])", re.IGNORECASE)


def _articles(text: str, rng: random.Random, part: str, subject: str) -> str | None:
    """Without its articles, as one types into a search box."""
    del part, rng
    bare = _ARTICLE.sub(lambda found: found[0] if subject and found[0] + subject in text else "", text)
    return bare[:1].upper() + bare[1:]


_WAYS: Mapping[str, Callable[[str, random.Random, str, str], str | None]] = {
    "title": _title,
    "quotes": _quotes,
    "brackets": _brackets,
    "politeness": _polite,
    "before": _before,
    "after": _after,
    "typo": _typo,
    "case": _case,
    "marks": _marks,
    "contraction": _contraction,
    "digits": _digits,
    "spacing": _spacing,
    "articles": _articles,
}
KINDS: tuple[str, ...] = tuple(_WAYS)
