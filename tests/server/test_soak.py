"""A server under load that is killed and started again: nothing acknowledged is lost, nothing erased is told."""

from soak_serve import FAULTS, Soaked, soak


def test_nothing_happens_that_must_not() -> None:
    soaked: Soaked = soak(6, 2, "hashing")
    assert [soaked.faults[one] for one in FAULTS] == [0] * len(FAULTS), soaked.lines[:10]
    assert soaked.starts >= 2
    assert soaked.seconds["write"]
