"""The packaged pages: files with their hash in the name never change, index.html is asked for each time."""

from __future__ import annotations

import gzip
import json
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from analytics.web.envelopes import tagged
from analytics.web.tags import strong_tag

NEEDS: Final = "pages.json"
"""Which files each page needs besides those of index.html; the build writes it, and nobody is served it."""
BUILT: Final = Path(__file__).parent.parent / "ui" / "dist"
_COMPRESSIBLE: Final = (".js", ".css", ".svg", ".json", ".html")
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}

_NOT_BUILT: Final = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Trimtab: pages not built</title>
<style>body{font:16px/1.5 system-ui;max-width:38rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}</style>
<h1>The pages are not built</h1>
<p>The sidecar is running and its APIs answer, but this checkout holds no built pages.
Run <code>make ui</code> (it needs Node 20 or newer) and start again. Packaged releases bring the pages along.</p>
<p>Meanwhile: <a href="/api/decisions?limit=20">/api/decisions</a>, <a href="/api/stats">/api/stats</a>,
<a href="/api/flowchart">/api/flowchart</a>, <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    packed: bytes | None
    media_type: str
    tag: str


class Assets:
    """All built files, read once: a few megabytes, and no path of a request ever reaches the disk."""

    def __init__(self, directory: Path = BUILT) -> None:
        index = directory / "index.html"
        self._index = index.read_bytes() if index.is_file() else None
        self._needs = _hints(directory / NEEDS)
        self._files = {
            path.relative_to(directory).as_posix(): _read(path)
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.suffix != ".gz" and path.name not in (index.name, NEEDS)
        }

    @property
    def built(self) -> bool:
        return self._index is not None

    def page(
        self, request: Request, slug: str, asks: Sequence[str] = (), only: Sequence[str] | None = None
    ) -> Response:
        """index.html for every page; the script in it reads the address, and `only` which pages there are. What the
        page `slug` needs, and what it asks first, are named in it: the browser fetches them beside the script. 503
        with advice when nothing is built."""
        if self._index is None:
            return Response(_NOT_BUILT, status_code=503, media_type="text/html", headers={"cache-control": "no-store"})
        asked = "".join(f'<link rel="preload" as="fetch" crossorigin href="{path}">' for path in asks).encode()
        page = self._index.replace(b"</head>", self._needs.get(slug, b"") + asked + b"</head>", 1)
        if only is not None:
            page = page.replace(b"<html", f'<html data-pages="{" ".join(only)}"'.encode(), 1)
        return tagged(request, page, "text/html")

    def file(self, request: Request, name: str) -> Response | None:
        """One file by its path below the build folder, or None."""
        asset = self._files.get(name)
        if asset is None:
            return None
        headers = {"etag": asset.tag, "vary": "accept-encoding"}
        hashed = name.startswith("assets/")
        headers["cache-control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        if asset.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(asset.packed, media_type=asset.media_type, headers=headers)
        return Response(asset.body, media_type=asset.media_type, headers=headers)


def _hints(path: Path) -> dict[str, bytes]:
    """Slug of a page -> elements for its head."""
    needs: dict[str, list[str]] = json.loads(path.read_bytes()) if path.is_file() else {}
    return {slug: "".join(map(_hint, names)).encode() for slug, names in needs.items()}


def _hint(name: str) -> str:
    kind = "stylesheet" if name.endswith(".css") else "modulepreload"
    return f'<link rel="{kind}" crossorigin href="/{name}">'


def _read(path: Path) -> _Asset:
    body = path.read_bytes()
    packed_path = path.with_name(path.name + ".gz")
    packed = packed_path.read_bytes() if packed_path.is_file() else None
    if packed is None and path.suffix in _COMPRESSIBLE:
        packed = gzip.compress(body, 6, mtime=0)
    guessed = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _Asset(body, packed if packed is not None and len(packed) < len(body) else None, guessed, strong_tag(body))
