"""What every page has around it: headers, navigation, the balance, files that are kept."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

import sketchmaker.web
from sketchmaker import bootstrap
from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.settings import Settings
from sketchmaker.web.frame.security_headers import CONTENT_SECURITY_POLICY, HEADERS
from tests.support.addresses import pages
from tests.web.accounts.browser import Browser

WEB = Path(sketchmaker.web.__file__).parent
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))


def test_visitors_can_open_what_is_public(app: Flask, visitor: Browser) -> None:
    public = pages(app, None)
    assert {"/", "/pricing", "/login", "/register"} <= set(public)
    for path in public:
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert "Sign in" in answer.text, path
        assert 'id="balance"' not in answer.text, path


@pytest.mark.parametrize("role", list(Role))
def test_everybody_can_open_the_pages_of_their_role(
    app: Flask, person: Callable[..., Browser], role: Role
) -> None:
    browser = person("somebody", role=role)
    for least in Role:
        for path in pages(app, least):
            answer = browser.get(path)
            if not role.at_least(least):
                assert answer.status_code == 403, path
            elif answer.status_code != 302:  # to where something begins
                assert answer.status_code == 200, path
                assert 'id="balance"' in answer.text, path
    assert ("Admin" in browser.get("/studio").text) == role.at_least(Role.ADMIN)


def test_who_is_signed_in_goes_from_the_front_door_to_the_studio(ada: Browser) -> None:
    assert ada.get("/").headers["Location"] == "/studio"


def test_the_navigation_says_where_one_is(ada: Browser) -> None:
    page = ada.get("/gallery").text
    assert re.findall(r'aria-current="page">(?:<svg.*?</svg>)?(\w+)', page) == ["Gallery"]


@pytest.mark.parametrize("path", ["/", "/login", "/nowhere", "/healthz", "/dashboard"])
def test_every_answer_carries_the_security_headers(visitor: Browser, path: str) -> None:
    answer = visitor.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "Strict-Transport-Security" not in answer.headers


def test_over_https_browsers_are_told_to_stay_there(visitor: Browser) -> None:
    answer = visitor.client.get("/pricing", base_url="https://studio.example")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_trusted_proxy_is_believed_and_another_is_not(system: System, tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    answers = []
    for count in (0, 1):
        settings = Settings(
            database_url=system.settings.database_url,
            data_folder=tmp_path,
            secret_key="k" * 40,
            trusted_proxies=count,
        )
        composed = bootstrap.compose(settings, system.clock)
        client = bootstrap.create_app(composed).test_client()
        answers.append(client.get("/pricing", headers=forwarded).headers)
        composed.database.close()
    assert "Strict-Transport-Security" not in answers[0]
    assert "Strict-Transport-Security" in answers[1]


def test_files_are_kept_for_good_at_addresses_that_change_with_them(visitor: Browser) -> None:
    page = visitor.get("/pricing").text
    addresses = re.findall(r'(?:href|src)="(/static/[^"#]+)', page)
    assert len(addresses) >= 8
    for address in set(addresses):
        assert re.search(r"\?v=[0-9a-f]{12}$", address), address
        answer = visitor.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        answer.close()
    unversioned = visitor.get("/static/css/theme.css")
    assert unversioned.headers["Cache-Control"] == "public, max-age=86400"
    unversioned.close()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_needs_a_looser_policy(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|hx-on|https?://", text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script or 'type="application/json"' in script


def test_every_icon_that_a_page_uses_is_in_the_sprite_and_none_is_there_for_nothing() -> None:
    sprite = (WEB / "static/vendor/icons/icons.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    sources = [path.read_text() for path in [*TEMPLATES, *WEB.rglob("*.py")]]
    used = {name for name in drawn if any(f'"{name}"' in source for source in sources)}
    named = {
        name for source in sources for name in re.findall(r'(?:icon|empty)\(\s*"([\w-]+)"', source)
    }
    assert named - drawn == set()
    assert drawn - used == set()


def test_the_plans_are_the_databases(visitor: Browser) -> None:
    for path in ("/", "/pricing"):
        page = visitor.get(path).text
        for words in ("Free", "Premium", "Pro", "1,000", "LoRA training"):
            assert words in page


def test_the_plans_page_tells_people_their_own_day(ada: Browser) -> None:
    page = ada.get("/pricing").text
    assert "Your plan" in page
    assert "come back on the 15th of every month." in page
    assert "Contact admin to change to this plan." in page


def test_style_sheets_are_sent_compressed_to_whoever_can_read_that(visitor: Browser) -> None:
    path = "/static/vendor/tabler/tabler.min.css"
    plain = visitor.client.get(path)
    small = visitor.client.get(path, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(small.data) == plain.data
    assert len(small.data) < len(plain.data) / 6
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert "Content-Encoding" not in plain.headers
    again = visitor.client.get(
        path, headers={"Accept-Encoding": "gzip", "If-None-Match": small.headers["ETag"]}
    )
    assert again.status_code in (200, 304)
    for answer in (plain, small, again):
        answer.close()
