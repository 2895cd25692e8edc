"""trimtab kernels: what the extender runs as machine code."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from extender.native.folders import usual_cache


@click.group(help="Compiled kernels: the loops of all installed plugins, and the byte work of the wire.")
def kernels() -> None:
    pass


@kernels.command(
    help="""Compile everything into one library in FOLDER; without FOLDER in the kernel cache, for the next start.

    An image is filled so: with the plugins installed that will run, by the Python that will run, and then started with
    --prebuilt-kernels=FOLDER. Needs a C compiler to link with (cc, or what CC names); the library needs none.
    """
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--kernel-cache", type=click.Path(path_type=Path), help="Folder that compiled kernels are kept in.")
def build(folder: Path | None, kernel_cache: Path | None) -> None:
    from extender.engine.natives import FUNCTIONS
    from extender.framework.compiled import drafted, native_functions
    from extender.native.library import build as build_library
    from extender.native.making import CannotCompile, CannotLink
    from extender.plugins import installed

    cache = kernel_cache or usual_cache()
    plugins, refused = installed()
    functions = [*FUNCTIONS, *native_functions(drafted(plugins, refused))]
    try:
        path, uncompiled = build_library(functions, folder or cache, cache)
    except (CannotCompile, CannotLink) as wrong:
        _fail(str(wrong))
    except OSError as wrong:
        _fail(f"{wrong.filename or folder or cache} cannot be written: {wrong.strerror or wrong}")
    for name, why in refused.items():
        click.echo(f"plugin {name} is left out: {why}", err=True)
    for why in uncompiled.values():
        click.echo(f"left out: {why}", err=True)
    click.echo(f"{path}: {len(functions) - len(uncompiled)} functions of {len(plugins)} plugins, and of the wire")


def _fail(message: str) -> None:
    click.echo(f"trimtab kernels: {message}", err=True)
    sys.exit(1)
