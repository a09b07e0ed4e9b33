"""How many of an edit memory's answers are wrong at most, from feedback that comes one at a time, whenever it is read.

A confidence sequence: with the stated confidence its bound holds after every answer at once, so it may be looked at as
often as one likes, and feedback may stop whenever one likes.
"""

import math

from scipy import optimize, special

from kedit_memory.errors import InvalidInputError


def upper_bound(wrong: int, judged: int, confidence: float = 0.95) -> float:
    """The share of wrong answers that is not exceeded, 0 to 1; 1 where nothing was judged.

    It is the largest rate p against which a gambler's capital has never reached 1 / (1 - confidence). The capital is
    that of Waudby-Smith and Ramdas ("Estimating means of bounded random variables by betting", JRSS B 2024), the
    product of 1 + λ (X - p) over the answers, X being 1 for a wrong one, with bets λ = (q - p) / (p (1 - p)) on a lower
    rate q, averaged over all q below p:

        K(p) = 1/p ∫_0^p (q / p)^wrong ((1 - q) / (1 - p))^right dq

    Where each answer is wrong with a probability of p or more, whatever came before, K is a supermartingale that starts
    at 1, and by Ville's inequality reaches 1 / δ with a probability of δ at most.

    Raises:
        InvalidInputError: there are more wrong answers than answers, or the confidence is not between 0 and 1.
    """
    if not 0 <= wrong <= judged:
        raise InvalidInputError(f"{wrong} of {judged} answers cannot be wrong; give counts, the first the smaller one")
    if not 0 < confidence < 1:
        raise InvalidInputError(f"confidence {confidence} is not allowed; give a number between 0 and 1, such as 0.95")
    if wrong == judged:
        return 1.0
    lost = math.log(1 - confidence)

    def missing(rate: float) -> float:
        return _log_capital(rate, wrong, judged - wrong) + lost

    least, most = max(wrong / judged, 1e-12), 1 - 1e-12
    return float(optimize.brentq(missing, least, most)) if missing(most) > 0 else 1.0


def _log_capital(rate: float, wrong: int, right: int) -> float:
    """The logarithm of K(p), by the incomplete beta function."""
    below = special.betainc(wrong + 1, right + 1, rate)
    if below == 0:
        return -math.inf
    won = special.betaln(wrong + 1, right + 1) + math.log(below) - math.log(rate)
    return float(won - wrong * math.log(rate) - right * math.log1p(-rate))
