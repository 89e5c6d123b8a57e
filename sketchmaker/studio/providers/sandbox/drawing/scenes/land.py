"""Mountains, forests and deserts: layers that fade into the air behind them."""

from math import exp

from PIL import Image, ImageChops

from sketchmaker.studio.providers.sandbox.drawing.canvas import (
    Canvas,
    Point,
    cloud_mask,
    contrast,
    edge_mask,
)
from sketchmaker.studio.providers.sandbox.drawing.colour import Colour, darker, lighter, mix
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice
from sketchmaker.studio.providers.sandbox.drawing.outlines import (
    bend,
    conifer,
    down_to,
    height_at,
    ridge,
    wave,
)
from sketchmaker.studio.providers.sandbox.drawing.palettes import Palette
from sketchmaker.studio.providers.sandbox.drawing.scenes.sky import paint_sky


def mountains(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """Ridges behind ridges, firs on the nearest; sometimes a lake takes the foreground."""
    width, height = canvas.width, canvas.height
    has_lake = dice.chance(0.4)
    floor = height * (dice.between(0.66, 0.72) if has_lake else 1.0)
    top = height * dice.between(0.36, 0.46)
    light = paint_sky(canvas, palette, dice, floor if has_lake else height * 0.62)
    layers = 4 if has_lake else 6
    for layer in range(layers):
        nearness = layer / (layers - 1)
        base = top + (floor - top) * nearness**1.15 * (0.86 if has_lake else 0.9)
        swell = height * (0.16 - 0.07 * nearness)
        line = ridge(dice, width, base=base, height=swell, rough=0.5 - 0.05 * nearness)
        _paint_ridge(canvas, palette, line, nearness, light, floor)
        if nearness == 1 and not has_lake:
            _firs_along(canvas, dice, line, _land(palette, 1.0), count=46, tallest=78)
    if has_lake:
        _paint_lake(canvas, palette, dice, round(floor))


def _land(palette: Palette, nearness: float) -> Colour:
    return mix(palette.far, palette.near, nearness)


def _paint_ridge(
    canvas: Canvas,
    palette: Palette,
    line: list[Point],
    nearness: float,
    light: Point,
    floor: float,
) -> None:
    body = mix(_land(palette, nearness), palette.horizon, 0.42 * (1 - nearness) ** 1.5)
    valley = mix(body, palette.horizon, 0.55 * (1 - nearness * 0.75))
    canvas.polygon(down_to(line, floor), (body, mix(body, valley, 0.6), valley))
    strength = (0.14 if palette.is_night else 0.34) * (1 - nearness * 0.7)
    _light_slopes(canvas, palette, line, light, strength, floor)


def _light_slopes(
    canvas: Canvas,
    palette: Palette,
    line: list[Point],
    light: Point,
    strength: float,
    floor: float,
) -> None:
    # The slopes that face the light are what the ridge covers and its copy, moved towards the
    # shadow side and down, does not.
    shift = (-1 if light[0] < canvas.width / 2 else 1) * -26 * canvas.unit
    lower = 30 * canvas.unit
    top = max(0, round(min(y for _, y in line)) - 2)
    box = (0, top, canvas.width, round(floor))
    if box[3] - box[1] < 4:
        return
    cover = edge_mask(
        lambda pen, at: pen.polygon([at(*p) for p in down_to(line, floor)], fill=255), box
    )
    moved = [(x + shift, y + lower) for x, y in line]
    moved = [(-99.0, moved[0][1]), *moved, (canvas.width + 99.0, moved[-1][1])]
    rest = edge_mask(
        lambda pen, at: pen.polygon([at(*p) for p in down_to(moved, floor)], fill=255), box
    )
    glow = mix(palette.light, palette.horizon, 0.4)
    canvas.paint(ImageChops.subtract(cover, rest), box, (glow,), opacity=strength)


def _firs_along(
    canvas: Canvas, dice: Dice, line: list[Point], paint: Colour, *, count: int, tallest: float
) -> None:
    for _ in range(count):
        x = dice.between(-0.02, 1.02) * canvas.width
        size = tallest * canvas.unit * (0.4 + 0.6 * dice.fraction() ** 1.6)
        foot = x, height_at(line, x) + size * 0.12
        canvas.polygon(conifer(dice, foot, size), (paint,))


def _paint_lake(canvas: Canvas, palette: Palette, dice: Dice, shore: int) -> None:
    """Mirror what stands above the shore, cool it, and break it with ripples."""
    width, depth = canvas.width, canvas.height - shore
    above = canvas.image.crop((0, max(0, shore - depth * 2), width, shore))
    mirrored = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((width, depth))
    canvas.image.paste(mirrored, (0, shore))
    water = mix(palette.sky[0], palette.near, 0.45)
    canvas.veil(water, top=shore - depth * 0.5, bottom=canvas.height, strength=0.62)
    ripples = cloud_mask(canvas, dice, "ripples", across=5, down=90, octaves=3)
    mask = contrast(ripples, 0.56, 0.82, 0.42)
    mask.paste(0, (0, 0, width, shore + 3))
    box = (0, shore, width, canvas.height)
    canvas.paint(mask.crop(box), box, (lighter(palette.horizon, 0.25), palette.sky[1]))
    line = wave(dice, width, base=shore, height=2.2 * canvas.unit, slowest=3)
    shadow = [*line, *[(x, y + 5 * canvas.unit) for x, y in reversed(line)]]
    canvas.polygon(shadow, (darker(palette.near, 0.2),), opacity=0.75)
    bank = wave(dice, width, base=canvas.height * 0.965, height=26 * canvas.unit, slowest=0.6)
    canvas.polygon(down_to(bank, canvas.height + 4), (palette.near,))
    _firs_along(canvas, dice, bank, palette.near, count=13, tallest=250)


def forest(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """Stands of fir, each paler than the one before it, with light falling through."""
    width, height = canvas.width, canvas.height
    light = paint_sky(canvas, palette, dice, height * 0.75)
    layers = 6
    for layer in range(layers):
        nearness = layer / (layers - 1)
        base = height * (0.5 + 0.5 * nearness**1.2)
        line = wave(dice, width, base=base, height=height * 0.035, slowest=0.9)
        body = mix(_land(palette, nearness**0.9), palette.horizon, 0.4 * (1 - nearness))
        tallest = 120 + 330 * nearness**1.5
        _firs_along(canvas, dice, line, body, count=round(70 - 48 * nearness), tallest=tallest)
        ground = mix(body, palette.horizon, 0.35 * (1 - nearness))
        canvas.polygon(down_to(line, height + 4), (body, ground))
        if nearness < 1:
            canvas.veil(
                palette.horizon,
                top=base - height * 0.16,
                bottom=base + height * 0.14,
                strength=0.5 * (1 - nearness),
            )
        if layer == 3:
            _light_shafts(canvas, palette, dice, light)


def _light_shafts(canvas: Canvas, palette: Palette, dice: Dice, light: Point) -> None:
    strength = 0.05 if palette.is_night else 0.13
    for _ in range(5):
        lean = dice.between(-0.5, 0.5) * canvas.width
        spread = dice.between(40, 110) * canvas.unit
        foot = light[0] + lean, canvas.height * 1.02
        canvas.polygon(
            [light, (foot[0] + spread, foot[1]), (foot[0] - spread, foot[1])],
            (palette.light,),
            opacity=strength,
            blur=10 * canvas.unit,
        )


def desert(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """Dunes with a lit and a shaded side, parted by a sharp crest."""
    width, height = canvas.width, canvas.height
    horizon = height * dice.between(0.46, 0.56)
    light = paint_sky(canvas, palette, dice, horizon)
    far = ridge(dice, width, base=horizon - height * 0.02, height=height * 0.07, rough=0.45)
    canvas.polygon(down_to(far, horizon + height * 0.1), (mix(palette.far, palette.horizon, 0.55),))
    layers = 5
    for layer in range(layers):
        nearness = layer / (layers - 1)
        base = horizon + (height - horizon) * (0.1 + 0.72 * nearness**1.2)
        for _ in range(2 if nearness < 1 else 1):
            _paint_dune(canvas, palette, dice, base, nearness, light)


def _paint_dune(
    canvas: Canvas, palette: Palette, dice: Dice, base: float, nearness: float, light: Point
) -> None:
    width, height = canvas.width, canvas.height
    peak = dice.between(-0.05, 1.05) * width, base - height * (0.045 + 0.1 * nearness)
    away = 1 if light[0] < peak[0] else -1
    reach = width * dice.between(0.3, 0.45) * (0.6 + 0.6 * nearness)
    sand = mix(palette.far, palette.near, 0.05 + 0.4 * nearness)
    lit = mix(mix(sand, palette.light, 0.3), palette.horizon, 0.35 * (1 - nearness))
    shade = mix(mix(sand, palette.near, 0.5), palette.horizon, 0.35 * (1 - nearness))
    line = _dune_line(width, peak, base, reach, away)
    ground = mix(sand, palette.horizon, 0.3 * (1 - nearness))
    canvas.polygon(down_to(line, height + 4), (lit, ground, mix(sand, palette.near, 0.25)))
    foot = base + (height - base) * 0.6 + height * 0.08
    crest = bend(
        (peak[0] + away * reach * dice.between(0.5, 0.9), foot),
        (peak[0] + away * reach * dice.between(-0.25, 0.1), foot - (foot - peak[1]) * 0.22),
        (peak[0] + away * reach * dice.between(0.3, 0.55), peak[1] + (foot - peak[1]) * 0.42),
        peak,
    )
    flank = [point for point in line if (point[0] - peak[0]) * away >= 0]
    flank.sort(key=lambda point: point[0] * away)
    if flank:
        outline = [peak, *flank, (flank[-1][0], foot), *crest]
        canvas.polygon(outline, (shade, mix(shade, ground, 0.55), ground))


def _dune_line(width: int, peak: Point, base: float, reach: float, away: int) -> list[Point]:
    """A hump that rises gently against the wind and falls faster behind its peak."""
    steps = 140

    def height_of(x: float) -> float:
        distance = (x - peak[0]) * away
        run = abs(distance) / (reach * (0.62 if distance > 0 else 1.0))
        return exp(-(run ** (1.35 if distance > 0 else 1.6)))

    places = [width * (step / steps * 1.04 - 0.02) for step in range(steps + 1)]
    return [(x, base - (base - peak[1]) * height_of(x)) for x in places]
