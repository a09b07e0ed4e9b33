"""Which spellings of a name are slips of the pen, and which may be another name."""

import pytest

from kedit_memory.routing.link.spelling import is_slip


@pytest.mark.parametrize(
    ("piece", "name"),
    [
        ("gumi candy", "gummi candy"),
        ("sony allpha", "sony alpha"),
        ("warrioor", "warrior"),
        ("pulp fitcion", "pulp fiction"),
        ("cristian bouchet", "christian bouchet"),
        ("brekkmann", "brekkmann"),
    ],
)
def test_a_sure_slip(piece: str, name: str) -> None:
    assert is_slip(piece, name)


@pytest.mark.parametrize(
    ("piece", "name"),
    [
        ("mario lopez", "maria lopez"),
        ("daniela berg", "daniel berg"),
        ("christina", "christian"),
        ("jon berg", "jan berg"),
        ("renault", "reault wind"),
        ("kazimierz", "kasimir"),
    ],
)
def test_what_may_be_another_name_is_none(piece: str, name: str) -> None:
    assert not is_slip(piece, name)
    assert not is_slip(name, piece)
