"""What may be asked for, and what it costs. Prices are the server's own, never the client's."""

from collections.abc import Mapping
from dataclasses import dataclass

CREDITS_PER_IMAGE = 1
MAX_IMAGES_PER_GENERATION = 4
MIN_PROMPT_CHARACTERS = 3
MAX_PROMPT_CHARACTERS = 1000
MAX_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ImageSize:
    """A size on offer, in pixels."""

    name: str
    label: str
    width: int
    height: int


SIZES: Mapping[str, ImageSize] = {
    size.name: size
    for size in (
        ImageSize("square", "Square", 1024, 1024),
        ImageSize("portrait", "Portrait", 832, 1216),
        ImageSize("landscape", "Landscape", 1216, 832),
    )
}


def cost_of(images: int) -> int:
    """Credits for this many images, ordered now. What was ordered keeps the price of its order."""
    return images * CREDITS_PER_IMAGE


def images_for(credits: int) -> int:
    """How many images this many credits are enough for."""
    return credits // CREDITS_PER_IMAGE
