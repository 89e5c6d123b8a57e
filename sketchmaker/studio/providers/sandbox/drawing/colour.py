"""Colours as plain triples, and the few ways of mixing them."""

from PIL import ImageColor

Colour = tuple[int, int, int]


def colour(text: str) -> Colour:
    """The triple of a colour written as #rrggbb."""
    red, green, blue = ImageColor.getrgb(text)[:3]
    return red, green, blue


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` 0 gives the first colour, 1 the second."""
    share = min(1.0, max(0.0, share))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighter(base: Colour, share: float) -> Colour:
    """Mixed with warm white."""
    return mix(base, (255, 250, 240), share)


def darker(base: Colour, share: float) -> Colour:
    """Mixed with a deep blue black, which looks less dead than pure black."""
    return mix(base, (8, 8, 20), share)


def along(stops: tuple[Colour, ...], share: float) -> Colour:
    """The colour at `share` (0..1) of a gradient with evenly spaced stops."""
    place = min(1.0, max(0.0, share)) * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    return mix(stops[index], stops[index + 1], place - index)


def brightness(base: Colour) -> float:
    """Perceived brightness from 0 (black) to 1 (white)."""
    red, green, blue = base
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255
