"""Questions that look like an edit's own and are not, by kind; and the same question in longer clothes.

One factory serves training, calibration and tests, so that a kind means the same everywhere; the sentences that it puts
around a question are others in comparisons than those that were trained with (`HELD_OUT`). Texts are English.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = (
    "same_relation", "same_subject", "similar_name", "swapped", "negation", "mention", "unrelated", "prefix",
    "in_passing", "open_question",
)  # fmt: skip

ASIDES = (
    "I could not sleep last night.", "Thanks for your help yesterday.", "The weather has been strange this week.",
    "My sister and I were talking about this.", "I am preparing a quiz for Friday.", "The train was late again.",
    "We had dinner late, and someone brought it up.", "He was the fourth of six children.",
    "The second edition added two chapters.", "It was sold again in 1987.", "The bridge was closed for repairs.",
    "She later moved to a smaller house by the river.", "Most of the archive was lost in a fire.",
)  # fmt: skip
LEADS = ("", "", "Quick question: ", "Hi! ", "Please tell me: ", "One thing I never knew: ", "For a quiz: ", "So, ")
_MENTIONS = (
    "I read an article about {s} yesterday.", "Someone mentioned {s} in passing.", "{s} came up in our conversation.",
    "Write a short poem about {s}.", "Translate the name {s} into Spanish.", "How do you spell {s}?",
    "Thank you for telling me about {s}.", "Please summarise the last message about {s}.",
    "My cat is called {s}.", "What rhymes with {s}?", "I have never heard of {s}.",
    "Give me three synonyms for the word that follows {s}.", "How many letters does the name {s} have?",
    "Is there a book about {s}?", "What do people usually like about {s}?", "When did you first hear of {s}?",
)  # fmt: skip
_DIVERSIONS = (
    "Never mind. What is seven times eight?", "But first, how do I boil an egg?", "Anyway, what time is it in Tokyo?",
    "Forget that; how long is a marathon?", "That is settled. How does a fridge work?",
    "Let us change the subject: who won the race on Sunday?", "Instead, write a limerick about a goat.",
)  # fmt: skip
_DENIALS = (
    "No, that was not it.", "I did not mean that one.", "It does not have to be long.", "This is not a trick.",
    "I am not sure about this.", "That was never my question.", "She is not here, so I ask you.",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Sentences that stand around a question or in its place, `{s}` for the subject."""

    asides: tuple[str, ...]
    leads: tuple[str, ...]
    mentions: tuple[str, ...]
    diversions: tuple[str, ...]
    denials: tuple[str, ...]


TRAINED = Frames(asides=ASIDES, leads=LEADS, mentions=_MENTIONS, diversions=_DIVERSIONS, denials=_DENIALS)
# Nothing was trained or calibrated with these: what tells kinds apart by such words alone fails here.
HELD_OUT = Frames(
    asides=(
        "Our neighbours got a puppy at the weekend.", "The lift is out of order again.",
        "I burnt the toast this morning.", "Two of the chairs were left in the hall.",
        "He never finished his second novel.", "They planted it in the spring.",
        "My phone is nearly empty, so I will be short.", "Grandpa keeps asking me things like that.",
    ),
    leads=("", "", "Just curious: ", "Right then, ", "While you are here: ", "Something I keep mixing up: ", "Ok so "),
    mentions=(
        "A parcel with {s} written on it came today.", "{s} is the last word of my crossword.",
        "Could you put {s} in alphabetical order with the rest?", "I keep mishearing the name {s}.",
        "We named our quiz team after {s}.", "Set a reminder that says {s}.", "Make the heading {s} bold.",
        "Which syllable of {s} is stressed?", "Hum me a tune for {s}.", "I dreamt of {s} last night.",
    ),
    diversions=(
        "Scrap that. Why is the sky blue?", "Hold on, the kettle: how long should green tea steep?",
        "No, first tell me a joke.", "Doesn't matter now. When does the post office open?",
        "I found it myself, thanks. What should I cook tonight?", "Leave it. Can you convert 5 miles to kilometres?",
    ),
    denials=(
        "Nobody said it had to rhyme.", "Don't worry, it isn't for an exam.", "The first one wasn't mine.",
        "You needn't apologise.", "There is no hurry.",
    ),
)  # fmt: skip
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|does|do|did|can|could|has|have|had|will|would|should|shares|belongs|plays|works|lives|speaks)\b",
    re.IGNORECASE,
)
_BOTH_WAYS = re.compile(
    r"\b(?:spouses?|wife|husband|married|marry|wed|siblings?|brothers?|sisters?|twins?|twinned|cousins?|partners?|"
    r"borders?|bordering|adjacent|adjoins?|neighbou?r(?:s|ing)?|opposite|rivals?|antonyms?|synonyms?)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?] (?=\S)")
_BARE = {"shares": "share", "belongs": "belong", "plays": "play", "works": "work", "lives": "live", "speaks": "speak"}
_BEARS_A_SLIP = 5  # letters of a word that is still known with one of them wrong
_SUFFIXES = ("Junior", "II", "III", "Park", "Station", "University", "Society", "Prize", "Street", "Band", "Museum")
_FIRSTS = ("New", "Old", "North", "Little", "Saint", "Mary", "John", "Upper", "Anna", "Peter")


def negated(question: str, rng: random.Random) -> str | None:
    """The question turned into its negation; None where no verb to negate is found."""
    last = max((found.end() for found in _SENTENCE_END.finditer(question)), default=0)  # what it asks stands there
    found = _AUXILIARY.search(question, last)
    if not found:
        return None
    verb, rest = found[0].lower(), question[found.end() :]
    if verb in _BARE:
        return f"{question[: found.start()]}does not {_BARE[verb]}{rest}"
    opening = question[last : found.start()].strip().lower()
    if verb in {"does", "do", "did"} or opening in {"", "in which", "to which"}:
        subject = re.match(r"( (?:the |[A-Z])\S*(?: [A-Z]\S*| of| the)*)", rest)
        place = subject.end() if subject else 0
        return f"{question[: found.end()]}{rest[:place]} not{rest[place:]}"
    return f"{question[: found.end()]} {rng.choice(('not', 'not', 'never'))}{rest}"


def mention(subject: str, rng: random.Random, frames: Frames = TRAINED) -> str:
    """A text that names the subject and asks nothing that an edit about it says."""
    text = rng.choice(frames.mentions).replace("{s}", subject)
    return text[:1].upper() + text[1:]


def similar_name(subject: str, names: Sequence[str], rng: random.Random) -> str:
    """Another name that shares words with this one: longer, shorter, or with one word changed."""
    words = subject.split()
    roll = rng.random()
    if roll < 0.35:
        return f"{subject} {rng.choice(_SUFFIXES)}"
    if roll < 0.55:
        return f"{rng.choice(_FIRSTS)} {subject.removeprefix('The ')}"
    other = rng.choice(rng.choice(names).split())
    if len(words) == 1:
        return f"{subject} {other}"
    place = rng.randrange(len(words))
    changed = [*words[:place], other, *words[place + 1 :]]
    return " ".join(changed)


def swapped(question: str, subject: str, target: str) -> str | None:
    """The question asked of the answer: "Who wrote X?" about the writer.

    None where the edit answers that, too, or leaves open which of the two is meant: of a relation that holds both ways,
    as of spouses, and where one name holds the other.
    """
    one, other = subject.casefold(), target.casefold()
    if one in other or other in one or _BOTH_WAYS.search(question):
        return None
    return question.replace(subject, target)


def misspelt(question: str, subject: str, rng: random.Random) -> str | None:
    """The question with one slip in the subject's name; None where it has no word long enough to bear one.

    Two letters change places, one is left out or one is doubled, never the first of a word.
    """
    words = [found for found in re.finditer(r"[^\W\d_]+", subject) if len(found[0]) >= _BEARS_A_SLIP]
    if not words or subject not in question:
        return None
    word = rng.choice(words)
    place = rng.randrange(word.start() + 1, word.end() - 1)
    here, following = subject[place], subject[place + 1]
    slips = [following + here, following, here + here + following]
    slip = rng.choice([one for one in slips if one != here + following])
    return question.replace(subject, subject[:place] + slip + subject[place + 2 :])


def in_passing(question: str, subject: str, rng: random.Random, frames: Frames = TRAINED) -> str:
    """The same question after other words: still asked.

    The words are of the same kinds as those of the negatives (a mention, a denial, another request), so that they do
    not give a class away.
    """
    roll = rng.random()
    if roll < 0.25:
        return f"{mention(subject, rng, frames)} {question}"
    if roll < 0.5:
        return f"{rng.choice(frames.diversions)} {question}"
    if roll < 0.65:
        return f"{rng.choice(frames.denials)} {question}"
    if roll < 0.8:
        return f"User: {rng.choice(frames.asides)} Assistant: I see. User: {question}"
    return f"{rng.choice(frames.asides)} {rng.choice(frames.leads)}{question}"


def dropped(question: str, rng: random.Random, frames: Frames = TRAINED) -> str:
    """The question quoted before another one: no longer asked."""
    if rng.random() < 0.4:
        return f"User: {question} Assistant: I told you already. User: {rng.choice(frames.diversions)}"
    return f"{question} {rng.choice(frames.diversions)}"
