"""Finished work on its way into the database: kept on disk until its commit is certain.

Between the last picture's file and the commit lies a moment at which a process can die or the
database be away. The record of what was finished lies beside the pictures for so long, and any
process with the same folder can hand it in: after a kill, or when an outage is over.
"""

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from sketchmaker.randomness import token
from sketchmaker.studio.image_store import StoredFiles
from sketchmaker.studio.whole_files import write_whole

log = logging.getLogger(__name__)

RECORD: Final = ".json"
UNUSABLE: Final = ".unusable"


@dataclass(frozen=True, slots=True)
class FinishedPicture:
    """A picture whose files are stored, about to become an image of its generation."""

    public_id: str
    seed: int
    files: StoredFiles


@dataclass(frozen=True, slots=True)
class FinishedWork:
    """What came of a generation; `failure` is a sentence about what is missing."""

    generation_id: int
    pictures: tuple[FinishedPicture, ...]
    failure: str | None
    name: str = field(default_factory=token)


class FinishedWorkFolder:
    """The records of one image folder, shared by all processes that share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, work: FinishedWork) -> None:
        """Write it down. Keeping it again changes nothing.

        Raises:
            OSError: there is no room, or no right to.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._path(work), json.dumps(asdict(work)).encode())

    def forget(self, work: FinishedWork) -> None:
        """It is in the database, or never will be."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self._path(work).unlink()

    def set_aside(self, work: FinishedWork) -> None:
        """Nobody can hand it in: leave it for an admin. Its pictures stay."""
        path = self._path(work)
        path.replace(path.with_suffix(UNUSABLE))

    def waiting(self, limit: int = 100) -> list[FinishedWork]:
        """What has not been handed in yet, in no particular order."""
        read = (_read(path) for path in sorted(self._folder.glob(f"*{RECORD}"))[:limit])
        return [work for work in read if work is not None]

    def thumbnail_names(self) -> set[str]:
        """The thumbnails of every picture that a record names, handed in or not."""
        paths = (path for path in self._folder.glob("*") if path.suffix in {RECORD, UNUSABLE})
        read = (_read(path) for path in paths)
        return {
            picture.files.thumbnail_name
            for work in read
            if work is not None
            for picture in work.pictures
        }

    def _path(self, work: FinishedWork) -> Path:
        return self._folder / f"{work.generation_id}-{work.name}{RECORD}"


def _read(path: Path) -> FinishedWork | None:
    try:
        written = json.loads(path.read_bytes())
        pictures = tuple(
            FinishedPicture(**{**picture, "files": StoredFiles(**picture["files"])})
            for picture in written["pictures"]
        )
        return FinishedWork(**{**written, "pictures": pictures})
    except FileNotFoundError:  # handed in meanwhile, by another process
        return None
    except (ValueError, TypeError, KeyError):
        log.exception("studio: the record %s can't be read", path.name)
        return None
