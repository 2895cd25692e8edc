"""The journal's writing end: frames in, files out, and never in the way of an answer.

Here: the writer, its buffer for bad times, the disk budget. What a frame and a segment look like stands in `record`;
who reads them is not our business.
"""

from extender.journal.journal import Journal

__all__ = ["Journal"]
