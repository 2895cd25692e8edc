"""R-225: traces are taken over from whoever asks, and one attempt at a pod has one trace everywhere."""

from __future__ import annotations

import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.config.logs import Lines
from analytics.config.tracing import TRACE_ID, Span
from extender.record.trace import trace_of

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SHAPE = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def test_r225_a_trace_is_taken_over_with_a_span_of_our_own() -> None:
    span = Span.of(f"00-{TRACE}-{PARENT}-01")
    assert (span.trace, span.flags) == (TRACE, "01")
    assert span.id != PARENT
    assert SHAPE.fullmatch(span.traceparent)


def test_r225_a_later_version_of_the_header_is_read_as_far_as_it_is_known() -> None:
    assert Span.of(f"cc-{TRACE}-{PARENT}-01-what-comes").trace == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
    ],
)
def test_r225_what_is_no_trace_begins_one(header: str) -> None:
    span = Span.of(header)
    assert span.trace not in header
    assert SHAPE.fullmatch(span.traceparent)


@given(st.text(max_size=80))
def test_r225_no_header_leads_to_a_trace_that_is_none(header: str) -> None:
    assert SHAPE.fullmatch(Span.of(header).traceparent)


def test_r225_r221_lines_name_the_trace_of_the_request_unless_they_name_their_own() -> None:
    line = logging.LogRecord("analytics.web", logging.WARNING, __file__, 1, "x", (), None)
    token = TRACE_ID.set(TRACE)
    try:
        assert json.loads(Lines("alone").format(line))["trace_id"] == TRACE
        line.__dict__["trace_id"] = trace_of("d1")
        assert json.loads(Lines("alone").format(line))["trace_id"] == trace_of("d1")
    finally:
        TRACE_ID.reset(token)
    del line.__dict__["trace_id"]
    assert "trace_id" not in json.loads(Lines("alone").format(line))


def test_r225_an_attempt_has_one_trace_and_another_attempt_another() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", trace_of("m3x-1"))
    assert trace_of("m3x-1") == trace_of("m3x-1") != trace_of("m3x-2")
