"""Times and numbers are read as Go reads them. The table was printed by Go 1.26's own time.Parse, in UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework.arguments import args_of
from extender.plugins.node_metadata import PLUGIN
from extender.plugins.node_metadata.args import RFC3339, NodeMetadataArgs
from extender.plugins.node_metadata.kernel import AGE_MAX_S, age_s
from extender.plugins.node_metadata.layout import Layout
from extender.plugins.node_metadata.numbers import whole_number

TOLD_BY_GO = [
    ("2006-01-02T15:04:05Z07:00", "2024-02-29T23:59:59Z", (1709251199, 0)),
    ("2006-01-02T15:04:05Z07:00", "2023-02-29T00:00:00Z", None),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:00+24:00", (1703980800, 0)),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:00+25:00", None),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:00,5Z", (1704067200, 500000000)),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:00.1234567899Z", (1704067200, 123456789)),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:60Z", None),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01 00:00:00Z", None),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:00", None),
    ("2006-01-02T15:04:05Z07:00", "2024-1-01T00:00:00Z", None),
    ("2006-01-02T15:04:05Z07:00", "0000-01-01T00:00:00Z", (-62167219200, 0)),
    ("2006-01-02T15:04:05Z07:00", " 2024-01-01T00:00:00Z", None),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T1:00:00Z", (1704070800, 0)),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:00z", None),
    ("2006-01-02T15:04:05Z07:00", "2024-01-01T00:00:00-05:30", (1704087000, 0)),
    ("Mon, 02 Jan 2006 15:04:05 MST", "tue, 05 MAY 2026 10:44:11 CEST", (1777977851, 0)),
    ("Mon, 02 Jan 2006 15:04:05 MST", "Xyz, 05 May 2026 10:44:11 UTC", None),
    ("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 05 May 2026 10:44:11 GMT+3", (1777977851, 0)),
    ("Mon, 02 Jan 2006 15:04:05 MST", "Tue, 05 May 2026 10:44:11 ab", None),
    ("Mon, 02 Jan 2006 15:04:05 MST", "Tue,   05 May 2026 10:44:11 WITA", (1777977851, 0)),
    ("Jan 2, 2006 at 3:04pm (MST)", "Apr 4, 2026 at 8:55am (UTC)", (1775292900, 0)),
    ("Jan 2, 2006 at 3:04pm (MST)", "Apr 04, 2026 at 12:55am (UTC)", (1775264100, 0)),
    ("Jan 2, 2006 at 3:04pm (MST)", "Apr 4, 2026 at 12:55pm (+03)", (1775307300, 0)),
    ("Jan 2, 2006 at 3:04pm (MST)", "Apr 4, 2026 at 13:55pm (UTC)", None),
    ("Jan 2, 2006 at 3:04pm (MST)", "April 4, 2026 at 8:55am (UTC)", None),
    ("2006 002", "2024 060", (1709164800, 0)),
    ("2006 002", "2023 060", (1677628800, 0)),
    ("2006 002", "2024 366", (1735603200, 0)),
    ("2006 002", "2023 366", None),
    ("2006 002", "2024 61", None),
    ("2006-01-02 __2", "2024-02-29  60", (1709164800, 0)),
    ("2006-01-02 __2", "2024-03-01  60", None),
    ("06 1 _2", "68 1  2", (3092688000, 0)),
    ("06 1 _2", "69 12 31", (-86400, 0)),
    ("06 1 _2", "-5 1 2", (789004800, 0)),
    ("15:04:05.000", "01:02:03.5", None),
    ("15:04:05.000", "01:02:03.500", (-62167215477, 500000000)),
    ("15:04:05.000", "01:02:03,500", (-62167215477, 500000000)),
    ("15:04:05.000", "01:02:03.5000", None),
    ("20060102T150405Z0700", "20260423T000918-0500", (1776920958, 0)),
    ("-07:00:00", "-00:00:01", (-62167219200, 0)),
    ("-07:00:00", "-00:00:02", (-62167219198, 0)),
    ("Z070000", "Z", (-62167219200, 0)),
    ("-07", "+05", (-62167237200, 0)),
    ("2006_2006", "2024_2025", (1735689600, 0)),
    ("Month 2006", "Month 2024", (1704067200, 0)),
    ("January 2", "may 7", (-62156246400, 0)),
    ("Monday", "tuesday", (-62167219200, 0)),
    ("", "", (-62167219200, 0)),
    ("", "x", None),
    ("5 .9", "5 .25", (-62167219195, 250000000)),
    ("2006-01-02", "2026-01-02 ", None),
]


@pytest.mark.parametrize(("layout", "text", "moment"), TOLD_BY_GO)
def test_a_time_is_what_go_says(layout: str, text: str, moment: tuple[int, int] | None) -> None:
    assert Layout(layout).parse(text) == moment


# Bounds are naive: the zone is drawn.
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(moment=MOMENTS)
def test_every_layout_of_one_moment_reads_back_as_it(moment: datetime) -> None:
    seconds = math.floor(moment.timestamp()) if moment.year > 1 else None
    written = {
        RFC3339: moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "Mon, 02 Jan 2006 15:04:05 -0700": f"{moment:%a, %d %b} {moment.year:04} {moment:%H:%M:%S} +0000",
        "2006 002 15h4m5s": f"{moment.year:04} {moment:%j} {moment.hour}h{moment.minute}m{moment.second}s",
        "January _2 2006 03:04:05PM": f"{moment:%B} {moment.day:2} {moment.year:04} {moment:%I:%M:%S%p}",
    }
    read = {Layout(layout).parse(text) for layout, text in written.items()}
    assert len(read) == 1
    assert seconds is None or read == {(seconds, 0)}


@given(layout=st.text(max_size=20), text=st.text(max_size=30))
def test_no_text_is_too_strange_to_be_read_or_refused(layout: str, text: str) -> None:
    moment = Layout(layout).parse(text)
    assert moment is None or 0 <= moment[1] < 10**9


@given(text=st.text(alphabet="Jan2006PMst_. ,05xy", max_size=12).filter(lambda t: not t.strip("xy")))
def test_what_is_no_part_of_the_reference_time_is_literal(text: str) -> None:
    assert Layout(text).parse(text) == (-62167219200, 0)
    assert Layout(text).parse(text + "x") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5), ("+7", 7), ("-1", -1), (".5", 0), ("5.", 5), ("-0.9", 0), ("1e3", 1000), ("1E-2", 0), ("1_000", 1000),
        ("0x1p4", 16), ("0X1.8p1", 3), ("0x_1p4", 16), ("9007199254740993", 9007199254740992), ("-9.3e18", None),
        ("9223372036854775807", None), ("1e19", None), ("-9223372036854775808", None), ("1e400", None),
        ("0x1p2000", None), ("0x10", None), ("0b11", None), ("1__0", None), ("_1", None), ("1_", None),
        ("1_.5", None), ("1e_5", None),
        (" 5", None), ("5 ", None), ("", None), (".", None), ("e5", None), ("NaN", None), ("-Inf", None), ("inf", None),
        ("abc", None), ("٣", None), ("1,5", None),
    ],
)  # fmt: skip
def test_a_number_is_what_go_says(text: str, number: int | None) -> None:
    assert whole_number(text) == number


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_cut_toward_zero_where_an_int64_holds_it(number: float) -> None:
    expected = math.trunc(number) if abs(number) < 2**63 else None
    assert whole_number(repr(number)) == expected
    assert whole_number(number.hex()) == expected


@pytest.mark.parametrize(
    ("now", "then", "age"),
    [
        ((10, 0), (7, 0), 3), ((10, 0), (7, 1), 2), ((7, 1), (10, 0), -2), ((7, 0), (10, 1), -3), ((0, 0), (0, 0), 0),
        ((0, 0), (-62135596800, 0), AGE_MAX_S), ((0, 0), (253402300799, 0), -AGE_MAX_S),
        ((9223372036, 854775807), (0, 0), AGE_MAX_S), ((60000000, 999999999), (0, 0), 60000001),
    ],
)  # fmt: skip
def test_an_age_is_gos_duration_cut_to_seconds(now: tuple[int, int], then: tuple[int, int], age: int) -> None:
    """The last one is upstream's too: 0.999999999 s more is lost in the float64."""
    assert age_s(*now, *then) == age


@pytest.mark.parametrize("given", [{}, {"timestampFormat": ""}])
def test_an_empty_format_is_told_as_it_is_and_read_as_rfc_3339(given: dict[str, str]) -> None:
    args, problems = args_of(
        PLUGIN,
        {"metadataKey": "k", "metadataSource": "Label", "metadataType": "Timestamp", "scoringStrategy": "Newest"}
        | given,
    )
    assert problems == []
    assert isinstance(args, NodeMetadataArgs)
    assert args.timestamp_format == given.get("timestampFormat", RFC3339)
    assert Layout(args.layout).parse("1970-01-01T00:00:01Z") == (1, 0)
