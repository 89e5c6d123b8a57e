import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from sketchmaker.studio import image_store
from sketchmaker.studio.errors import ImageFileMissing, UnusablePicture
from sketchmaker.studio.image_store import ImageStore, preview_name
from sketchmaker.studio.providers.sandbox.drawing.composer import draw_png
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


@pytest.mark.parametrize(("kind", "ending"), [("JPEG", ".jpg"), ("WEBP", ".webp")])
def test_another_format_is_kept_as_it_came(store: ImageStore, kind: str, ending: str) -> None:
    content = a_picture(kind=kind).content
    stored = store.save(content)
    assert stored.file_name.endswith(ending)
    assert store.path(stored.file_name).read_bytes() == content


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    sink = BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()


RED, GREY = (200, 30, 40), (128, 128, 128)
ROTATED = Image.Exif()
ROTATED[0x0112] = 6
ODD_PICTURES = {
    "CMYK": (encoded(Image.new("RGB", (40, 30), RED).convert("CMYK"), "JPEG"), RED),
    "palette": (encoded(Image.new("RGB", (40, 30), RED).quantize(8), "PNG"), RED),
    "16 bits": (encoded(Image.new("I;16", (40, 30), 128 * 256), "PNG"), GREY),
    "grey": (encoded(Image.new("L", (40, 30), 128), "PNG"), GREY),
    "grey with alpha": (encoded(Image.new("LA", (40, 30), (128, 255)), "PNG"), GREY),
    "one bit": (encoded(Image.new("1", (40, 30), 1), "PNG"), (255, 255, 255)),
}


@pytest.mark.parametrize("name", ODD_PICTURES)
def test_pictures_of_every_mode_are_kept_and_shown_in_their_colours(
    store: ImageStore, name: str
) -> None:
    content, colour = ODD_PICTURES[name]
    stored = store.save(content)
    assert store.path(stored.file_name).read_bytes() == content
    for small in (store.path(stored.thumbnail_name), store.preview(stored.file_name)):
        with Image.open(small) as picture:
            shown = picture.convert("RGB").getpixel((20, 15))
            assert isinstance(shown, tuple)
            assert all(abs(a - b) < 12 for a, b in zip(shown, colour, strict=True)), shown


def test_transparency_is_kept_in_the_smaller_pictures(store: ImageStore) -> None:
    stored = store.save(encoded(Image.new("RGBA", (40, 30), (200, 30, 40, 0)), "PNG"))
    with Image.open(store.path(stored.thumbnail_name)) as picture:
        assert picture.convert("RGBA").getpixel((20, 15))[3] == 0  # type: ignore[index]


def test_a_photo_that_lies_on_its_side_is_shown_upright(store: ImageStore) -> None:
    stored = store.save(encoded(Image.new("RGB", (40, 30), RED), "JPEG", exif=ROTATED))
    assert (stored.width, stored.height) == (30, 40)


def test_a_preview_is_webp_of_1024_pixels_and_a_fraction_of_the_bytes(store: ImageStore) -> None:
    stored = store.save(draw_png("A calm sea at dusk", 7, 1216, 832))
    path = store.preview(stored.file_name)
    with Image.open(path) as preview:
        assert (preview.format, preview.size) == ("WEBP", (1024, 701))
    assert path.stat().st_size < stored.byte_count / 4


def test_the_preview_of_a_picture_from_before_there_were_any_is_made_when_asked_for(
    store: ImageStore,
) -> None:
    stored = store.save(a_picture(size=(1500, 1500)).content)
    store.preview(stored.file_name).unlink()
    with Image.open(store.preview(stored.file_name)) as preview:
        assert preview.size == (1024, 1024)
    store.remove(stored.file_name, stored.thumbnail_name)
    with pytest.raises(ImageFileMissing):
        store.preview(stored.file_name)


def test_the_same_picture_twice_gets_two_names(store: ImageStore) -> None:
    names = {store.save(a_picture().content).file_name for _ in range(20)}
    assert len(names) == 20


def test_no_half_written_file_is_left_behind(store: ImageStore, tmp_path: Path) -> None:
    stored = store.save(a_picture().content)
    left = {path.name for path in (tmp_path / "images").rglob("*") if path.is_file()}
    names = (stored.file_name, stored.thumbnail_name, preview_name(stored.file_name))
    assert left == {Path(name).name for name in names}


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
