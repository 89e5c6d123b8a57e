import re
from collections.abc import Callable
from contextlib import closing

import pytest

from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.studio import gallery
from sketchmaker.web.pages import gallery as gallery_pages
from tests.web.accounts.browser import Browser
from tests.web.studio_use import Studio

pytestmark = pytest.mark.slow  # all of them together


@pytest.fixture
def studio(ada: Browser, system: System) -> Studio:
    return Studio(ada, system)


def test_an_empty_gallery_says_where_images_come_from(ada: Browser) -> None:
    page = ada.get("/gallery").text
    assert "No images yet" in page
    assert 'href="/studio"' in page


def test_images_are_shown_with_the_words_they_were_made_from(studio: Studio) -> None:
    studio.make("A calm sea")
    page = studio.browser.get("/gallery").text
    assert 'alt="A calm sea"' in page
    assert 'loading="lazy"' in page
    assert "1–1 of 1 image" in page


def test_one_image_is_shown_with_all_that_is_known_of_it(studio: Studio) -> None:
    studio.make("A calm sea", size="portrait", seed="41")
    page = studio.browser.get(f"/gallery/{studio.image_ids()[0]}").text
    assert "Portrait, 832 \N{MULTIPLICATION SIGN} 1216" in page
    assert ">41<" in page
    assert "15 January 2026, 13:00 Europe/Berlin" in page
    assert "download=" in page


def test_files_come_as_what_they_are_and_stay_private(studio: Studio) -> None:
    studio.make()
    name = studio.image_ids()[0]
    for path, kind in ((f"{name}.png", "image/png"), (f"{name}/thumbnail.webp", "image/webp")):
        with closing(studio.browser.get(f"/images/{path}")) as answer:
            assert answer.status_code == 200
            assert answer.content_type == kind
            assert answer.headers["Cache-Control"].startswith("private")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["ETag"]


def test_images_are_their_owners_only(
    studio: Studio, person: Callable[..., Browser], visitor: Browser
) -> None:
    studio.make()
    name = studio.image_ids()[0]
    paths = (f"/images/{name}.png", f"/images/{name}/thumbnail.webp", f"/gallery/{name}")
    for stranger in (person("eve"), person("root", role=Role.SUPERADMIN)):
        assert {stranger.get(path).status_code for path in paths} == {404}
        assert stranger.post(f"/gallery/{name}/delete").status_code == 404
    assert {visitor.get(path).status_code for path in paths} == {302}
    assert studio.image_ids() == [name]


def test_deleting_asks_first_and_then_removes_image_and_files(studio: Studio) -> None:
    studio.make()
    name = studio.image_ids()[0]
    with studio.system.database.reading() as session:
        users_image = gallery.page_of_images(session, user_id=1).items[0]
    file = studio.system.image_store.path(users_image.file_name)
    assert "Delete this image?" in studio.browser.get(f"/gallery/{name}/delete").text
    assert file.exists()
    assert studio.browser.post(f"/gallery/{name}/delete").status_code == 303
    assert not file.exists()
    assert studio.image_ids() == []
    assert studio.browser.get(f"/gallery/{name}").status_code == 404
    assert studio.balance() == 9


def test_a_generation_whose_images_are_deleted_still_tells_what_it_was(studio: Studio) -> None:
    public_id = studio.make("A calm sea")
    studio.browser.post(f"/gallery/{studio.image_ids()[0]}/delete")
    assert "You deleted this image." in studio.browser.get(f"/studio/generations/{public_id}").text


def test_the_gallery_is_paged(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_pages, "IMAGES_A_PAGE", 2)
    studio.make(count="3")
    assert len(studio.image_ids()) == 2
    second = studio.browser.get("/gallery?page=2").text
    assert "3–3 of 3 images" in second
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second


def test_an_image_and_its_deletion_lead_back_to_the_page_they_were_on(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_pages, "IMAGES_A_PAGE", 1)
    studio.make(count="3")
    listed = studio.browser.get("/gallery?page=2").text
    found = re.search(r'href="(/gallery/[^"?]+)\?page=2"', listed)
    assert found
    image = studio.browser.get(f"{found[1]}?page=2").text
    assert 'href="/gallery?page=2"' in image
    assert f'href="{found[1]}/delete?page=2"' in image
    assert f'href="{found[1]}?page=2"' in studio.browser.get(f"{found[1]}/delete?page=2").text
    deleted = studio.browser.post(f"{found[1]}/delete?page=2")
    assert deleted.headers["Location"] == "/gallery?page=2"


def test_a_page_whose_last_image_was_deleted_is_the_one_before_it(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_pages, "IMAGES_A_PAGE", 1)
    studio.make(count="2")
    name = re.findall(r'href="/gallery/([^"/?]+)\?', studio.browser.get("/gallery?page=2").text)[0]
    studio.browser.post(f"/gallery/{name}/delete?page=2")
    assert "1–1 of 1 image" in studio.browser.get("/gallery?page=2").text
