"""The sea: a horizon, headlands in haze, glitter under the light, a sail."""

from sketchmaker.studio.providers.sandbox.drawing.canvas import Canvas, Point, cloud_mask, contrast
from sketchmaker.studio.providers.sandbox.drawing.colour import Colour, darker, lighter, mix
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice
from sketchmaker.studio.providers.sandbox.drawing.outlines import down_to, ridge, wave
from sketchmaker.studio.providers.sandbox.drawing.palettes import Palette
from sketchmaker.studio.providers.sandbox.drawing.scenes.sky import paint_sky


def sea(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """Open water from the horizon down to the waves at one's feet."""
    horizon = round(canvas.height * dice.between(0.48, 0.6))
    light = paint_sky(canvas, palette, dice, horizon)
    _paint_water(canvas, palette, dice, horizon)
    _paint_headlands(canvas, palette, dice, horizon)
    _paint_glitter(canvas, palette, dice, horizon, light[0])
    if dice.chance(0.75):
        _paint_sail(canvas, palette, dice, horizon, light[0])
    _paint_swell(canvas, palette, dice, horizon)


def _paint_water(canvas: Canvas, palette: Palette, dice: Dice, horizon: int) -> None:
    deep = mix(palette.near, palette.sky[0], 0.45)
    middle = mix(palette.far, palette.sky[0], 0.45)
    shine = mix(palette.horizon, middle, 0.35)
    box = (0, horizon, canvas.width, canvas.height)
    canvas.gradient((shine, middle, mix(middle, deep, 0.6), deep), box)
    chop = cloud_mask(canvas, dice, "chop", across=4, down=120, octaves=3)
    canvas.paint(contrast(chop, 0.52, 0.85, 0.42).crop(box), box, (shine, middle, shine))
    canvas.paint(contrast(chop, 0.46, 0.2, 0.4).crop(box), box, (middle, deep, deep))


def _paint_headlands(canvas: Canvas, palette: Palette, dice: Dice, horizon: int) -> None:
    for layer in range(dice.whole(1, 3)):
        from_left = dice.chance(0.5)
        reach = dice.between(0.28, 0.6) * canvas.width
        line = ridge(
            dice,
            canvas.width,
            base=horizon,
            height=canvas.height * 0.05,
            rough=0.46,
        )
        tall = canvas.height * dice.between(0.05, 0.11)
        coast: list[Point] = []
        for x, y in line:
            inland = 1 - (x if from_left else canvas.width - x) / reach
            if inland > 0:
                coast.append((x, min(horizon + 1.0, y - tall * inland**0.8 + tall * 0.2)))
        if len(coast) < 3:
            continue
        rock = mix(palette.near, palette.far, 0.75 - 0.2 * layer)
        rock = mix(rock, palette.horizon, 0.35 - 0.12 * layer)
        canvas.polygon(down_to(coast, horizon + 1), (rock, mix(rock, palette.horizon, 0.35)))


def _paint_glitter(
    canvas: Canvas, palette: Palette, dice: Dice, horizon: int, middle: float
) -> None:
    depth = canvas.height - horizon
    bright = lighter(palette.light, 0.35)
    canvas.glow((middle, horizon + depth * 0.2), depth * 0.9, palette.light, 0.28)
    for _ in range(230):
        share = dice.fraction() ** 1.7
        y = horizon + 2 + depth * share * 0.92
        spread = (18 + 150 * share) * canvas.unit
        x = middle + (dice.fraction() + dice.fraction() - 1) * spread
        length = dice.between(4, 10 + 44 * share) * canvas.unit
        canvas.disc(
            (x, y),
            length,
            (bright,),
            flatness=max(1.0 * canvas.unit, 1.6 * canvas.unit * (0.5 + share)) / length,
            opacity=dice.between(0.25, 0.85) * (1 - 0.45 * share),
        )


def _paint_sail(canvas: Canvas, palette: Palette, dice: Dice, horizon: int, light_x: float) -> None:
    unit = canvas.unit
    side = -1 if light_x > canvas.width / 2 else 1
    x = canvas.width / 2 + side * dice.between(0.08, 0.3) * canvas.width
    y = horizon + dice.between(22, 80) * unit
    size = dice.between(52, 92) * unit
    hull = darker(palette.near, 0.25)
    cloth = lighter(mix(palette.light, palette.horizon, 0.3), 0.3)
    canvas.polygon(
        [
            (x + size * 0.03, y - size * 1.25),
            (x + size * 0.03, y - 4 * unit),
            (x + size * 0.5, y - 4 * unit),
        ],
        (cloth, mix(cloth, palette.horizon, 0.5)),
    )
    canvas.polygon(
        [
            (x - size * 0.02, y - size * 1.1),
            (x - size * 0.02, y - 4 * unit),
            (x - size * 0.3, y - 4 * unit),
        ],
        (mix(cloth, palette.far, 0.3), mix(cloth, palette.far, 0.5)),
    )
    canvas.polygon(
        [
            (x - size * 0.42, y),
            (x + size * 0.5, y),
            (x + size * 0.32, y + size * 0.13),
            (x - size * 0.3, y + size * 0.13),
        ],
        (hull,),
    )
    _paint_wake(canvas, dice, (x, y), size, (hull, cloth))


def _paint_wake(
    canvas: Canvas, dice: Dice, place: Point, size: float, tints: tuple[Colour, Colour]
) -> None:
    """The boat's broken mirror image."""
    for row in range(7):
        canvas.disc(
            (place[0] + dice.between(-6, 6) * canvas.unit, place[1] + size * (0.2 + row * 0.13)),
            size * (0.4 - row * 0.04),
            (tints[row % 2],),
            flatness=0.05,
            opacity=0.34 - row * 0.035,
        )


def _paint_swell(canvas: Canvas, palette: Palette, dice: Dice, horizon: int) -> None:
    depth = canvas.height - horizon
    for layer in range(3):
        base = canvas.height - depth * (0.24 - 0.1 * layer)
        line = wave(dice, canvas.width, base=base, height=depth * 0.028, slowest=0.8)
        body = mix(mix(palette.near, palette.sky[0], 0.4 - 0.15 * layer), palette.far, 0.16)
        foam = [*line, *[(x, y + 3.2 * canvas.unit) for x, y in reversed(line)]]
        canvas.polygon(down_to(line, canvas.height + 4), (body, darker(body, 0.35)), opacity=0.72)
        canvas.polygon(foam, (lighter(palette.horizon, 0.5),), opacity=0.34)
