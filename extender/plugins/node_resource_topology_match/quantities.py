"""Amounts as Kubernetes writes them: the shortest whole number with a suffix, in the form of the original."""

from __future__ import annotations

_UNIT = 10**9
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}


def written(amount: int, form: str) -> str:
    """Billionths and a form (binary, decimal, exponent) -> canonical text."""
    if form == "binary" and abs(amount) >= 1024 * _UNIT:
        return _in_binary(-(-amount // _UNIT))
    power = min(_DECIMAL)
    while power < max(_DECIMAL) and amount % 1000 == 0 and amount:
        amount //= 1000
        power += 3
    if not amount:
        return "0"
    if form == "exponent":
        return f"{amount}e{power}" if power else str(amount)
    return f"{amount}{_DECIMAL[power]}"


def _in_binary(units: int) -> str:
    power = 0
    while units % 1024 == 0 and power + 1 < len(_BINARY):
        units //= 1024
        power += 1
    return f"{units}{_BINARY[power]}"
