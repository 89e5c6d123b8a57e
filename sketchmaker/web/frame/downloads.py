"""Files that are made for one download."""

from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from typing import Final

from flask import Response, send_file

IN_MEMORY_BYTES: Final = 1_000_000
"""What is larger lies in a temporary file until it is sent."""


def download(lines: Iterable[str], *, name: str, mimetype: str) -> Response:
    """An answer that the browser keeps as a file.

    It is written out before it is sent: whoever downloads slowly keeps no connection to the
    database for it.
    """
    file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - the answer closes it
    for line in lines:
        file.write(line.encode())
    file.seek(0)
    return send_file(file, mimetype=mimetype, as_attachment=True, download_name=name)
