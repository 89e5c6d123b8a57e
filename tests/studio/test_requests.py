from typing import Any

import pytest

from sketchmaker.studio.errors import InvalidImageRequest
from sketchmaker.studio.requests import ImageRequest, validated


def asked(**changes: Any) -> ImageRequest:
    fields: dict[str, Any] = {
        "prompt": "a red bicycle",
        "size": "square",
        "count": 1,
        "request_key": "k1",
    }
    return validated(**{**fields, **changes})


def problems_of(**changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidImageRequest) as refusal:
        asked(**changes)
    return refusal.value.problems


@pytest.mark.parametrize(
    ("name", "pixels"),
    [("square", (1024, 1024)), ("portrait", (832, 1216)), ("landscape", (1216, 832))],
)
def test_a_size_stands_for_its_pixels(name: str, pixels: tuple[int, int]) -> None:
    size = asked(size=name).size
    assert (size.width, size.height) == pixels


def test_what_is_charged_is_one_credit_for_each_image_sent_to_the_provider() -> None:
    assert [asked(count=count).cost for count in (1, 2, 3, 4)] == [1, 2, 3, 4]


@pytest.mark.parametrize("count", [0, -1, -1000, 5, True, 1.0, "2", None, 10**30])
def test_a_count_that_is_not_one_to_four_is_refused(count: object) -> None:
    assert set(problems_of(count=count)) == {"count"}


@pytest.mark.parametrize("prompt", ["", "  ab  ", "x" * 1001, None, 7, b"bytes", ["list"]])
def test_a_prompt_of_the_wrong_length_or_kind_is_refused(prompt: object) -> None:
    assert set(problems_of(prompt=prompt)) == {"prompt"}


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ud800"])
def test_control_characters_are_refused(sign: str) -> None:
    assert set(problems_of(prompt=f"a red{sign} bicycle")) == {"prompt"}


@pytest.mark.parametrize(
    "prompt",
    [
        "abc",
        "x" * 1000,
        "дождь\nидёт",
        "🦊🌲🌙",
        "مرحبا بالعالم",
        "<b>&\"'</b>",
        "👩‍👩‍👧‍👦 at sea",
    ],
)
def test_any_language_signs_and_line_breaks_are_welcome(prompt: str) -> None:
    assert asked(prompt=prompt).prompt == prompt


def test_white_space_around_a_prompt_does_not_count() -> None:
    assert asked(prompt="  a cat \r\n").prompt == "a cat"


@pytest.mark.parametrize("seed", [-1, 2**31, 1.5, "4", True])
def test_a_seed_outside_its_range_is_refused(seed: object) -> None:
    assert set(problems_of(seed=seed)) == {"seed"}


@pytest.mark.parametrize("seed", [None, 0, 2**31 - 1])
def test_a_seed_may_be_given_or_left_out(seed: int | None) -> None:
    assert asked(seed=seed).seed == seed


@pytest.mark.parametrize("key", ["", "k" * 101, None, "a\nb", "ключ"])
def test_a_request_without_a_proper_key_is_refused(key: object) -> None:
    assert set(problems_of(request_key=key)) == {"request_key"}


def test_every_field_with_a_problem_is_told_at_once() -> None:
    problems = problems_of(prompt="", size="huge", count=9, request_key="", seed=-3)
    assert set(problems) == {"prompt", "size", "count", "request_key", "seed"}
