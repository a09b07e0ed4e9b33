"""Texts with their numbers in digits, and without what only looks like a number: "one of the", "first of all", "24/7".

Spelt numbers of English, German, French and Spanish are read by text2num, in the language that most of a text's short
words belong to.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from text_to_num import alpha2digit

from kedit_memory.routing.guard.names import units
from kedit_memory.routing.guard.reading import any_of, word_set

NAME = "Xx"  # stands for a name, and like one begins with a capital

_LANGUAGES = {
    "en": word_set("""
        the is was of what how and in for to who when where which does do can i my a at
    """),
    "de": word_set("""
        der die das den dem ist sind hat was nach gilt bei wie wann wer wo für von mit ein eine einen auf zu im am wird
        kann ich und zwei drei vier fünf sechs sieben zehn zwanzig dreißig
    """),
    "fr": word_set("""
        le la les des du est quel quelle quels et pour dans une un en qui où comment combien je au il deux trois quatre
        cinq huit dix vingt trente
    """),
    "es": word_set("""
        el los las de del qué cuál cuándo cuánto por para una un y es con se en la al quién dónde dos tres cuatro cinco
        seis siete ocho diez veinte treinta
    """),
}
SHORT_WORDS = frozenset[str]().union(*_LANGUAGES.values())
_ARTICLES = {
    "de": re.compile(r"\b(?:ein|eine[mnrs]?|eins)\b", re.IGNORECASE),
    "fr": re.compile(r"\b(?:une?|neu(?:f|ve)s?)\b(?! ?(?:heures|ans|jours|mois|kilos))", re.IGNORECASE),
    "es": re.compile(r"\b(?:un|una|uno|unos|unas)\b", re.IGNORECASE),
}
_MARKS = str.maketrans({**dict.fromkeys("‐‑‒–—−", "-"), **dict.fromkeys("’‘ʼ", "'"), "⁄": "/"})
_CHINESE = re.compile("[零〇一二三四五六七八九十百千万亿两]+")
_CHINESE_FEW = frozenset("一十百千万亿两")  # as a rule no number: 一些, 万一, 十分
_CHINESE_COUNTED = re.compile(r"[年月日号天周岁个点度米升克斤公千厘毫小分百楼层版章条元%]|星期")
_CHINESE_WEEK = re.compile("(?:星期|周|礼拜)$")
_MYRIAD = 10_000

_SPELT = word_set("""
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion zero dozen
    half quarter cent ones twice seconds thirds quarters fifths
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth
    ninetieth hundredth thousandth
""")
_WORD = re.compile(r"[^\W\d_]+")
_LETTERS = re.compile(rf"\b({any_of(_SPELT)})-(?=[a-zA-Z])", re.IGNORECASE)
_ONE = re.compile(r"\bone\b", re.IGNORECASE)
_TENS = word_set("twenty thirty forty fifty sixty seventy eighty ninety and point zero oh")
_SCALES = word_set("hundred thousand million billion trillion point half")
_WORD_BEFORE, _WORD_AFTER = re.compile(r"(\w+)\W{1,2}$"), re.compile(r"\W{1,2}(\w+)")
LABELS = word_set(
    "floor level day week month chapter grade phase step round season episode part section platform gate lane class "
    "type room page line unit module volume figure table stage tier zone terminal track bus article form appendix "
    "building block row seat aisle bay hall group option question size version release edition flight route highway age"
)

# What is no value, though it holds a number's word.
_RHETORIC_PHRASES = (
    "first of all, at first, first and foremost, first things first, first thing, in the first place, first off, "
    "at first sight, first aid, first come, first hand, first class, first name, "
    "second hand, second guess, second thought, second thoughts, second to none, every second counts, split second, "
    "a second, one second, third party, third parties, third world, one off, one way, one time, one sided, one stop, "
    "one another, one by one, one on one, one and only, one at a time, square one, day one, number one, "
    "on one hand, on the one hand, one size fits all, at one point, one thing, one more, one of, one who, one that, "
    "one which, one can, one could, one should, one would, one may, one might, one must, one has, one is, one does, "
    "one needs, one wants, no one, any one, some one, every one, each one, this one, that one, which one, the one, "
    "another one, for one, only one, next one, new one, old one, good one, best one, right one, wrong one, same one, "
    "the ones, two way, two sided, two faced, two factor, two dimensional, three dimensional, three d, four wheel, "
    "six pack, twenty four seven, nine to five, fifty fifty, a million times, zero chance, zero idea"
)
_RHETORIC = re.compile(rf"\b(?:{any_of(_RHETORIC_PHRASES.split(', '))})\b|\bfirst, (?=\w)".replace(r"\ ", "[ -]"), re.I)
_SMALL = "two three four five six seven eight nine ten"
_RHETORIC_DIGITS = re.compile(
    r"(?<!\w)(?:24\s?/\s?7|24x7|24-7|2[ -]?fa\b|50[-/ ]50|9[- ](?:to[- ])?5 job|catch[- ]22)", re.IGNORECASE
)
_FEET = re.compile(r"(?<![\w.'])([3-8])' ?(\d\d?)(?:\"|''|(?!\w))")
# The number of answers that are asked for or told: "which two teams", "name three reasons", "the two sides".
_COUNTED = re.compile(
    r"\b(what|which|name|list|give|these|those|other|both)"
    rf" (?:{any_of(_SMALL.split())})\b",
    re.IGNORECASE,
)
_PHRASES = (
    (re.compile(r"\bper cent\b", re.IGNORECASE), "percent"),
    (re.compile(r"\b(many|several|few) (?:hundred|thousand|million|billion)s?\b", re.IGNORECASE), r"\1 _"),
    (re.compile(r"\bhalf a dozen\b", re.IGNORECASE), "6"),
    (re.compile(r"\b(?:a|one|per) dozen\b", re.IGNORECASE), "12"),
    (re.compile(r"\b(\w+) dozen\b", re.IGNORECASE), r"\1 times 12"),
    (re.compile(r"\ban? (?=hundred|thousand|million|billion)", re.IGNORECASE), "one "),
    (re.compile(r"\ban hour and a half\b", re.IGNORECASE), "1.5 hours"),
    (re.compile(r"\b(?:half an?|an? half) (?=\w)", re.IGNORECASE), "0.5 "),
    (re.compile(r"(?<=\d) ?thousand\b", re.IGNORECASE), " k"),
    (re.compile(r"(?<=\d) ?million\b", re.IGNORECASE), " mn"),
    (re.compile(r"(?<=\d) ?billion\b", re.IGNORECASE), " bn"),
    (re.compile(r"(?<=\d) ?trillion\b", re.IGNORECASE), " tn"),
    (re.compile(r"\ba quarter of an hour\b", re.IGNORECASE), "15 minutes"),
    (re.compile(r"\b(per|an?|each|every) second\b(?! (?!later|delay|ago|pause|timeout)\w)", re.IGNORECASE), r"\1 sec"),
    (re.compile(r"(?<=\d)[ -]seconds?\b", re.IGNORECASE), " sec"),
    (
        re.compile(r"\b(?:nineteen|eighteen|seventeen|sixteen|twenty) (?=(?:ten|eleven|twelve|\w+teen|\w+ty)\b)", re.I),
        r"\g<0>_ ",
    ),
)
_AFTER_WORDS = (
    (re.compile(r"\b(1[6-9]|20) _ (\d\d)\b"), r"\1\2"),
    (re.compile(r" _ "), " "),
    (re.compile(r"\b(\d+) and (?:a half|0\.5)\b"), r"\1.5"),
    (re.compile(r"\b(?:a|1) (?:third|3rd)\b(?= of)", re.IGNORECASE), "1/3"),
    (re.compile(r"\b(\d) (?:thirds|3rds)\b", re.IGNORECASE), r"\1/3"),
    (re.compile(r"\b(\d) quarters\b", re.IGNORECASE), r"\1/4"),
    (re.compile(r"\b(\d) fifths\b", re.IGNORECASE), r"\1/5"),
)


def plain(text: str, names: Sequence[str] = ()) -> tuple[str, str]:
    """A text with its numbers in digits and its names hidden, and its language: "en", "de", "fr" or "es"."""
    shown = hidden_names(_marked(text), names)
    if not shown.isascii():
        shown = _CHINESE.sub(_chinese, "".join(map(_digit, shown)))
    words = _words(shown)
    language = _language(words)
    if language != "en":
        return str(alpha2digit(_ARTICLES[language].sub("_", shown), language, threshold=0)), language
    shown = _FEET.sub(r"\1 feet \2 inches", _RHETORIC_DIGITS.sub("_", shown))
    return (_english(shown) if words & _SPELT else shown), language


@lru_cache(8192)
def language_of(text: str) -> str:
    """The one of the four languages that most of a text's short words belong to; English where none does."""
    return _language(_words(text))


def hidden_names(text: str, names: Sequence[str]) -> str:
    """A text with `NAME` in the place of each name."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(_marked(name))}(?!\w)", NAME, text, flags=re.IGNORECASE)
    return text


def _marked(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_MARKS)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def _language(words: set[str]) -> str:
    return max(_LANGUAGES, key=lambda one: len(words & _LANGUAGES[one]))  # the first, English, when equal


def _english(text: str) -> str:
    text = _RHETORIC.sub(" _ ", _LETTERS.sub(r"\1 ", text))
    text = _COUNTED.sub(r"\1 _", _ONE.sub(_one, text))
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    text = str(alpha2digit(text, "en", threshold=0))
    for pattern, replacement in _AFTER_WORDS:
        text = pattern.sub(replacement, text)
    return text


def _one(found: re.Match[str]) -> str:
    """The word "one" where it counts something, or numbers it; else a word that is no number."""
    text = found.string
    before, after = _WORD_BEFORE.search(text, 0, found.start()), _WORD_AFTER.match(text, found.end())
    last, following = (word[1].casefold() if word else "" for word in (before, after))
    counts = last in _TENS or last in LABELS or following in _SCALES or following in units()
    return found[0] if counts or (last in _SCALES and last != "point") else "_"


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None or character.isascii() else str(value)


def _chinese(found: re.Match[str]) -> str:
    """A number in Chinese characters as digits; what is a word without that meaning stays."""
    said, text = found[0], found.string
    numbers = text[: found.start()].endswith("第") or _CHINESE_COUNTED.match(text, found.end())
    if _CHINESE_WEEK.search(text, 0, found.start()) or (said in _CHINESE_FEW and not numbers):
        return said
    values = [2 if one == "两" else int(unicodedata.numeric(one)) for one in said]  # 两 has no value in Unicode
    if max(values) < 10:  # years are told digit by digit
        return "".join(map(str, values))
    total = part = digit = 0
    for value in values:
        if value < 10:
            digit = value
        elif value < _MYRIAD:
            part, digit = part + max(digit, 1) * value, 0
        else:
            total, part, digit = (total + part + digit) * value, 0, 0
    return str(total + part + digit)
