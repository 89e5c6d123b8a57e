"""Lines that shapes are cut along: ridges, waves, dunes, tree tops, birds."""

from itertools import pairwise
from math import cos, pi, sin

from sketchmaker.studio.providers.sandbox.drawing.canvas import Canvas, Point
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice


def ridge(dice: Dice, width: int, *, base: float, height: float, rough: float) -> list[Point]:
    """A mountain line by midpoint displacement; `rough` 0.4 rolls, 0.6 is craggy."""
    heights = [dice.between(-0.5, 0.5) for _ in range(5)]
    swing = 0.62
    while len(heights) < 400:
        finer: list[float] = []
        for first, second in pairwise(heights):
            finer += [first, (first + second) / 2 + dice.between(-swing, swing) / 2]
        heights = [*finer, heights[-1]]
        swing *= rough
    last = len(heights) - 1
    return [(index * width / last, base - level * height) for index, level in enumerate(heights)]


def wave(
    dice: Dice, width: int, *, base: float, height: float, slowest: float = 1.2
) -> list[Point]:
    """A soft line of a few added sine waves."""
    parts = [
        (dice.between(0.7, 1.3) * slowest * rate, dice.between(0, 2 * pi), share)
        for rate, share in ((1.0, 0.6), (1.9, 0.28), (3.7, 0.12))
    ]
    steps = 160

    def level(share: float) -> float:
        return sum(size * sin(2 * pi * rate * share + phase) for rate, phase, size in parts)

    return [
        (step * width / steps, base - height * level(step / steps)) for step in range(steps + 1)
    ]


def down_to(line: list[Point], bottom: float) -> list[Point]:
    """The area between a line and a level below it."""
    return [*line, (line[-1][0], bottom), (line[0][0], bottom)]


def height_at(line: list[Point], x: float) -> float:
    """The height of a line of evenly spaced points at x."""
    share = (x - line[0][0]) / max(1.0, line[-1][0] - line[0][0]) * (len(line) - 1)
    return line[min(len(line) - 1, max(0, round(share)))][1]


def conifer(dice: Dice, foot: Point, height: float) -> list[Point]:
    """The outline of a fir standing on `foot`."""
    x, y = foot
    tiers = max(5, min(13, int(height / 14)))
    half = height * dice.between(0.17, 0.23)
    left: list[Point] = []
    right: list[Point] = []
    for tier in range(tiers):
        share = (tier + 1) / tiers
        level = y - height * (1 - share * 0.93)
        reach = half * share**0.85
        for side, points in ((-1, left), (1, right)):
            out = reach * dice.between(0.8, 1.12)
            points.append((x + side * out, level + height * 0.02))
            points.append((x + side * out * 0.45, level - height * 0.012))
    trunk = height * 0.022
    feet = [(x + trunk, y - height * 0.06), (x + trunk, y + height * 0.05)]
    mirrored = [(2 * x - a, b) for a, b in reversed(feet)]
    return [(x, y - height), *right, *feet, *mirrored, *reversed(left)]


def petal(centre: Point, angle: float, length: float, width: float) -> list[Point]:
    """A leaf shape pointing from `centre` along `angle` (radians)."""
    x, y = centre
    steps = 14
    outline: list[Point] = []
    for side in (1, -1):
        for step in range(steps + 1):
            share = step / steps if side > 0 else 1 - step / steps
            along, off = length * share, side * width * sin(pi * share**1.35) ** 0.75
            outline.append(
                (
                    x + along * cos(angle) - off * sin(angle),
                    y + along * sin(angle) + off * cos(angle),
                )
            )
    return outline


def bird(centre: Point, span: float, lift: float) -> list[Point]:
    """A gull far away: two bent wings."""
    x, y = centre
    half, thick = span / 2, span * 0.07
    return [
        (x - half, y - lift * 0.6),
        (x - half * 0.45, y - lift),
        (x, y),
        (x + half * 0.45, y - lift),
        (x + half, y - lift * 0.6),
        (x + half * 0.45, y - lift + thick),
        (x, y + thick * 1.4),
        (x - half * 0.45, y - lift + thick),
    ]


def flock(canvas: Canvas, dice: Dice) -> list[list[Point]]:
    """A handful of far birds in the upper half."""
    middle = dice.between(0.2, 0.8) * canvas.width, dice.between(0.2, 0.36) * canvas.height
    birds = []
    for _ in range(dice.whole(3, 7)):
        span = dice.between(14, 30) * canvas.unit
        place = (
            middle[0] + dice.between(-130, 130) * canvas.unit,
            middle[1] + dice.between(-60, 60) * canvas.unit,
        )
        birds.append(bird(place, span, span * dice.between(0.18, 0.32)))
    return birds


def bend(start: Point, first: Point, second: Point, end: Point) -> list[Point]:
    """A curve from start to end, drawn towards two points on its way."""
    steps = 18

    def between(axis: int, share: float) -> float:
        rest = 1 - share
        return (
            rest**3 * start[axis]
            + 3 * rest**2 * share * first[axis]
            + 3 * rest * share**2 * second[axis]
            + share**3 * end[axis]
        )

    shares = [step / steps for step in range(steps + 1)]
    return [(between(0, share), between(1, share)) for share in shares]
