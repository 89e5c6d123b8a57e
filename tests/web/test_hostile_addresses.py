"""Addresses and headers that no page of ours makes: answered calmly, never with a fault."""

from pathlib import Path

import pytest

from sketchmaker import bootstrap
from sketchmaker.settings import Settings
from tests.web.accounts.browser import Browser

NUL = "%00"


@pytest.mark.parametrize(
    "path",
    [
        f"/studio/generations/{NUL}",
        f"/gallery/{NUL}",
        f"/gallery/a{NUL}b/delete",
        f"/images/{NUL}.png",
        f"/images/{NUL}/thumbnail.webp",
    ],
)
def test_a_name_with_a_nul_is_nobodys(ada: Browser, path: str) -> None:
    assert ada.get(path).status_code == 404


def test_deleting_a_name_with_a_nul_deletes_nothing(ada: Browser) -> None:
    assert ada.post(f"/gallery/{NUL}/delete").status_code == 404


def test_an_image_like_a_name_with_a_nul_is_an_empty_form(ada: Browser) -> None:
    assert ada.get(f"/studio?like={NUL}").status_code == 200


@pytest.mark.parametrize("address", ["http://[::1", "http://[x]/", "//[", "\\\\[", "javascript:1"])
def test_a_broken_address_of_the_present_page_is_as_good_as_none(
    visitor: Browser, address: str
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": address}
    answer = visitor.client.get("/studio", headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")


def test_a_header_that_the_proxy_passed_on_unread_moves_no_address_elsewhere(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings(
        database_url=database_url, data_folder=tmp_path, secret_key="k" * 40, trusted_proxies=1
    )
    system = bootstrap.compose(settings)
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Prefix": "//evil.example"}
    answer = bootstrap.create_app(system).test_client().get("/login", headers=headers)
    system.database.close()
    assert answer.status_code == 200
    assert "evil.example" not in answer.text
