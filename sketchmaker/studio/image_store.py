"""The pictures' files: originals as PNG, thumbnails as WebP, in a folder sharded by random names.

A file appears whole or not at all. Names are the store's own; nothing of a prompt or a person is in
them, and no name leads out of the folder.
"""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from sketchmaker.randomness import token
from sketchmaker.studio.errors import ImageFileMissing, UnusablePicture
from sketchmaker.studio.whole_files import write_whole

MAX_PICTURE_BYTES: Final = 25 * 1024 * 1024
MAX_PICTURE_PIXELS: Final = 40_000_000
THUMBNAIL_PIXELS: Final = 512
PROBE_BYTES: Final = 4096
THUMBNAIL_QUALITY: Final = 84
FORMATS: Final = ("PNG", "JPEG", "WEBP")

_NAME: Final = re.compile(r"([0-9A-Za-z_-]{2})/\1[0-9A-Za-z_-]{20,60}(-512\.webp|\.png)")
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
        """Keep a picture and its thumbnail; both are on disk when this returns.

        Raises:
            UnusablePicture: the bytes are too many, too large a picture, or none at all.
        """
        picture = decoded(content)
        original = content if picture.format == "PNG" else _encoded(picture, "PNG")
        name = token()
        stored = StoredFiles(
            file_name=f"{name[:2]}/{name}.png",
            thumbnail_name=f"{name[:2]}/{name}-512.webp",
            width=picture.width,
            height=picture.height,
            byte_count=len(original),
        )
        self._write(stored.thumbnail_name, _thumbnail(picture))
        self._write(stored.file_name, original)
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

    def remove(self, *names: str) -> None:
        """Delete files, those that are still there."""
        for name in names:
            if _NAME.fullmatch(name) is not None:
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


def _thumbnail(picture: Image.Image) -> bytes:
    small = picture.convert("RGB")
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), Image.Resampling.LANCZOS)
    return _encoded(small, "WEBP", quality=THUMBNAIL_QUALITY)


def _encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    sink = BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()
