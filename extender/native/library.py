"""The library of native functions: looked up by what is in it, else made; loaded whole, once, before anyone calls.

    1. a prebuilt folder    --prebuilt-kernels: made with the image, may be read-only
    2. the kernel cache     --kernel-cache
    3. compiled by a child process, linked, put into the kernel cache
    4. where nothing can be linked: the objects themselves, through llvmlite's linker, in this process
    5. where nothing can be written: the same from memory

The name of a library is a hash of all functions in it and all that their code depends on, so no stale one is found.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from extender.native.folders import Folders
from extender.native.function import NativeFunction, NotLoaded, is_compiled
from extender.native.making import CannotCompile, CannotLink, Job, leave_newest, linked, objects_of
from extender.native.portable import Unfit, portable
from extender.native.sealed import read_sealed, sealed, write_whole

log = logging.getLogger(__name__)

LIBRARIES_KEPT_MAX = 32
_ENTRY = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
"""Keeps the interpreter lock."""


def load(functions: Iterable[NativeFunction], folders: Folders) -> None:
    """Give every function its code, or in `refused` the reason why it has none. Raises NotLoaded."""
    jobs = _jobs(functions)
    if not jobs or not is_compiled():
        return
    name = _name(jobs.values())
    places = [folder / name for folder in (folders.prebuilt, folders.cache) if folder is not None]
    for path in places:
        if _load_file(path, jobs):
            return
    if folders.prebuilt is not None:
        log.warning("%s holds no library for these plugins: compiling", folders.prebuilt)
    _make(jobs, folders.cache, name)


def build(functions: Iterable[NativeFunction], folder: Path, cache: Path) -> tuple[Path, dict[str, str]]:
    """Put the library into a folder: (its path, title of each function that does not compile -> why).

    Raises CannotCompile, CannotLink or OSError.
    """
    jobs = _jobs(functions)
    path = folder / _name(jobs.values())
    objects = objects_of(tuple(jobs.values()), cache)
    write_whole(path, _sealed_library(objects))
    refused = {function.title: function.refused for function in jobs if function.refused}
    return path, refused | {
        job.function.title: why for job in jobs.values() if isinstance(why := objects[job.digest], str)
    }


def _jobs(functions: Iterable[NativeFunction]) -> dict[NativeFunction, Job]:
    jobs = {}
    for function in functions:
        if function.is_loaded:
            continue
        try:
            jobs[function] = Job(portable(function.py_func), function.kinds)
        except Unfit as why:
            function.refused = str(why)
    return jobs


def _name(jobs: Iterable[Job]) -> str:
    told = "\0".join(sorted({job.digest for job in jobs}))
    return f"trimtab-{hashlib.sha256(told.encode()).hexdigest()[:40]}.so"


def _make(jobs: Mapping[NativeFunction, Job], cache: Path, name: str) -> None:
    try:
        objects = objects_of(tuple(jobs.values()), cache)
    except CannotCompile as wrong:
        raise NotLoaded(f"{wrong}; install numba, or give a folder that `trimtab kernels build` filled") from None
    try:
        whole = _sealed_library(objects)
    except CannotLink as wrong:
        log.warning("native functions are linked in memory (0.2 s and 40 MB more at each start): %s", wrong)
        _give_addresses(_in_memory(objects), objects, jobs)
        return
    try:
        write_whole(cache / name, whole)
        leave_newest(cache, "trimtab-*.so", LIBRARIES_KEPT_MAX)
        path = cache / name
    except OSError as wrong:
        log.warning(
            "the kernel cache folder %s cannot be written (%s), so every start compiles anew; "
            "set --kernel-cache to a writable folder, or --prebuilt-kernels",
            cache,
            wrong.strerror or wrong,
        )
        path = None
    if path is None or not _load_file(path, jobs):
        _load_loose(whole, objects, jobs)


def _sealed_library(objects: Mapping[str, bytes | str]) -> bytes:
    codes = {digest: made for digest, made in sorted(objects.items()) if isinstance(made, bytes)}
    reasons = {digest: made for digest, made in objects.items() if isinstance(made, str)}
    return sealed(linked(codes), reasons)


def _load_loose(whole: bytes, objects: Mapping[str, bytes | str], jobs: Mapping[NativeFunction, Job]) -> None:
    """A loaded library needs its file no more."""
    try:
        with tempfile.TemporaryDirectory(prefix="trimtab-") as folder:
            path = Path(folder) / "library.so"
            path.write_bytes(whole)
            if _load_file(path, jobs):
                return
    except OSError as wrong:
        log.debug("no temporary folder: %s", wrong)
    _give_addresses(_in_memory(objects), objects, jobs)


def _load_file(path: Path, jobs: Mapping[NativeFunction, Job]) -> bool:
    """False: absent, broken, or not for this system."""
    found = read_sealed(path)
    if found is None:
        if path.exists():
            log.warning("%s is damaged: made anew", path)
        return False
    _content, reasons = found
    try:
        library = ctypes.PyDLL(str(path.resolve()), mode=os.RTLD_NOW)
    except OSError as wrong:
        log.warning("%s does not load: %s", path, wrong)
        return False
    for function, job in jobs.items():
        if job.digest in reasons:
            function.refused = reasons[job.digest]
        else:
            entry = getattr(library, job.symbol)
            entry.restype, entry.argtypes = ctypes.c_int64, (ctypes.c_void_p,)
            function.loaded(entry)
    return True


def _in_memory(objects: Mapping[str, bytes | str]) -> Any:
    """llvmlite's engine with all objects in it; it owns the code and must stay."""
    from llvmlite import binding  # noqa: PLC0415 - only where there is no linker

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    for code in objects.values():
        if isinstance(code, bytes):
            engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _give_addresses(engine: Any, objects: Mapping[str, bytes | str], jobs: Mapping[NativeFunction, Job]) -> None:
    for function, job in jobs.items():
        made = objects[job.digest]
        if isinstance(made, str):
            function.refused = made
            continue
        entry = _ENTRY(engine.get_function_address(job.symbol))
        entry.engine = engine  # type: ignore[attr-defined]  # the function keeps its code alive
        function.loaded(entry)
