"""The pictures' files: originals byte for byte as they came, and two smaller ones made as WebP.

They lie in a folder sharded by random names.

A file appears whole or not at all. Names are the store's own; nothing of a prompt or a person is in
them, and no name leads out of the folder.
"""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from sketchmaker.randomness import token
from sketchmaker.studio.errors import ImageFileMissing, UnusablePicture
from sketchmaker.studio.whole_files import DRAFT, write_whole

MAX_PICTURE_BYTES: Final = 25 * 1024 * 1024
MAX_PICTURE_PIXELS: Final = 40_000_000
THUMBNAIL_PIXELS: Final = 512
PROBE_BYTES: Final = 4096
PREVIEW_PIXELS: Final = 1024
SMALL_QUALITY: Final = 84
ENDINGS: Final = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
FORMATS: Final = tuple(ENDINGS)
THUMBNAIL: Final = "-512.webp"
PREVIEW: Final = "-1024.webp"

_NAME: Final = re.compile(
    r"([0-9A-Za-z_-]{2})/\1[0-9A-Za-z_-]{20,60}(-512\.webp|-1024\.webp|\.png|\.jpg|\.webp)"
)
_SHARD: Final = re.compile(r"[0-9A-Za-z_-]{2}")
_UNREADABLE: Final = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    EOFError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """A kept picture: its files' names in the store, its size in pixels and bytes."""

    file_name: str
    thumbnail_name: str
    width: int
    height: int
    byte_count: int


class ImageStore:
    """Files under one folder, which is made when first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder_of_records(self) -> Path:
        """Where records of finished work lie, beside the pictures that they name."""
        return self._folder / "finished"

    def save(self, content: bytes) -> StoredFiles:
        """Keep a picture, a thumbnail and a preview; all are on disk when this returns.

        Raises:
            UnusablePicture: the bytes are too many, too large a picture, or none at all.
        """
        picture = decoded(content)
        ending = ENDINGS[str(picture.format)]
        plain = _plain(picture)
        name = token()
        stored = StoredFiles(
            file_name=f"{name[:2]}/{name}{ending}",
            thumbnail_name=f"{name[:2]}/{name}{THUMBNAIL}",
            width=plain.width,
            height=plain.height,
            byte_count=len(content),
        )
        self._write(stored.thumbnail_name, _small(plain, THUMBNAIL_PIXELS))
        self._write(preview_name(stored.file_name), _small(plain, PREVIEW_PIXELS))
        self._write(stored.file_name, content)
        return stored

    def path(self, name: str) -> Path:
        """Where a file lies.

        Raises:
            ImageFileMissing: there is none of that name.
        """
        if _NAME.fullmatch(name) is None:
            raise ImageFileMissing(name)
        path = self._folder / name
        if not path.is_file():
            raise ImageFileMissing(name)
        return path

    def preview(self, file_name: str) -> Path:
        """Where the preview of an original lies. It is made now if the picture is older than that.

        Raises:
            ImageFileMissing, UnusablePicture: the original is gone or damaged.
        """
        name = preview_name(file_name)
        if not (self._folder / name).is_file():
            original = decoded(self.path(file_name).read_bytes())
            self._write(name, _small(_plain(original), PREVIEW_PIXELS))
        return self.path(name)

    def shards(self) -> list[str]:
        """The names of the folders that hold pictures, in order."""
        if not self._folder.is_dir():
            return []
        names = (path.name for path in self._folder.iterdir())
        return sorted(name for name in names if _SHARD.fullmatch(name))

    def files_from_before(self, instant: datetime, *, shard: str) -> list[str]:
        """The names of our files in a shard, finished or not, last written before that instant."""
        return [
            name
            for path in (self._folder / shard).iterdir()
            if _is_ours(name := f"{shard}/{path.name}")
            and path.stat().st_mtime < instant.timestamp()
        ]

    def remove(self, *names: str) -> None:
        """Delete files, those that are still there; with an original goes its preview."""
        previews = (preview_name(name) for name in names)
        for name in {*names, *previews}:
            if _is_ours(name):
                (self._folder / name).unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Write a little, as storing a picture would, and leave nothing behind.

        Raises:
            OSError: no picture can be stored at the moment.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())

    def free_bytes(self) -> int:
        """How much room is left where the pictures are.

        Raises:
            OSError: it can't be found out.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return shutil.disk_usage(self._folder).free

    def _write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, content)


def decoded(content: bytes) -> Image.Image:
    """The picture in these bytes, wholly decoded: a broken end is found here, not by a browser.

    Raises:
        UnusablePicture: see `ImageStore.save`.
    """
    if len(content) > MAX_PICTURE_BYTES:
        raise UnusablePicture("the file is larger than 25 MiB")
    try:
        picture = Image.open(BytesIO(content), formats=FORMATS)
        if picture.width * picture.height > MAX_PICTURE_PIXELS:
            raise UnusablePicture("the picture has more than 40 million pixels")
        picture.load()
    except _UNREADABLE as error:
        raise UnusablePicture("it is not a PNG, JPEG or WebP picture") from error
    return picture


def preview_name(file_name: str) -> str:
    """The name of the preview that belongs to an original, or to its thumbnail."""
    return _stem(file_name) + PREVIEW


def thumbnail_name(file_name: str) -> str:
    """The name of the thumbnail that belongs to any file of a picture."""
    return _stem(file_name) + THUMBNAIL


def _is_ours(name: str) -> bool:
    """Does it name a picture's file, or one that a process which died left half written?"""
    folder, _, file = name.partition("/")
    if file.startswith(".") and file.endswith(DRAFT):
        name = f"{folder}/{file[1:].removesuffix(DRAFT)}"
    return _NAME.fullmatch(name) is not None


def _stem(file_name: str) -> str:
    for ending in (THUMBNAIL, PREVIEW, *ENDINGS.values()):
        if file_name.endswith(ending):
            return file_name.removesuffix(ending)
    return file_name


def _plain(picture: Image.Image) -> Image.Image:
    """The picture upright, in eight bits of red, green and blue, with its transparency if any."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):  # 16 bits of grey, which a conversion would cut off at 255
        return upright.convert("I").point(lambda grey: grey * (1 / 256)).convert("RGB")
    return upright.convert("RGBA" if upright.has_transparency_data else "RGB")


def _small(plain: Image.Image, pixels: int) -> bytes:
    small = plain.copy()
    small.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    sink = BytesIO()
    small.save(sink, "WEBP", quality=SMALL_QUALITY)
    return sink.getvalue()
