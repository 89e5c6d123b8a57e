"""Static files: at addresses that change with their content, kept for good, sent compressed."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, request

FOREVER: Final = "public, max-age=31536000, immutable"
ONE_DAY: Final = "public, max-age=86400"
WORTH_COMPRESSING: Final = frozenset({"text/css", "text/javascript", "image/svg+xml"})


def install(app: Flask) -> None:
    """Version the addresses that `url_for("static", …)` makes, and let browsers cache them."""
    folder = Path(app.static_folder or "")

    @app.url_defaults
    def _add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values:
            values.setdefault("v", _version(folder / values["filename"]))

    @app.after_request
    def _finish(response: Response) -> Response:
        if request.endpoint != "static" or response.status_code not in (200, 304):
            return response
        path = folder / (request.view_args or {})["filename"]
        # Only what the address names may be kept under it for good. Fonts are named by the style
        # sheets, which can't know a version: a day is enough for them.
        is_that_version = request.args.get("v") == _version(path)
        response.headers["Cache-Control"] = FOREVER if is_that_version else ONE_DAY
        if response.mimetype in WORTH_COMPRESSING:
            response.vary.add("Accept-Encoding")
            if response.status_code == 200 and request.accept_encodings["gzip"]:
                _compress(response, path)
        return response


def _compress(response: Response, path: Path) -> None:
    # The style sheet of the component library shrinks to an eighth.
    response.response.close()  # type: ignore[union-attr]  # the file, opened to be sent as it is
    response.direct_passthrough = False
    response.set_data(_gzipped(path, path.stat().st_mtime_ns))
    response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{response.get_etag()[0]}-gzip", weak=True)


@lru_cache(maxsize=64)
def _gzipped(path: Path, _modified_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)


@lru_cache(maxsize=512)
def _version(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return None  # the address of a missing file: asking for it answers 404
