"""The images' files against their rows: what a person would miss, and what nobody owns."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.commands.long_wait import LongWait
from sketchmaker.database import Database
from sketchmaker.studio.tables import Image

BATCH = 1000
A_DAY_OF_SECONDS = 86_400


@dataclass
class PictureCheck:
    """Numbers of images whose file is missing or of another size, and of files without a row.

    `example` is one of the files that are missing or damaged.
    """

    looked_at: int = 0
    missing: int = 0
    damaged: int = 0
    without_row: int = 0
    example: str | None = None


def check_pictures(database: Database, folder: Path) -> PictureCheck:
    """Compare every image's files with its row, by their sizes. Reads no picture."""
    found = PictureCheck()
    known: set[str] = set()
    with LongWait("Looking at images") as wait, database.reading() as session:
        total = session.scalar(select(func.count()).select_from(Image)) or 0
        for file_name, thumbnail_name, byte_count in _rows(session):
            known |= {file_name, thumbnail_name}
            _look_at(found, folder, file_name, byte_count)
            _look_at(found, folder, thumbnail_name, None)
            found.looked_at += 1
            wait(found.looked_at, total)
    # Files are written before their rows, and the studio itself removes those a day old.
    newest = max((_stored_at(folder / name) for name in known), default=0.0)
    found.without_row = sum(
        _stored_at(path) < newest - A_DAY_OF_SECONDS
        for path in _files(folder)
        if _name(path) not in known
    )
    return found


def _rows(session: Session) -> Iterator[tuple[str, str, int]]:
    last = 0
    query = select(Image.id, Image.file_name, Image.thumbnail_name, Image.byte_count)
    while True:
        rows = session.execute(query.where(Image.id > last).order_by(Image.id).limit(BATCH)).all()
        if not rows:
            return
        for row in rows:
            last = row.id
            yield row.file_name, row.thumbnail_name, row.byte_count


def _look_at(found: PictureCheck, folder: Path, name: str, byte_count: int | None) -> None:
    path = folder / name
    try:
        size = path.stat().st_size
    except OSError:
        found.missing += 1
        found.example = found.example or name
        return
    if size == 0 or byte_count not in {None, size}:
        found.damaged += 1
        found.example = found.example or name


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("??/*") if path.suffix in {".png", ".webp"})


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _stored_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
