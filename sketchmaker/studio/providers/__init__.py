"""The port to whatever makes images: an order goes in, a delivery comes out.

Owns the shape of that exchange and the adapters that fulfil it. Does not own credits, files, the
database or retries: a provider works outside of any transaction and knows nothing of them.

A provider may deliver fewer images than were ordered. It says so by returning a delivery with a
`failure`, or by raising `ProviderFailed`; the two are treated alike, and only delivered images are
charged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sketchmaker.studio.offers import MAX_SEED

Progress = Callable[[int], None]
"""Told how many images of the order are done so far."""


@dataclass(frozen=True, slots=True)
class ImageOrder:
    """What is wanted. `reference` is the same for every attempt at the same generation."""

    reference: str
    model: str
    prompt: str
    width: int
    height: int
    count: int
    seed: int

    def seed_of(self, position: int) -> int:
        """Each image of an order has its own seed, counted on from the order's."""
        return (self.seed + position) % (MAX_SEED + 1)


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image (PNG, JPEG or WebP) and the seed it was made from."""

    content: bytes
    seed: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was made; `failure` is a sentence for the person when that is less than was ordered."""

    pictures: tuple[Picture, ...]
    failure: str | None = None


class ImageProvider(Protocol):
    """Makes images."""

    @property
    def name(self) -> str:
        """What generations call it."""
        ...

    @property
    def is_repeatable(self) -> bool:
        """May it draw the same order again when the first result was lost? Not if that is paid."""
        ...

    @property
    def models(self) -> tuple[str, ...]:
        """The models it has, the preferred one first."""
        ...

    def generate(self, order: ImageOrder, progress: Progress) -> Delivery:
        """Make the images. Slow: seconds to minutes.

        Raises:
            ProviderFailed: it could not make all of them.
        """
        ...
