"""An image request, checked: what is in it is what is charged and what is sent to the provider."""

import unicodedata
from dataclasses import dataclass

from sketchmaker.studio.errors import InvalidImageRequest
from sketchmaker.studio.offers import (
    MAX_IMAGES_PER_GENERATION,
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    MIN_PROMPT_CHARACTERS,
    SIZES,
    ImageSize,
    cost_of,
)

MAX_REQUEST_KEY_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A request without problems. Make one with `validated`."""

    prompt: str
    size: ImageSize
    count: int
    request_key: str
    seed: int | None

    @property
    def cost(self) -> int:
        """Credits for all the images asked for."""
        return cost_of(self.count)


def validated(
    *,
    prompt: object,
    size: object,
    count: object,
    request_key: object,
    seed: object = None,
) -> ImageRequest:
    """The request, if nothing is wrong with it.

    `size` is a name from `SIZES`; `count` and `seed` are ints, not text: the edge parses forms.
    `request_key` names this sending of the form, so that a retry is known as one.

    Raises:
        InvalidImageRequest: with a sentence for each field that has a problem.
    """
    problems: dict[str, str] = {}
    request = ImageRequest(
        prompt=_prompt(prompt, problems),
        size=_size(size, problems),
        count=_count(count, problems),
        request_key=_request_key(request_key, problems),
        seed=_seed(seed, problems),
    )
    if problems:
        raise InvalidImageRequest(problems)
    return request


def _prompt(given: object, problems: dict[str, str]) -> str:
    if not isinstance(given, str):
        problems["prompt"] = "Describe the image in words."
        return ""
    text = unicodedata.normalize("NFC", given.replace("\r\n", "\n")).strip()
    if len(text) < MIN_PROMPT_CHARACTERS:
        problems["prompt"] = f"Describe the image in at least {MIN_PROMPT_CHARACTERS} characters."
    elif len(text) > MAX_PROMPT_CHARACTERS:
        problems["prompt"] = (
            f"The description has {len(text):,} characters; "
            f"{MAX_PROMPT_CHARACTERS:,} are the most. Shorten it."
        )
    elif any(_is_control(sign) for sign in text):
        problems["prompt"] = "The description has invisible control characters. Type it again."
    return text


def _is_control(sign: str) -> bool:
    # Cs: half a surrogate pair, which no database takes as text.
    return unicodedata.category(sign) in {"Cc", "Cs"} and sign not in "\n\t"


def _size(given: object, problems: dict[str, str]) -> ImageSize:
    if isinstance(given, str) and given in SIZES:
        return SIZES[given]
    problems["size"] = f"Choose one of the sizes: {', '.join(SIZES)}."
    return next(iter(SIZES.values()))


def _count(given: object, problems: dict[str, str]) -> int:
    if type(given) is int and 1 <= given <= MAX_IMAGES_PER_GENERATION:
        return given
    problems["count"] = f"Choose 1 to {MAX_IMAGES_PER_GENERATION} images."
    return 1


def _request_key(given: object, problems: dict[str, str]) -> str:
    if (
        isinstance(given, str)
        and 1 <= len(given) <= MAX_REQUEST_KEY_CHARACTERS
        and given.isascii()
        and given.isprintable()
    ):
        return given
    problems["request_key"] = "This form is incomplete. Reload the page and try again."
    return ""


def _seed(given: object, problems: dict[str, str]) -> int | None:
    if given is None or (type(given) is int and 0 <= given <= MAX_SEED):
        return given
    problems["seed"] = f"A seed is a whole number from 0 to {MAX_SEED:,}, or left empty."
    return None
