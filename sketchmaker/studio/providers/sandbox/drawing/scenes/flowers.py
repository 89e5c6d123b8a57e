"""A meadow in bloom, large in front and small behind."""

from math import cos, pi, sin

from sketchmaker.studio.providers.sandbox.drawing.canvas import Canvas, Point
from sketchmaker.studio.providers.sandbox.drawing.colour import Colour, darker, lighter, mix
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice
from sketchmaker.studio.providers.sandbox.drawing.outlines import down_to, petal, wave
from sketchmaker.studio.providers.sandbox.drawing.palettes import Palette
from sketchmaker.studio.providers.sandbox.drawing.scenes.sky import paint_sky


def flowers(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """Hills, then stems and blossoms in three depths."""
    width, height = canvas.width, canvas.height
    paint_sky(canvas, palette, dice, height * 0.62)
    green = mix(palette.near, (58, 110, 78), 0.0 if palette.is_night else 0.4)
    for layer in range(3):
        line = wave(
            dice, width, base=height * (0.56 + 0.13 * layer), height=height * 0.04, slowest=0.7
        )
        body = mix(mix(palette.far, green, 0.25 + 0.3 * layer), palette.horizon, 0.3 - 0.1 * layer)
        canvas.polygon(down_to(line, height + 4), (body, mix(body, green, 0.35)))
    blossoms = [tint for tint in palette.accents if _stands_out(tint, green)] or [palette.light]
    for depth, (count, size) in enumerate(((26, 26), (13, 52), (7, 100))):
        nearness = depth / 2
        stem = mix(green, palette.horizon, 0.3 * (1 - nearness))
        for number in range(count):
            x = width * (number + dice.between(0.1, 0.9)) / count
            low, high = ((0.6, 0.74), (0.56, 0.72), (0.42, 0.68))[depth]
            head = x, height * dice.between(low, high)
            tint = mix(dice.pick(blossoms), palette.horizon, 0.35 * (1 - nearness))
            _flower(canvas, dice, head, size * dice.between(0.75, 1.2), tint, stem, palette)


def _stands_out(tint: Colour, ground: Colour) -> bool:
    return sum(abs(a - b) for a, b in zip(tint, ground, strict=True)) > 190


def _flower(
    canvas: Canvas,
    dice: Dice,
    head: Point,
    size: float,
    tint: Colour,
    stem: Colour,
    palette: Palette,
) -> None:
    size *= canvas.unit
    _stem(canvas, dice, head, size, stem)
    petals = dice.pick((6, 8, 11, 14))
    turn = dice.between(0, 2 * pi)
    flat = dice.between(0.72, 1.0)
    for ring, (reach, paint) in enumerate(
        ((1.0, mix(tint, palette.near, 0.18)), (0.74, lighter(tint, 0.12)))
    ):
        for number in range(petals):
            angle = turn + (number + ring * 0.5) * 2 * pi / petals
            outline = petal((0, 0), angle, size * reach, size * 1.35 / petals)
            placed = [(head[0] + x, head[1] + y * flat) for x, y in outline]
            canvas.polygon(placed, (lighter(paint, 0.14), darker(paint, 0.06)))
    heart = darker(mix(palette.accents[1], palette.near, 0.45), 0.15)
    canvas.disc(head, size * 0.25, (lighter(heart, 0.2), heart), flatness=flat)
    for number in range(9):
        angle = number * 2 * pi / 9
        dot = head[0] + cos(angle) * size * 0.15, head[1] + sin(angle) * size * 0.15 * flat
        canvas.disc(dot, size * 0.03, (lighter(palette.light, 0.2),), opacity=0.8)


def _stem(canvas: Canvas, dice: Dice, head: Point, size: float, paint: Colour) -> None:
    foot = head[0] + dice.between(-1, 1) * size * 0.9, canvas.height + 10.0
    bend = dice.between(-0.5, 0.5) * size
    thick = max(1.3 * canvas.unit, size * 0.045)
    steps = 18
    spine = [
        (
            head[0] + (foot[0] - head[0]) * share + bend * sin(pi * share),
            head[1] + (foot[1] - head[1]) * share,
        )
        for share in (step / steps for step in range(steps + 1))
    ]
    left = [(x - thick * (0.6 + 0.6 * n / steps), y) for n, (x, y) in enumerate(spine)]
    right = [(x + thick * (0.6 + 0.6 * n / steps), y) for n, (x, y) in enumerate(spine)]
    canvas.polygon([*left, *reversed(right)], (paint,))
    for side in (-1, 1):
        at = spine[dice.whole(5, 12)]
        angle = -pi / 2 + side * dice.between(0.5, 1.0)
        leaf = petal(at, angle, size * dice.between(0.9, 1.4), size * 0.16)
        canvas.polygon(leaf, (lighter(paint, 0.12), paint))
