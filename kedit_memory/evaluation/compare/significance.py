"""Whether two methods differ: an exact test of paired cases, and Holm's correction where many are tested."""

from collections.abc import Sequence

import numpy as np


def randomisation_p(differences: Sequence[int]) -> float:
    """How often the two methods of a pair, swapped at random in each case, would differ at least as much in all.

    The randomisation test of Fisher (1935) for paired data, two-sided and exact: the sum of the differences is
    distributed as that of all their signs, found by adding a case at a time. Where no case counts more than one
    question it is the exact test of McNemar (1947), the binomial one on the cases that the methods answer differently.

    Args:
        differences: of each case, how many more of its questions the first method answered as it should.
    """
    sizes = [abs(one) for one in differences if one]
    most = sum(sizes)
    chance = np.zeros(2 * most + 1)  # of each sum from -most to most
    chance[most] = 1.0
    for size in sizes:
        chance = (np.roll(chance, size) + np.roll(chance, -size)) / 2  # what would come round is zero
    sums = np.abs(np.arange(-most, most + 1))
    return min(1.0, float(chance[sums >= abs(sum(differences))].sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of tests made together, adjusted so that one below 0.05 is wrong in a family with chance 0.05.

    The step-down procedure of Holm (1979): the smallest of m is taken m times, the next m - 1 times, and none is less
    than one before it.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
