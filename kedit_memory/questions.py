"""What a prompt asks for: whether it is a question or the beginning of a sentence, and what would answer it.

A question mark is a sign, not a condition: people leave it out, write it in their own script, and go on after it.
Without one, the first words tell a question or a request. Openers are those of the languages whose questions begin with
them; Chinese, Japanese and Korean put the asking word anywhere.
"""

import re
from enum import StrEnum

_MARKS = "?？؟¿"
_ENDS = ("?", "？", "؟", ".", "!", "。", "！", "…")
_CLOSING = "\"'”’»)]}›」』*_` "  # may follow the mark that ends a text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that say how something is asked, not what about.
FUNCTION_WORDS = _words("""
    a an and are as at be by did do does for from had has have how in into is it its name of on or that the their
    s there this to was were what when where which who whom whose why with tell me
""")
_ASKING = _words("""
    who whom whose what what's whats which when where why how who's whos where's wheres how's when's
    wer wen wem wessen was welche welcher welches welchen wann wo woher wohin warum wieso weshalb wie wieviel
    qui que qu'est-ce quoi quel quelle quels quelles quand où pourquoi comment combien
    quién quiénes qué cuál cuáles cuándo dónde cómo cuánto cuánta cuántos cuántas
    quem quando onde quanto quantos quantas qual quais chi cosa quale quali dove perché
    wie wat waar wanneer waarom welk hoe кто что как из-за зачем чей من ما ماذا متى أين كيف لماذا كم أي
""")
_AUXILIARIES = _words("""
    is are was were am isn't aren't wasn't weren't do does did don't doesn't didn't has have had hasn't haven't hadn't
    can could can't couldn't will would won't wouldn't shall should shouldn't may might must
    ist sind war waren hat haben kann können darf dürfen wird werden muss gibt est-ce هل
""")
_REQUESTS = _words("""
    name list tell give say state show explain describe define find identify provide spell write compose draft
    translate summarize summarise compare calculate compute convert help please remind repeat confirm choose pick
    suggest recommend create generate make rewrite nenne sag erkläre dis donne explique dime nombra
""")
_PREPOSITIONS = _words("in at on by to for from of with under since until till during about into through after before")
_ANYWHERE = _words(
    "what which who whom whose welche welchem welchen welcher wem quel quelle quels quelles qué cuál cuáles"
)
# Languages that put the asking word anywhere, or inflect it.
_INFLECTED = re.compile(
    "[什怎哪谁誰吗嗎呢幾几]|多少|多大|多长|多高|多远|何|どこ|どの|いつ|なぜ|どう|ですか|ますか|누구|무엇|뭐|어디|언제|왜|어떻게|몇|"
    r"\b(?:кто|кого|кому|кем|как(?:ой|ая|ое|ие|им|их|ого|ому|ую|ом)|сколько|скольких|где|когда|почему|куда|откуда)\b|"
    "क्या|कौन|किस|किन|कहाँ|कहां|कब|क्यों|कैसे|कितन",
    re.IGNORECASE,
)
_MARK = re.compile(f"[{re.escape(_MARKS)}]")
_WORD = re.compile(r"[\w'’-]+")

# Before what is really asked: "Can you tell me who …", "Hi, I'd like to know what …".
_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|so|and|but|well|also|please|thanks|sorry|excuse me|quick question)\b[\s,.:!-]*)*"
    r"(?:(?:can|could|would|will) (?:you|anyone|someone|somebody)(?: please)? |"
    r"(?:do|does|did) (?:you|anyone|anybody|someone) |"
    r"(?:i (?:want|need|wish)|i'd like|i would like) to |i wonder |i'm wondering |may i |can i )?"
    r"(?:please )?(?:kindly )?"
    r"(?:(?:tell|remind|show|give|let)(?: me| us)?(?: know)?(?: about)?[ ,:]+|know |ask(?: you)? |find out )?",
    re.IGNORECASE,
)


# A text that ends so is to be continued.
_EXPECTING = _words(
    """
    is are was were be been has have had the a an of in at on by to for from with as named called like and than
    plays play played speaks speak spoke works worked lives lived holds held owns owned wrote means became include
    """
)
_OPENERS = _ASKING | _AUXILIARIES | _REQUESTS


class Wanted(StrEnum):
    """What would answer a question."""

    YES_NO = "yes or no"
    PERSON = "a person"
    PLACE = "a place"
    TIME = "a time"
    AMOUNT = "an amount"
    MANNER = "a reason or a way"
    TASK = "a piece of work"  # a text to write, a sum to do: it uses facts, and asks for none
    THING = "a thing"  # anything else


_BY_WORDS = (
    (
        re.compile(
            r"^(?:at|on|in|by|since|until|from)? ?"
            r"(?:when\b|how (?:early|late|soon)\b|"
            r"wh(?:at|ich) (?:year|day|date|month|time|century|decade|hour|weekday)\b)"
        ),
        Wanted.TIME,
    ),
    (
        re.compile(r"^how (?:many|much|old|long|far|tall|high|large|big|deep|wide|fast|often|expensive|heavy)\b"),
        Wanted.AMOUNT,
    ),
    (re.compile(r"^(?:why|how)\b(?!'s| is .+ called)"), Wanted.MANNER),
    (re.compile(r"^(?:to|from|by|with|of)? ?(?:who|whom|whose|who's|whos)\b"), Wanted.PERSON),
    (re.compile(r"^(?:from|to)? ?where\b"), Wanted.PLACE),
    (
        re.compile(
            r"^(?:write|compose|draft|translate|summari[sz]e|compare|calculate|compute|convert|rewrite|create|generate|suggest|"
            r"recommend|make|help|choose|pick|improve|shorten|correct)\b"
        ),
        Wanted.TASK,
    ),
)


def is_cloze(text: str) -> bool:
    """Whether `text` is the beginning of a sentence, to be continued: neither a question, nor a request, nor whole."""
    stripped = text.rstrip().rstrip(_CLOSING)
    return not stripped.endswith(_ENDS) and not is_question(text)


def is_question(text: str) -> bool:
    """Whether `text` asks or requests something: by a mark anywhere, by an asking word, or by how it begins."""
    if _MARK.search(text):
        return not _goes_on(_MARK.split(text)[-1])
    return bool(_INFLECTED.search(text)) or _begins_question(text) or _asks_within(text)


def _begins_question(text: str) -> bool:
    plain = _straight(text)
    words = _WORD.findall(plain.casefold())
    if not words:
        return False
    asked = core(plain).casefold()
    first = (_WORD.findall(asked) or words)[0]
    if words[0] in _ASKING or first in _ASKING:
        return not ("," in asked and words[-1] in _EXPECTING)  # "Where he is from, people speak the language of"
    if words[0] in _PREPOSITIONS and words[1:2] and words[1] in _ASKING:
        return True
    return words[0] in _AUXILIARIES | _REQUESTS or (len(asked) < len(plain) and first in _OPENERS)


def _asks_within(text: str) -> bool:
    """Whether an asking word stands within: "Bath lies in which country"; not "Bath, which lies in"."""
    plain = _straight(text).casefold()
    words = _WORD.findall(plain)
    asking = {word for word in _ANYWHERE & set(words) if f", {word} " not in plain}
    return bool(asking) and words[-1] not in _EXPECTING


def _goes_on(rest: str) -> bool:
    """Whether what follows a question mark begins an answer that is to be continued: "What does he play? He plays"."""
    words = _WORD.findall(rest.casefold())
    return len(words) > 1 and not rest.rstrip().endswith(_ENDS) and words[-1] in _EXPECTING


def core(text: str) -> str:
    """What is asked, without the greeting and the courtesy before it."""
    plain = " ".join(_straight(text).split())
    found = _POLITE.match(plain)
    rest = plain[found.end() :] if found else plain
    first = _WORD.search(rest)
    return rest if first and first[0].casefold() in _OPENERS else plain


def wanted(text: str) -> Wanted:
    """What would answer a question; English alone is told apart, all else asks for a thing."""
    asked = core(text).casefold()
    for pattern, kind in _BY_WORDS:
        if pattern.match(asked):
            return kind
    words = _WORD.findall(asked)
    if words and words[0] in _AUXILIARIES and "or" not in words:
        return Wanted.YES_NO
    return Wanted.YES_NO if re.search("[吗嗎][？?]?$|^est-ce que|^هل ", asked) else Wanted.THING


def _straight(text: str) -> str:
    """The text with the apostrophe that keyboards have."""
    return text.replace("’", "'")
