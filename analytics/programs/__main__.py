"""`python -m analytics.programs NAME ...`: that program. `bin/NAME` (build-local.sh) is no more."""

from __future__ import annotations

import sys

import click

from analytics.programs import COMMANDS

if __name__ == "__main__":
    click.Group("analytics.programs", dict(COMMANDS), help="One tool alone.").main(sys.argv[1:], prog_name="")
