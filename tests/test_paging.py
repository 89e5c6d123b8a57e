import pytest

from sketchmaker.paging import Page, page_of

LETTERS = "abcdefg"


@pytest.mark.parametrize(
    ("asked", "given", "items"),
    [(1, 1, "abc"), (3, 3, "g"), (9, 3, "g"), (0, 1, "abc"), (-3, 1, "abc")],
)
def test_a_page_that_is_not_there_is_the_nearest_one(asked: int, given: int, items: str) -> None:
    found: Page[str] = page_of(
        lambda offset: LETTERS[offset : offset + 3], page=asked, per_page=3, total=len(LETTERS)
    )
    assert (found.page, "".join(found.items), found.pages) == (given, items, 3)


def test_an_empty_list_has_one_page() -> None:
    found: Page[str] = page_of(lambda _offset: "", page=2, per_page=3, total=0)
    assert (found.page, found.items, found.pages, found.has_next) == (1, (), 1, False)
