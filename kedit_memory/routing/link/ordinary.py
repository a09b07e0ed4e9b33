"""English words that are also names ("Was", "Life", "Us"): a name only where the text writes them as one.

That is in quotes, or spelt as the name is; not at the beginning of a sentence where most sentences begin so, and not as
a part of a longer title: "Life of Pi" names no "Life".
"""

from kedit_memory.questions import FUNCTION_WORDS
from kedit_memory.routing.link.text import LinkedText
from kedit_memory.text import fold, fold_with_offsets

_WORDS = """
    able about above accident act action after again against age ago air alien aliens all almost alone along already
    also always am among another answer any anyone anything area arm around arrival art ask at away baby back bad
    ball bank basic bath beach bear beauty because become bed before begin behind believe best better between big
    bird birth black blood blue board boat body book both box boy bread break bridge bring brother brown build
    burning business but buy call came can captain car card care carry case cat catch cause centre chair chance
    change child children choice church circle city class clear clock close closer club coast cold come company
    control cook cool could country course cover crash cross cry cut dance danger dark daughter day days dead deal
    dear death deep demons desire destiny different dinner direction doctor dog dogs don done door double down dream
    dreams drive dust each early earth east easy eat edge eight either else empire end enemy enough even evening
    ever every everything evil exit eye eyes face fact fair faith fall fame family far farm fast father fear feel
    few field fight film find fine fire first fish five flesh flight flights floor flower fly follow food foot
    forest forever forget form fortune foundation four free freedom friend friends front full fun future game games
    garden gate gave get ghost gift girl girls give glass go goal god gold gone good got great green ground group
    grow guard gun hair half hand happy hard hate head health hear heart heat heaven help here hero heroes hers high
    hill him his history hit hold hole home honey hope horse hospital hot hour house hundred hunger hunt hurt
    husband i ice idea if image impact inn inside island join journey joy judge just justice keep key kid kill
    killer kind king kiss kitchen knife know lady lake land large last late later laugh law lead leader learn leave
    left leg less let letter letters level lie life light like line lion list listen little live lives lonely long
    look lost lot love low luck lucky machine magic main make male man many map mask master match matter may maybe
    meal mean meet memory men message middle midnight might milk mind mine minute miracle mirror miss money monster
    month moon more morning most mother mountain mouth move movie much murder music must my mystery near need never
    new news next nice night nine no nobody noise none north nothing now number ocean off office often oh oil old
    once one only open or order other our out outside over own page pain paper parade park part party pass past path
    peace people perfect person persona phone piece place plan planet play please poison police possession power
    present pride prince prison promise public pull pure push queen question quick quiet race radio raiding railing
    rails rain ran re reach read reading ready real reason red remember rest return revenge rich ride right ring
    rise river road rock room royal rugby rule run sad safe said same sand save saw say school science sea season
    second secret see seed seem seen sell send sense sequel serious set seven sex shadow shake shame she ship shoe
    shop short should show sick side sign silence silver simple since sing single sister sit six skin sky sleep slow
    small smile smoke snow so soft soldier some someone something somewhere son song soon soul sound south space
    special speed spirit split sport spring stand star stars start state station stay step still stone stop storm
    story strange stranger street strong study such sugar summer sun sure surface sweet table take talk taste taxi
    teacher team ten test than the-artist the-word then these they thing things think third those though thought
    three through thunder time times today together tomorrow tonight too top total touch tour tours toward town toy
    track trade train tree trial trip trouble truck true trust truth try turn twelve twenty twins two under
    underground until up us use usual very victory view village voice wait wake walk wall want war warm watch water
    wave way we wealth wedding week welcome well went west wheel while white whole why wide wife wild will win wind
    window winter wish within without witness woman women wonder wood word words work world would write wrong year
    years yellow yes yesterday yet you young your
"""
_OPENERS = """
    about after all also am any at before but can could don every first for from he here his how i if let many may
    might more most much my no not now one only or our out over re she should since so some such than then these
    they this those though three through today two under until up very we well while will would yes you your
"""  # words that begin a sentence too often to be a name there; others in capitals may be
_ORDINARY = frozenset(word.replace("-", " ") for word in _WORDS.split()) | FUNCTION_WORDS
_OPENING = frozenset(_OPENERS.split()) | FUNCTION_WORDS
_JOINING = frozenset({"of", "the", "a", "an"})  # between the words of a title
_ENDS = (*".?!:;", "")  # of the text before a sentence begins
_QUOTES = "\"'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d\u300e\u300f\u2039\u203a*_"


def is_ordinary(folded: str) -> bool:
    """Whether a folded name is an ordinary word."""
    return folded in _ORDINARY


def is_spelt(text: LinkedText, first: int, last: int, surface: str) -> bool:
    """Whether tokens [first, last) are written as a name is: quoted, or spelt so where that means something."""
    start, end = text.span(first, last)
    word = text.text[start:end]
    before, after = text.text[:start].rstrip(), text.text[end:].strip()
    if word != _as_written(surface):
        return False
    if before[-1:] in _QUOTES and after[:1] in _QUOTES and before and after:
        return True
    opens = before[-1:] in _ENDS and after and fold(word) in _OPENING
    return not opens and not _is_part(text, first, last)


def _is_part(text: LinkedText, first: int, last: int) -> bool:
    """Whether tokens [first, last) belong to a longer title: a neighbour has a capital that begins no sentence."""
    ahead = next((word for word in text.words if word.last == first), None)
    if ahead and ahead.capital and not ahead.opens:
        return True
    for word in text.words:
        if word.first == last and word.text in _JOINING:
            last = word.last
        elif word.first == last:
            return word.capital
    return False


def _as_written(surface: str) -> str:
    """The part of a name that its folded form stands for: of "I\u00af" the "I"."""
    folded, offsets = fold_with_offsets(surface)
    return surface[offsets[0] : max(offsets[-1], offsets[-2] + 1)] if folded else surface
