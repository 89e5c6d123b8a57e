"""What browsers and caches on the way may keep."""

from tests.web.accounts.browser import Browser

MISSING = "/static/no-such-style.css"


def test_a_missing_file_is_told_in_a_page_that_no_cache_keeps(ada: Browser) -> None:
    answer = ada.get(MISSING)
    assert answer.status_code == 404
    # The page says who reads it: a cache that goes by ".css" must not show it to the next person.
    assert "ada@example.org" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.headers["Vary"]


def test_a_file_is_the_same_for_everybody(visitor: Browser) -> None:
    answer = visitor.get("/static/js/theme.js")
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert "Set-Cookie" not in answer.headers
    answer.close()


def test_a_file_under_a_version_that_it_does_not_have_is_not_kept_for_good(
    visitor: Browser,
) -> None:
    # Else whoever asks for the next release's address first could make caches keep the old file.
    answer = visitor.get("/static/js/theme.js?v=0123456789ab")
    assert "immutable" not in answer.headers["Cache-Control"]
    answer.close()
