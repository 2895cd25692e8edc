"""Quantities are read as Kubernetes reads them, and only what Kubernetes accepts is read."""

from contextlib import suppress
from decimal import ROUND_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.quantity import MAX_INT64, NANO, QuantityError, canonical, milli, nano, value, written

BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
DECIMAL = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1), "k": Decimal("1e3"),
    "M": Decimal("1e6"), "G": Decimal("1e9"), "T": Decimal("1e12"), "P": Decimal("1e15"), "E": Decimal("1e18"),
}  # fmt: skip
SUFFIXES = {name: Decimal(factor) for name, factor in BINARY.items()} | DECIMAL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0), ("100m", 1), ("0.1", 1), (".5", 1), ("1.", 1), ("+1", 1), ("-1", -1), ("-1500m", -2),
        ("1.5Gi", 1610612736), ("123Mi", 128974848), ("129e6", 129000000), ("129M", 129000000), ("5E", 5 * 10**18),
        ("5E3", 5000), ("1E-3", 1), ("250n", 1), ("2.5Ti", 2748779069440), (3, 3), (0.25, 1),
    ],
)  # fmt: skip
def test_a_value_is_rounded_away_from_zero(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("0.1m", 1), ("100m", 100), ("1500m", 1500), ("100u", 1), ("2", 2000)])
def test_cpu_is_counted_in_millis_rounded_up(text, expected):
    assert milli(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "1 Gi", "Gi", "1gi", "1KB", "1i", "1e", "1.2.3", "1_000", "１", "--1", "1e+", "0x10", "NaN", "inf", True, None,
     [], "1" * 5000],
)  # fmt: skip
def test_what_kubernetes_refuses_is_refused(text):
    with pytest.raises(QuantityError, match="not a quantity"):
        value(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("1e400", MAX_INT64), ("-1e400", -MAX_INT64 - 1), ("9999Ei", MAX_INT64), ("1e-400", 1)]
)
def test_an_absurd_amount_saturates(text, expected):
    assert (value(text), milli(text)) == (expected, expected)


@given(
    sign=st.sampled_from(["", "+", "-"]),
    whole=st.integers(0, 10**12),
    fraction=st.none() | st.text("0123456789", max_size=12),
    suffix=st.sampled_from(sorted(SUFFIXES)),
)
def test_every_quantity_is_exact_to_the_nano_and_rounded_up_below(sign, whole, fraction, suffix):
    text = f"{sign}{whole}{'' if fraction is None else '.' + fraction}{suffix}"
    with localcontext(prec=80):
        exact = Decimal(f"{sign}{whole}.{fraction or '0'}") * SUFFIXES[suffix] * 10**9
        assert nano(text) == int(exact.to_integral_value(rounding=ROUND_UP))


@given(st.text(max_size=20))
def test_any_text_is_a_quantity_or_an_error(text):
    with suppress(QuantityError):
        assert -MAX_INT64 - 1 <= value(text) <= MAX_INT64


@pytest.mark.parametrize(
    ("amount", "form", "text"),
    [
        (0, "binary", "0"),
        (1536 * 2**20 * NANO, "binary", "1536Mi"),
        (1000 * NANO, "binary", "1k"),
        (1025 * NANO, "binary", "1025"),
        (260 * 2**20 * NANO, "decimal", "272629760"),
        (5 * 10**9 * NANO, "decimal", "5G"),
        (6691 * 10**6, "decimal", "6691m"),
        (100_000, "decimal", "100u"),
        (3000 * NANO, "exponent", "3e3"),
    ],
)
def test_amounts_are_written_as_kubernetes_does(amount, form, text):
    assert written(amount, form) == text


@pytest.mark.parametrize(
    ("text", "again"),
    [("2000m", "2"), ("0.5", "500m"), (2, "2"), ("1024Mi", "1Gi"), ("100u", "100u"), ("5E", "5E"), ("5E3", "5e3"),
     ("0", "0"), ("-1500m", "-1500m"), ("0.5Ki", "512")],
)  # fmt: skip
def test_a_quantity_is_written_back_in_its_shortest_form(text, again):
    assert canonical(text) == again


@given(st.integers(-(10**15), 10**15), st.sampled_from(["", "m", "k", "Ki", "Gi", "e3"]))
def test_written_back_it_is_the_same_amount(number, suffix):
    assert nano(canonical(f"{number}{suffix}")) == nano(f"{number}{suffix}")
