"""What a frame loses first when the buffer runs full."""

from __future__ import annotations

from msgspec.structs import replace

from extender.record.frames import Decision, Event, Frame, Snapshot


def lean(frame: Frame) -> Frame | None:
    """The facts without the detail. None: nothing would be left, so the frame goes as a whole.

    Snapshots and events serve replay alone; who decided what, and how it ended, is kept longest.
    """
    if isinstance(frame, Snapshot | Event):
        return None
    if isinstance(frame, Decision):
        return replace(frame, best=[], rejected=[], features={}, candidates=[])
    return frame
