"""Native functions: typed Python functions over arrays, compiled ahead of time, called without numba in the process.

Lives here: how such a function is declared, how it is rebuilt and compiled in a child process, the library that comes
out of it, where that is looked for, and the call. Never here: what a function computes, plugins, the wire.

    declared (function.py, kinds.py) -> hashed and made portable (portable.py) -> looked up (library.py)
        -> else compiled in a child (build.py, entry.py, intrinsics.py) and linked (making.py) -> called by address
"""
