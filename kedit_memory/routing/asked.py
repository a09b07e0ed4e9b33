"""What of a message asks, and whether it can be understood without what was said before.

A long message is read by its sentences, so that a signature or a story around a question does not drown it. What only
tells, such as "I read about Acme yesterday.", asks for nothing, whatever it is about.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from kedit_memory.questions import core, is_cloze, is_question
from kedit_memory.retrieval.splitting import sentences
from kedit_memory.routing.question import EXACT, UNLINKED, Candidate
from kedit_memory.text import clean

LONGEST_MESSAGE = 200_000  # characters of a message; what is asked in it is as short as any question
SHORT = 240  # characters of a message that is read as a whole
_FIRST, _LAST = 4, 8  # sentences of a longer one that are read, of those that ask
_READ = 400  # characters of a very long sentence that are read, from its end


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# How a sentence begins that takes back what was asked before it, or turns to something else.
_TURNS_AWAY = re.compile(
    r"(?:(?<=[.?!…;] )|(?<=\n))(?:(?:oh|no|ah|well|ok|okay|actually|sorry|hm+)\W+)*"
    r"(?:(?:never ?mind|nvm|forget (?:it|that|this|about (?:it|that))|scratch that|ignore that|no,? wait|"
    r"wait,? no|hold on|hang on|on second thoughts?|that(?:'s| is) (?:settled|done|solved|clear now)|"
    r"let(?:'s| us) change the subject|(?:but|no,) first|first,? (?:tell|give|show|explain|help|let) (?:me|us)|"
    r"anyways?,|instead,|rather,)(?!\w)|"
    # What may begin another sentence, too, and ends one here: "Leave it." is no "Leave it at the desk."
    r"(?:(?:leave|drop|skip|scrap|strike|cancel|disregard|discard|stop) "
    r"(?:it|that|this|(?:that|my|the) (?:last |first |previous )?question)|"
    r"(?:it |that )?(?:doesn't|does not|didn't|did not) matter|no matter|(?:it(?:'s| is) )?not important|"
    r"(?:there(?:'s| is) )?no (?:longer any )?need|(?:it(?:'s| is) )?no longer needed|"
    r"(?:i(?:'ve| have)? )?(?:already |just )?(?:found|got|solved|figured|know) (?:it|that)(?: out)?)"
    r"(?=(?: (?:now|any ?more|then|please|already|myself|thanks?))*\s*(?:[.,;!…]|$)))",
    re.IGNORECASE,
)
# Who speaks next in a dialogue that was pasted as one message; the user where the group is found.
_SPEAKER = re.compile(r"\b(?:(user|human|me|q)|assistant|ai|bot|you|a): ", re.IGNORECASE)
_CODE = re.compile(r"^\s*(```|~~~).*?(?:^\s*\1|\Z)", re.MULTILINE | re.DOTALL)
_PARAGRAPH = re.compile(r"\n\s*\n")
_MARK = re.compile("[?？؟]")
_SEVERAL = re.compile(r"[.!?…](?=\s+\S)|[。！？؟](?=.)")  # where a text may have more than one sentence
_WISH = re.compile(
    r"\b(?:i|we)(?:'d| would| will|'ll)? ?(?:also |just |really )?(?:want|need|like|wish|wonder|have to know)\b|"
    r"\b(?:looking for|wondering|curious|please|let me know|would like|interested in)\b|"
    r"\bich (?:möchte|will|brauche|suche)\b|\bje (?:veux|voudrais|cherche)\b|\b(?:quiero|quisiera|busco|necesito)\b|"
    r"\bbitte\b|\bs'il vous plaît\b|\bpor favor\b|请|請|教えて|ください|알려",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"(?:(?:many )?thanks|thank you|thx)(?: so much| a lot| very much| again)? for\b|"
    r"(?:vielen )?danke? (?:dir |ihnen )?für\b|merci (?:beaucoup )?(?:pour|de|d')|(?:muchas )?gracias por\b|"
    r"grazie (?:mille )?per\b|obrigad[oa] (?:por|pel[oa])\b|bedankt voor\b",
    re.IGNORECASE,
)
_REPORT = re.compile(
    r"(?:\w+, )?(?:i|we|he|she|they|my \w+)(?:'ve| have| had| just| already| recently| once| also)* "
    r"(?:read|heard|learn(?:ed|t)|talk(?:ed)?|spoke|spoken|wrote|written|thought|knew|know)"
    r"(?: (?!what|how|who|where|when|which)\w+){0,3} (?:about|of)\b",
    re.IGNORECASE,
)

_WORD = re.compile(r"[\w'’-]+")
_OPENING = re.compile(
    r"(?:and|but|or|so|then|what about|how about|und|aber|et|mais|y|pero|e|ma|en|maar|а|и|но)\b|"
    "那|那么|それ|じゃあ|그럼|그러면",
    re.IGNORECASE,
)
_PRONOUNS = _words("""
    he she him her hers his it its they them their theirs it's he's she's they're they've former latter
    er sie ihn ihm ihr ihre sein seine seinen seiner es dessen deren
    il elle ils elles lui leur leurs son sa ses
    él ella ellos ellas su sus lo lui lei loro suo sua suoi sue ele ela eles elas seu sua hij zij haar zijn hun
    он она оно они его её ее их ему ей им них него нее неё ним ней هو هي هم
""")
_POINTING = re.compile(
    r"\b(?:this|these|those)(?! (?:year|month|week|morning|afternoon|evening|time|is)\b) \w|"
    r"\b(?:this|these|those|that)(?: (?:one|ones|person|place|company|thing|time|case|city|country|man|woman)\b|"
    r"(?=\W*$))|\b(?:after|before|about|with|for|of|on|like|by|since) (?:that|this)\b(?! \w)|"
    r"\bthe (?:\S+ ){0,3}ones?\b|"
    r"\b(?:the )?(?:other|others|same|both)\b(?=\W*$)|"
    r"[他她它]|[这這那](?!么时|麼時)|それ|その|彼|그(?:것|녀|는|의|가)",
    re.IGNORECASE,
)
_OTHERS = re.compile(r"\b(?:else|(?:any|what|which|another) others?|others)\b", re.IGNORECASE)  # than what?
_PLAIN = _words("""
    a an and any are as at be been before but by can could did do does doing else ever exactly first for from get
    had happened has have how i in is it its last long many me mean more most much my name next now of off old on
    or other out please reason say so some still tall that the their then there these this those through to too up
    was we were what what's when where which who who's whom whose why will with would you your
""")
_I = ("I", "I'm", "I'd", "I've", "I'll")
_TELLING = 3  # words that tell something, of a question that may need more
_ANTECEDENT = 4  # words before a pronoun that may hold what it stands for


class Leaning(StrEnum):
    """Whether a question needs what was said before it."""

    NOT = "not"
    PERHAPS = "perhaps"  # it is short and names nothing: "What is the price?"
    WHOLLY = "wholly"  # it points back, or goes on: "And her successor?"


class Act(StrEnum):
    """What somebody does by a sentence."""

    ASKS = "asks"  # or requests, wishes, leaves the end open
    STATES = "states"
    TELLS = "tells"  # says thanks, or what one has read or heard of


def act_of(text: str) -> Act:
    """What somebody does by saying `text`."""
    plain = " ".join(text.replace("’", "'").split())
    if _MARK.search(plain):
        return Act.ASKS
    if _THANKS.match(plain) or _REPORT.match(plain):
        _, comma, rest = plain.rpartition(",")
        return Act.ASKS if comma and is_question(rest) else Act.TELLS
    if is_question(plain) or is_cloze(plain) or _WISH.search(plain):
        return Act.ASKS
    return Act.STATES


def called_for(text: str, candidate: Candidate) -> bool:
    """Whether what somebody does by `text` can call for an edit.

    What states something, such as "I lost my card.", calls for an answer that is stored for such a case; it does not
    ask for a fact about somebody, nor for another statement. An edit's own wording always calls for it.
    """
    if candidate.found == EXACT:
        return True
    act, edit = act_of(text), candidate.match.edit
    if act is Act.STATES:
        return candidate.found == UNLINKED and edit.prompt != edit.target
    return act is Act.ASKS


def asking_parts(message: str) -> list[tuple[str, str]]:
    """The parts of a message that may be questions, in normal form, each with the sentence before it, if any.

    A short message is one part, and so is each sentence in it that asks, or, where none does, the last one if it leaves
    its end open. Of a longer one they are the sentences that
    ask, at most twelve; where none does, those that state something, and the last one, which may leave its end open.

    Raises:
        InvalidInputError: the message is empty, no text, or longer than `LONGEST_MESSAGE`.
    """
    text = _still_asked(clean(message, "question", LONGEST_MESSAGE))
    short = len(text) <= SHORT
    if short and not _SEVERAL.search(text):
        return [(text, "")]
    said = [(one, act_of(one)) for one in _sentences(text)]
    if short and len(said) < 2:
        return [(text, "")]
    asking = [place for place, (one, act) in enumerate(said) if act is Act.ASKS and not _is_open(one)]
    last = len(said) - 1
    if short:
        if not asking and _is_open(said[last][0]):
            asking = [last]
        return [(text, ""), *((said[place][0], said[place - 1][0] if place else "") for place in asking)]
    if not said:
        return [(text[-_READ:], "")]
    chosen = asking or [place for place, (_, act) in enumerate(said) if act is Act.STATES or place == last]
    chosen = [*chosen[:_FIRST], *chosen[_FIRST:][-_LAST:]]
    return [(said[place][0][-_READ:], said[place - 1][0][-_READ:] if place else "") for place in chosen]


def _still_asked(text: str) -> str:
    """A message without what its writer has taken back, unless what follows leans on it."""
    if pasted := _last_said(text):
        return pasted
    found = list(_TURNS_AWAY.finditer(text.replace("’", "'")))
    rest = text[found[-1].end() :].lstrip(" .,;:!") if found else ""
    if not found or (rest and leaning(rest) is Leaning.WHOLLY):
        return text
    return text[found[-1].start() :]


def _last_said(text: str) -> str:
    """What the user said last in a dialogue that was pasted as one message; "" where it is none."""
    marks = list(_SPEAKER.finditer(text))
    if not marks or marks[0].start() or not marks[0][1]:
        return ""
    answered = next((place for place, mark in enumerate(marks) if not mark[1]), len(marks))
    said = (text[mark.end() :] for mark in reversed(marks[answered:]) if mark[1])
    return next((rest for rest in said if rest and not rest[0].isspace()), "")


def leaning(question: str) -> Leaning:
    """How much a question leans on what was said before it."""
    plain = " ".join(core(question).replace("’", "'").split())
    words = _WORD.findall(plain)
    telling = [word for word in words if word.casefold() not in _PLAIN]
    marked = any(map(_is_marked, words[1:]))
    if _OPENING.match(plain) or _POINTING.search(plain):
        return Leaning.WHOLLY
    if not marked and (not telling or _OTHERS.search(plain)):
        return Leaning.WHOLLY
    back = next((place for place, word in enumerate(words) if word.casefold() in _PRONOUNS), None)
    if back is not None and not _has_antecedent(words[:back]):
        return Leaning.WHOLLY
    return Leaning.PERHAPS if not marked and len(telling) <= _TELLING else Leaning.NOT


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a message without its blocks of code."""
    bare = _CODE.sub("\n\n", text)
    for paragraph in _PARAGRAPH.split(bare if bare.strip() else text):
        yield from (one for one in sentences(paragraph) if any(map(str.isalnum, one)))


def _is_open(text: str) -> bool:
    """Whether a sentence leaves its end open, as only the last one of a message can, if it is no signature."""
    return is_cloze(text) and not _WISH.search(text)


def _has_antecedent(words: Sequence[str]) -> bool:
    """Whether a pronoun may stand for something among the words before it in its own sentence."""
    return any(map(_is_marked, words[1:])) or sum(word.casefold() not in _PLAIN for word in words) >= _ANTECEDENT


def _is_marked(word: str) -> bool:
    """Whether a word has a capital or is a number, as names and values are."""
    return (word[0].isupper() or word[0].isdigit()) and word not in _I
