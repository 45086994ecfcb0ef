"""Exact money: `Decimal` amounts, sums that do not drift, and splits that add up to the last cent.

Amounts come in through `reading.amount` (TikTok sends decimal texts, Pipe17 JSON numbers) and go out through
`jsontext.dumps`; between the two nothing is rounded. The one place where an amount has to be cut into pieces is
`allocate`: it hands out whole steps of the currency's smallest unit by the largest-remainder method, so the pieces
always add up to what was split.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

ZERO = Decimal(0)

WITHOUT_CENTS = frozenset({"IDR", "JPY", "VND"})
"""Currencies of TikTok Shop markets whose amounts are whole (the live VND payloads of the contract, section 0.3)."""


def smallest_unit(currency: str) -> Decimal:
    """The step in which amounts of a currency are charged."""
    return Decimal(1) if currency in WITHOUT_CENTS else Decimal("0.01")


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; of nothing it is 0."""
    return sum(amounts, ZERO)


def allocate(amount: Decimal, weights: Sequence[Decimal], step: Decimal) -> tuple[Decimal, ...]:
    """Split `amount` in proportion to `weights`; the parts add up to `amount` exactly.

    Each part is a whole number of `step`s (where the amount itself is finer than `step`, of its last digit). What is
    left after rounding every part towards zero goes, one step each, to the parts that lost most, the earlier of equals
    first. All weights zero: equal shares. Raises `ValueError` for no weights or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError("an amount is split by one or more weights, none of them negative")
    if amount < 0:
        return tuple(-part for part in allocate(-amount, weights, step))
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int), "amounts are finite: `reading.amount` lets nothing else in"
    step = min(step, Decimal(1).scaleb(exponent))
    steps = Fraction(amount) / Fraction(step)
    if steps.denominator != 1:
        raise ValueError(f"{amount} is not a whole number of {step}")
    shares = [Fraction(weight) for weight in weights] if any(weights) else [Fraction(1)] * len(weights)
    exact = [steps * share / sum(shares) for share in shares]
    parts = [int(share) for share in exact]
    by_loss = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
    for place in by_loss[: int(steps) - sum(parts)]:
        parts[place] += 1
    return tuple(part * step for part in parts)
