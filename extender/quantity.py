"""Kubernetes quantities as exact integers.

Grammar and rounding follow apimachinery's resource.Quantity: a decimal number with a binary suffix
(Ki … Ei), a decimal suffix (n u m, none, k M G T P E) or an exponent. Anything finer than a nano is
rounded up (away from zero). Values beyond int64 saturate, so an absurd `1e400` is merely very large.
"""

import re
from functools import lru_cache

MAX_INT64 = 2**63 - 1
NANO = 10**9

_NUMBER = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(.*)", re.ASCII | re.DOTALL)
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)", re.ASCII)
_BINARY = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4, "Pi": 1024**5, "Ei": 1024**6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_WRITTEN = {power: suffix for suffix, power in _DECIMAL.items()}
# Digits and exponents past these cannot change an int64 or a nano, and would only cost time.
_DIGITS_MAX = 4096
_EXPONENT_MAX = 64


class QuantityError(ValueError):
    """The text is not a Kubernetes quantity."""

    def __init__(self, text: object) -> None:
        super().__init__(f"not a quantity: {str(text)[:60]!r} (want for example 250m, 1.5Gi, 3 or 2e9)")


def nano(text: str | float) -> int:
    """The exact value times 10^9, rounded up to an integer; unbounded."""
    return _nano(text if isinstance(text, str) else _plain(text))


def milli(text: str | float) -> int:
    """The value times 1000, rounded away from zero; what Kubernetes uses for CPU."""
    return _saturated(_divide_away(nano(text), 10**6))


def value(text: str | float) -> int:
    """The value rounded away from zero to a whole number; what Kubernetes uses for all but CPU."""
    return _saturated(_divide_away(nano(text), NANO))


def form_of(text: str | float) -> str:
    """How a quantity is written: binary, decimal or exponent."""
    told = str(text)
    if told.endswith("i"):
        return "binary"
    return "exponent" if _EXPONENT.search(told) else "decimal"


def written(nanos: int, form: str) -> str:
    """Billionths and a form -> as Kubernetes writes it: the shortest whole number with a suffix."""
    if form == "binary" and abs(nanos) >= 1024 * NANO:
        return _in_binary(_divide_away(nanos, NANO))
    power = min(_WRITTEN)
    while power < max(_WRITTEN) and nanos % 1000 == 0 and nanos:
        nanos //= 1000
        power += 3
    if not nanos:
        return "0"
    if form == "exponent":
        return f"{nanos}e{power}" if power else str(nanos)
    return f"{nanos}{_WRITTEN[power]}"


def canonical(text: str | float) -> str:
    """The quantity as Kubernetes writes it back: 2000m is 2, 0.5 is 500m. Raises QuantityError."""
    return written(nano(text), form_of(text))


def _in_binary(units: int) -> str:
    suffixes = ["", *_BINARY]
    while units % 1024 == 0 and len(suffixes) > 1:
        units //= 1024
        suffixes.pop(0)
    return f"{units}{suffixes[0]}"


def _plain(number: float) -> str:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise QuantityError(number)
    return str(number)


@lru_cache(maxsize=65536)
def _nano(text: str) -> int:
    match = _NUMBER.fullmatch(text) if len(text) <= _DIGITS_MAX else None
    if match is None:
        raise QuantityError(text)
    sign, whole, fraction, bare_fraction, suffix = match.groups()
    fraction = fraction or bare_fraction or ""
    digits = int((whole or "") + fraction)
    if suffix in _BINARY:
        amount = _scaled(digits * _BINARY[suffix], 9 - len(fraction))
    elif suffix in _DECIMAL:
        amount = _scaled(digits, 9 - len(fraction) + _DECIMAL[suffix])
    elif exponent := _EXPONENT.fullmatch(suffix):
        power = max(-_DIGITS_MAX, min(_DIGITS_MAX, int(exponent[1][:8])))
        amount = _scaled(digits, 9 - len(fraction) + power)
    else:
        raise QuantityError(text)
    return -amount if sign == "-" else amount


def _scaled(digits: int, power: int) -> int:
    """digits x 10^power, rounded up; digits is not negative."""
    if power >= 0:
        return digits * int(10 ** min(power, _EXPONENT_MAX))
    return -(-digits // int(10**-power))


def _divide_away(amount: int, by: int) -> int:
    magnitude = -(-abs(amount) // by)
    return magnitude if amount >= 0 else -magnitude


def _saturated(amount: int) -> int:
    return max(-MAX_INT64 - 1, min(MAX_INT64, amount))
