"""trimtab version"""

import click

from extender import __version__


@click.command(help="Print the version.")
def version() -> None:
    click.echo(f"trimtab {__version__}")
