"""Files that nobody owns: left by a process that died between storing a picture and its record.

A file is swept when it is old enough, no image names its picture, and no record of finished work
does. Records are read before images: work that is handed in meanwhile is in one or the other. So
any number of processes and hosts may sweep the same folder.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from sketchmaker.database import Database
from sketchmaker.studio.finished_work import FinishedWorkFolder
from sketchmaker.studio.image_store import ImageStore, thumbnail_name
from sketchmaker.studio.tables import Image

log = logging.getLogger(__name__)

OLD_AFTER: Final = timedelta(days=1)
SHARDS_A_ROUND: Final = 16
FILES_A_QUERY: Final = 500


class Sweeper:
    """Goes through the image folder, a few shards at each call."""

    def __init__(self, database: Database, image_store: ImageStore) -> None:
        self._database = database
        self._image_store = image_store
        self._finished = FinishedWorkFolder(image_store.folder_of_records)
        self._swept_last = ""

    def sweep(self, now: datetime) -> int:
        """Remove what nobody owns in the next shards. How many files.

        Raises:
            DatabaseUnavailable: some are left for a later round.
        """
        removed = 0
        for shard in self._next_shards():
            old = self._image_store.files_from_before(now - OLD_AFTER, shard=shard)
            for start in range(0, len(old), FILES_A_QUERY):
                removed += self._sweep_files(old[start : start + FILES_A_QUERY])
            self._swept_last = shard
        if removed:
            log.warning("studio: removed %d files that no image owns", removed)
        return removed

    def _next_shards(self) -> list[str]:
        shards = self._image_store.shards()
        later = [shard for shard in shards if shard > self._swept_last]
        if not later:
            self._swept_last = ""
        return later[:SHARDS_A_ROUND]

    def _sweep_files(self, names: Sequence[str]) -> int:
        owned = self._finished.thumbnail_names()
        wanted = {thumbnail_name(name) for name in names} - owned
        query = select(Image.thumbnail_name).where(Image.thumbnail_name.in_(wanted))
        with self._database.reading() as session:
            owned |= set(session.scalars(query))
        nobodys = [name for name in names if thumbnail_name(name) not in owned]
        self._image_store.remove(*nobodys)
        return len(nobodys)
