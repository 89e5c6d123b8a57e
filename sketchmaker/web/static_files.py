"""Static files at addresses that change with their content, for browsers to keep for good."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, request

FOREVER: Final = "public, max-age=31536000, immutable"
ONE_DAY: Final = "public, max-age=86400"


def install(app: Flask) -> None:
    """Version the addresses that `url_for("static", …)` makes, and let browsers cache them."""
    folder = Path(app.static_folder or "")

    @app.url_defaults
    def _add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values:
            values.setdefault("v", _version(folder / values["filename"]))

    app.after_request(_let_browsers_keep)


def _let_browsers_keep(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in (200, 304):
        # Fonts are named by the style sheets, which can't know a version: a day is enough for them.
        response.headers["Cache-Control"] = FOREVER if "v" in request.args else ONE_DAY
    return response


@lru_cache(maxsize=512)
def _version(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return None  # the address of a missing file: asking for it answers 404
