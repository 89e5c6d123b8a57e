"""By which names the site is known, and what is believed of proxies."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from sketchmaker import bootstrap
from sketchmaker.settings import Settings

Made = Callable[..., FlaskClient]


@pytest.fixture
def visitor_of(sqlite_url: str, tmp_path: Path) -> Iterator[Made]:
    """A visitor of a site with these settings."""
    systems = []

    def make(**settings: object) -> FlaskClient:
        configured = Settings(
            database_url=sqlite_url,
            data_folder=tmp_path,
            secret_key="k" * 40,
            **settings,  # type: ignore[arg-type]
        )
        systems.append(bootstrap.compose(configured))
        return bootstrap.create_app(systems[-1]).test_client()

    yield make
    for system in systems:
        system.database.close()


@pytest.mark.parametrize("host", ["a..b", ".", "x" * 64, "a b", "", "[::1", "example.org:99999"])
def test_a_host_that_can_not_be_is_refused_in_a_plain_line_and_logged_as_one(
    visitor_of: Made, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = visitor_of()
    with caplog.at_level(logging.INFO):
        answer = visitor.get("/login", headers={"Host": host})
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        assert answer.mimetype == "text/plain"
    assert "Traceback" not in caplog.text
    assert len(caplog.records) == 1


def test_only_the_published_name_and_this_machine_are_answered(visitor_of: Made) -> None:
    visitor = visitor_of(public_url="https://studio.example.org")
    statuses = {
        host: visitor.get("/login", headers={"Host": host}).status_code
        for host in ("studio.example.org", "localhost:5000", "127.0.0.1:5000", "evil.example")
    }
    assert list(statuses.values()) == [200, 200, 200, 400]


def test_without_a_published_name_every_host_is_answered(visitor_of: Made) -> None:
    assert visitor_of().get("/login", headers={"Host": "here.example"}).status_code == 200


@pytest.mark.parametrize("path", ["/admin/subscriptions?page=2", "/admin//subscriptions?page=2"])
def test_a_redirect_to_the_right_spelling_names_no_host(visitor_of: Made, path: str) -> None:
    answer = visitor_of().get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 308
    assert answer.headers["Location"].startswith("/admin/subscriptions")
    assert answer.headers["Location"].endswith("?page=2")
    assert "evil.example" not in answer.headers["Location"]


def test_a_proxy_tells_address_and_scheme_and_nothing_else(visitor_of: Made) -> None:
    visitor = visitor_of(trusted_proxies=1)
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "99",
        "X-Forwarded-Prefix": "//evil.example",
        "Script-Name": "//evil.example",
    }
    answer = visitor.get("/studio", headers=headers)
    assert answer.headers["Location"] == "/login?next=/studio"
    assert "Strict-Transport-Security" in answer.headers
    assert "evil.example" not in visitor.get("/login", headers=headers).text


def test_a_proxy_that_nobody_trusts_is_pointed_out_once(
    visitor_of: Made, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = visitor_of()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            visitor.get("/login", headers={"X-Forwarded-For": "203.0.113.9"})
    told = [record for record in caplog.records if "SKETCHMAKER_TRUSTED_PROXIES" in record.message]
    assert len(told) == 1
