"""Files that appear whole or not at all, and are on disk when the call returns."""

import os
from pathlib import Path
from typing import Final

DRAFT: Final = ".draft"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; its folder is there. An earlier one of that name is replaced.

    Raises:
        OSError: there is no room, or no right to.
    """
    draft = path.with_name(f".{path.name}{DRAFT}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Without this a power cut can forget the name of a file whose content is safe.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
