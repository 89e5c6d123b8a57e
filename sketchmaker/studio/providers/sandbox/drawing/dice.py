"""Numbers that look random and are not: each stream follows wholly from its label.

The standard library's generators are avoided on purpose: nothing in a drawing may depend on
anything but its label, and hashing promises the same stream on every Python version.
"""

from collections.abc import Sequence
from hashlib import shake_256
from typing import TypeVar

T = TypeVar("T")

_CHUNK_BYTES = 2048
_WORD_BYTES = 4
_WORD_LIMIT = 2.0**32


class Dice:
    """A repeatable stream of numbers named by `label`."""

    def __init__(self, label: str) -> None:
        self._label = label.encode("utf-8", "surrogatepass")
        self._chunk = b""
        self._position = 0
        self._chunks_drawn = 0

    def fraction(self) -> float:
        """A number in [0, 1)."""
        if self._position >= len(self._chunk):
            self._chunk = self._bytes(f"chunk {self._chunks_drawn}", _CHUNK_BYTES)
            self._chunks_drawn += 1
            self._position = 0
        word = self._chunk[self._position : self._position + _WORD_BYTES]
        self._position += _WORD_BYTES
        return int.from_bytes(word, "big") / _WORD_LIMIT

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.fraction()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.fraction() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.fraction() < probability

    def pick(self, things: Sequence[T]) -> T:
        """One of the things."""
        return things[self.whole(0, len(things) - 1)]

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """The things in another order."""
        remaining = list(things)
        return [remaining.pop(self.whole(0, len(remaining) - 1)) for _ in things]

    def noise(self, name: str, count: int) -> bytes:
        """`count` evenly spread bytes. Takes nothing from the stream of numbers."""
        return self._bytes(name, count)

    def _bytes(self, name: str, count: int) -> bytes:
        return shake_256(self._label + b"|" + name.encode()).digest(count)
