"""Compositions without a subject: cut paper, geometric suns, tiles."""

from math import cos, pi, sin

from sketchmaker.studio.providers.sandbox.drawing.canvas import (
    Canvas,
    Pen,
    Place,
    Point,
    cloud_mask,
    contrast,
)
from sketchmaker.studio.providers.sandbox.drawing.colour import (
    Colour,
    along,
    brightness,
    darker,
    lighter,
    mix,
)
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice
from sketchmaker.studio.providers.sandbox.drawing.outlines import down_to, wave
from sketchmaker.studio.providers.sandbox.drawing.palettes import Palette


def paper_waves(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """Sheets of cut paper, each throwing its shadow on the one behind."""
    width, height = canvas.width, canvas.height
    canvas.gradient(palette.sky)
    sun = dice.between(0.25, 0.75) * width, height * dice.between(0.2, 0.3)
    for ring in range(5, 0, -1):
        radius = (52 + 46 * ring) * canvas.unit
        canvas.disc(sun, radius, (palette.light,), opacity=0.16)
    canvas.disc(sun, 70 * canvas.unit, (lighter(palette.light, 0.3),))
    sheets = 8
    ramp = (palette.horizon, *_by_brightness(palette)[::-1], palette.near)
    for sheet in range(sheets):
        share = sheet / (sheets - 1)
        line = wave(
            dice,
            width,
            base=height * (0.34 + 0.58 * share),
            height=height * dice.between(0.05, 0.085),
            slowest=dice.between(0.7, 1.1),
        )
        paper = along(ramp, 0.1 + 0.9 * share)
        shadow = [(x, y - 7 * canvas.unit) for x, y in down_to(line, height + 40)]
        canvas.polygon(shadow, (darker(paper, 0.85),), opacity=0.34, blur=11 * canvas.unit)
        canvas.polygon(down_to(line, height + 4), (lighter(paper, 0.1), paper, darker(paper, 0.12)))
    _paper(canvas, dice)


def geometric_sun(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """A mid-century poster: a ringed sun over striped hills."""
    width, height = canvas.width, canvas.height
    ground = lighter(palette.accents[3], 0.25)
    canvas.gradient((ground,))
    tints = _by_brightness(palette)
    centre = width * dice.between(0.4, 0.6), height * dice.between(0.36, 0.44)
    rings = dice.whole(4, 6)
    largest = dice.between(330, 400) * canvas.unit
    _rays(canvas, dice, centre, largest, tints)
    for ring in range(rings):
        radius = largest * (1 - ring / rings) ** 0.9
        canvas.disc(centre, radius, (tints[(ring * 2 + 1) % len(tints)],))
    canvas.disc(centre, largest * 0.16, (lighter(palette.light, 0.2),))
    for hill in range(4):
        line = wave(
            dice,
            width,
            base=height * (0.62 + 0.11 * hill),
            height=height * dice.between(0.05, 0.08),
            slowest=0.8,
        )
        paint = tints[(hill * 2) % len(tints)]
        _striped_hill(canvas, line, paint, tints[(hill * 2 + 3) % len(tints)])
    _paper(canvas, dice)


def _rays(canvas: Canvas, dice: Dice, centre: Point, largest: float, tints: list[Colour]) -> None:
    count = dice.pick((16, 20, 24, 32))
    far = canvas.width + canvas.height
    pale = mix(tints[-1], tints[len(tints) // 2], 0.35)
    for number in range(0, count, 2):
        first, last = (2 * pi * (number + part) / count for part in (0, 1))
        canvas.polygon(
            [
                centre,
                (centre[0] + far * cos(first), centre[1] + far * sin(first)),
                (centre[0] + far * cos(last), centre[1] + far * sin(last)),
            ],
            (pale,),
            opacity=0.4,
        )
    canvas.disc(centre, largest * 1.1, (lighter(tints[-1], 0.2),))


def _striped_hill(canvas: Canvas, line: list[Point], paint: Colour, stripe: Colour) -> None:
    canvas.polygon(down_to(line, canvas.height + 4), (paint,))
    for row in range(1, 6):
        shift = row * 24 * canvas.unit
        thick = (6.5 - row) * canvas.unit
        upper = [(x, y + shift) for x, y in line]
        lower = [(x, y + shift + thick) for x, y in reversed(line)]
        canvas.polygon([*upper, *lower], (stripe,), opacity=0.8)


def tiles(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """Quarter circles, arcs and leaves on a grid, in five colours that know each other."""
    shorter = min(canvas.width, canvas.height)
    across = dice.pick((4, 5, 6))
    size = shorter / across
    columns, rows = -(-canvas.width // size), -(-canvas.height // size)
    left, top = (canvas.width - columns * size) / 2, (canvas.height - rows * size) / 2
    inks = list(palette.accents)
    previous = inks[0]
    for row in range(int(rows)):
        for column in range(int(columns)):
            ground = dice.pick([ink for ink in inks if ink != previous])
            others = [ink for ink in inks if abs(brightness(ink) - brightness(ground)) > 0.16]
            _tile(canvas, dice, (left + column * size, top + row * size), size, ground, others)
            previous = ground
    _paper(canvas, dice)


def _tile(
    canvas: Canvas,
    dice: Dice,
    corner: Point,
    size: float,
    ground: Colour,
    inks: list[Colour],
) -> None:
    x, y = corner
    box = (round(x), round(y), round(x + size), round(y + size))
    canvas.gradient((ground,), (max(0, box[0]), max(0, box[1]), box[2], box[3]))
    ink, second = dice.pick(inks), dice.pick(inks)
    east, south = dice.pick(((0, 0), (1, 0), (0, 1), (1, 1)))
    hinge = x + east * size, y + south * size
    kind = dice.whole(0, 5)
    if kind == 0:
        _arcs(canvas, box, hinge, size, (ink, second, ground, ink))
    elif kind == 1:
        _arcs(canvas, box, hinge, size, (ink,))
    elif kind == 2:
        _arcs(canvas, box, (x + size / 2, y + size * south), size / 2, (ink, second))
    elif kind == 3:
        middle = x + size / 2, y + size / 2
        _arcs(canvas, box, middle, size * 0.4, (ink, ground, second))
    elif kind == 4:
        _arcs(canvas, box, hinge, size, (ink,))
        opposite = x + (1 - east) * size, y + (1 - south) * size
        _arcs(canvas, box, opposite, size * 0.5, (second,))
    else:
        corners = [(x, y), (x + size, y), (x + size, y + size), (x, y + size)]
        del corners[dice.whole(0, 3)]
        canvas.polygon(corners, (ink,))


def _arcs(
    canvas: Canvas,
    box: tuple[int, int, int, int],
    centre: Point,
    radius: float,
    inks: tuple[Colour, ...],
) -> None:
    for number, ink in enumerate(inks):
        reach = radius * (1 - number / len(inks))

        def stroke(pen: Pen, at: Place, reach: float = reach) -> None:
            pen.ellipse(
                [
                    at(centre[0] - reach, centre[1] - reach),
                    at(centre[0] + reach, centre[1] + reach),
                ],
                fill=255,
            )

        canvas.shape(stroke, box, (ink,))


def _by_brightness(palette: Palette) -> list[Colour]:
    return sorted(palette.accents, key=brightness)


def _paper(canvas: Canvas, dice: Dice) -> None:
    """Uneven ink on rough paper."""
    fibre = cloud_mask(canvas, dice, "paper", across=150, down=150, octaves=2)
    canvas.paint(contrast(fibre, 0.5, 0.9, 0.06), canvas.whole, ((255, 252, 244),))
    canvas.paint(contrast(fibre, 0.5, 0.1, 0.05), canvas.whole, ((20, 16, 30),))
