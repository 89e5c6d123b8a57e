import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from sketchmaker.studio import image_store
from sketchmaker.studio.errors import ImageFileMissing, UnusablePicture
from sketchmaker.studio.image_store import ImageStore
from tests.studio.small_studio import a_picture


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def a_png_that_claims(width: int, height: int) -> bytes:
    """A tiny file whose header promises a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(64)))
        + chunk(b"IEND", b"")
    )


def test_pictures_are_for_the_owner_of_the_folder_only(store: ImageStore, tmp_path: Path) -> None:
    store.save(a_picture().content)
    assert (tmp_path / "images").stat().st_mode & 0o777 == 0o700


def test_a_picture_comes_back_byte_for_byte(store: ImageStore) -> None:
    content = a_picture(size=(1024, 700)).content
    stored = store.save(content)
    assert store.path(stored.file_name).read_bytes() == content
    assert (stored.width, stored.height, stored.byte_count) == (1024, 700, len(content))


def test_a_thumbnail_is_webp_and_fits_in_512_pixels(store: ImageStore) -> None:
    stored = store.save(a_picture(size=(1216, 832)).content)
    with Image.open(store.path(stored.thumbnail_name)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (512, 350))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_another_format_is_kept_as_png(store: ImageStore, kind: str) -> None:
    stored = store.save(a_picture(kind=kind).content)
    with Image.open(store.path(stored.file_name)) as picture:
        assert picture.format == "PNG"
    assert stored.byte_count == store.path(stored.file_name).stat().st_size


def test_the_same_picture_twice_gets_two_names(store: ImageStore) -> None:
    names = {store.save(a_picture().content).file_name for _ in range(20)}
    assert len(names) == 20


def test_no_half_written_file_is_left_behind(store: ImageStore, tmp_path: Path) -> None:
    stored = store.save(a_picture().content)
    left = {path.name for path in (tmp_path / "images").rglob("*") if path.is_file()}
    assert left == {Path(stored.file_name).name, Path(stored.thumbnail_name).name}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html><script>alert(1)</script></html>",
        b"GIF89a" + bytes(40),
        a_picture(size=(300, 300)).content[:-60],
        a_picture().content[:20] + b"garbage" * 9,
        a_png_that_claims(6400, 6400),
        a_png_that_claims(60_000, 60_000),
    ],
)
def test_what_is_not_a_picture_of_bounded_size_is_refused(
    store: ImageStore, content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(UnusablePicture):
        store.save(content)
    assert not (tmp_path / "images").exists()


def test_a_file_of_too_many_bytes_is_refused_before_it_is_decoded(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = a_picture().content
    monkeypatch.setattr(image_store, "MAX_PICTURE_BYTES", len(content) - 1)
    with pytest.raises(UnusablePicture, match="25 MiB"):
        store.save(content)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "ab/../../secret.png",
        "/etc/passwd",
        "",
        "ab",
        "ab/ab.png",
        "ab/" + "b" * 43 + ".png",
        "ab/ab" + "c" * 41 + ".png\n",
        "ab/ab" + "c" * 41 + ".exe",
        "..\\secret.png",
        "ab/ab" + "c" * 20 + "/../../../secret.png",
    ],
)
def test_no_name_leads_out_of_the_folder(store: ImageStore, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.png"
    secret.write_text("secret")
    with pytest.raises(ImageFileMissing):
        store.path(name)
    store.remove(name)
    assert secret.read_text() == "secret"


def test_a_name_that_was_never_given_is_missing(store: ImageStore) -> None:
    with pytest.raises(ImageFileMissing):
        store.path("ab/ab" + "c" * 41 + ".png")


def test_removed_files_are_gone_and_removing_them_again_is_fine(store: ImageStore) -> None:
    stored = store.save(a_picture().content)
    for _ in range(2):
        store.remove(stored.file_name, stored.thumbnail_name)
    for name in (stored.file_name, stored.thumbnail_name):
        with pytest.raises(ImageFileMissing):
            store.path(name)
