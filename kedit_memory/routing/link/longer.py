"""Names that go on: "the Marlow Foundation" is another thing than Marlow, and "Marlow Street" no place of Marlow's."""

from kedit_memory.routing.link.text import LinkedText

# What a name in front of it makes a name of its own. Words that a short form leaves out are not here: "Stanford" is
# Stanford University, "Acme" the Acme Company.
_WORDS = """
    academy accord act affair airport archive archives arena association avenue award awards bay beach bridge building
    cathedral chapel church clinic conference convention council court crater cup disease dam district dynasty effect
    equation expedition falls festival fellowship foundation fund gallery games garden gardens glacier hall harbour
    harbor highway hospital hotel incident institute island islands lake lane law lecture library lighthouse marathon
    medal memorial monument mosque mountain mountains museum observatory orchestra palace papers park pass peninsula
    philharmonic plaza prize protocol quartet railway rebellion report reserve resort road scandal scholarship school
    shipyard society square stadium station strait street studios summit symphony syndrome theater theatre theorem
    tournament tower treaty trio trophy trust tunnel valley zoo
"""
_HEADS = frozenset(_WORDS.split())


def begins_longer(text: LinkedText, end: int) -> bool:
    """Whether a name before the token at `end` is the beginning of a longer one, which that token makes of it."""
    if end >= len(text.tokens) or text.tokens[end] not in _HEADS or not text.blank_before(end):
        return False
    capital = all(text.text[text.span(place, place + 1)[0]].isupper() for place in (end - 1, end))
    return capital and any(map(str.islower, text.text))  # where all is in capitals they tell nothing
