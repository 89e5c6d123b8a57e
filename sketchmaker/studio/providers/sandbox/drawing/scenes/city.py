"""A skyline: blocks behind blocks, lit windows at night, sometimes a river in front."""

from PIL import Image, ImageDraw

from sketchmaker.studio.providers.sandbox.drawing.canvas import (
    Canvas,
    Pen,
    Place,
    Point,
    cloud_mask,
    contrast,
)
from sketchmaker.studio.providers.sandbox.drawing.colour import Colour, mix
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice
from sketchmaker.studio.providers.sandbox.drawing.palettes import Palette
from sketchmaker.studio.providers.sandbox.drawing.scenes.sky import paint_sky

Block = tuple[float, float, float]  # left, width, top


def city(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """Four rows of buildings fading into the evening."""
    has_river = dice.chance(0.55)
    floor = canvas.height * (dice.between(0.7, 0.76) if has_river else 1.0)
    paint_sky(canvas, palette, dice, floor * 0.92)
    rows = 4
    for row in range(rows):
        nearness = row / (rows - 1)
        blocks = _blocks(canvas, dice, nearness, floor)
        body = mix(palette.far, palette.near, nearness**0.8)
        body = mix(body, palette.horizon, 0.45 * (1 - nearness))
        _paint_row(canvas, palette, blocks, body, nearness, floor)
        if row:
            _light_windows(canvas, palette, dice, blocks, nearness, floor)
        if nearness < 1:
            canvas.veil(
                palette.horizon, top=floor * 0.55, bottom=floor, strength=0.42 * (1 - nearness)
            )
    if has_river:
        _paint_river(canvas, palette, dice, round(floor))


def _blocks(canvas: Canvas, dice: Dice, nearness: float, floor: float) -> list[Block]:
    blocks: list[Block] = []
    x = -30.0 * canvas.unit
    middle = canvas.width * 0.5
    while x < canvas.width + 10:
        wide = dice.between(34, 78 + 46 * nearness) * canvas.unit
        # Towers gather in the middle, as they do in real cities.
        centre = 1 - min(1.0, abs(x - middle) / middle)
        tall = dice.between(0.12, 0.3) + 0.3 * centre**1.5 * dice.fraction() ** 0.8
        blocks.append((x, wide, floor - floor * tall * (1.12 - 0.5 * nearness)))
        x += wide + (dice.between(0, 14) * canvas.unit if dice.chance(0.35) else 0)
    return blocks


def _paint_row(
    canvas: Canvas,
    palette: Palette,
    blocks: list[Block],
    body: Colour,
    nearness: float,
    floor: float,
) -> None:
    top = min(block[2] for block in blocks) - 70 * canvas.unit
    box = (0, max(0, round(top)), canvas.width, round(floor))

    def stroke(pen: Pen, at: Place) -> None:
        for number, (left, wide, roof) in enumerate(blocks):
            pen.rectangle([at(left, roof), at(left + wide, floor)], fill=255)
            for outline in _crown(number, left, wide, roof, canvas.unit):
                pen.polygon([at(*point) for point in outline], fill=255)

    canvas.shape(stroke, box, (body, mix(body, palette.horizon, 0.3 * (1 - nearness))))


def _crown(number: int, left: float, wide: float, roof: float, unit: float) -> list[list[Point]]:
    """What stands on a roof: nothing, a step, a spire or a slope, by the number of the house."""
    middle = left + wide / 2
    if number % 5 == 0:
        step = wide * 0.22
        lower, upper = roof - 20 * unit, roof - 64 * unit
        return [
            [
                (left + step, roof + 1),
                (left + step, lower),
                (left + wide - step, lower),
                (left + wide - step, roof + 1),
            ],
            [(middle - 2 * unit, lower + 1), (middle, upper), (middle + 2 * unit, lower + 1)],
        ]
    if number % 5 == 2:
        return [[(left, roof + 1), (left + wide, roof - wide * 0.45), (left + wide, roof + 1)]]
    if number % 5 == 3:
        return [[(left, roof + 1), (middle, roof - wide * 0.5), (left + wide, roof + 1)]]
    return []


def _light_windows(
    canvas: Canvas,
    palette: Palette,
    dice: Dice,
    blocks: list[Block],
    nearness: float,
    floor: float,
) -> None:
    share = (0.42 if palette.is_night else 0.14) * (0.6 + 0.4 * nearness)
    warm: tuple[Colour, ...] = ((255, 214, 140), (255, 236, 190), palette.light)
    pen = ImageDraw.Draw(canvas.image)
    pane, gap = (3.0 + 2.6 * nearness) * canvas.unit, (7.5 + 5 * nearness) * canvas.unit
    for left, wide, roof in blocks:
        across = max(1, int((wide - gap * 0.6) / gap))
        margin = (wide - (across - 1) * gap - pane) / 2
        busy = share * dice.between(0.4, 1.4)
        for floor_number in range(int((floor - roof - gap * 1.4) / (gap * 1.15))):
            y = roof + gap + floor_number * gap * 1.15
            for window in range(across):
                if dice.fraction() > busy:
                    continue
                x = left + margin + window * gap
                glass = mix(dice.pick(warm), palette.horizon, 0.3 * (1 - nearness))
                pen.rectangle([x, y, x + pane, y + pane * 1.35], fill=glass)


def _paint_river(canvas: Canvas, palette: Palette, dice: Dice, shore: int) -> None:
    width, depth = canvas.width, canvas.height - shore
    above = canvas.image.crop((0, max(0, shore - depth * 2), width, shore))
    canvas.image.paste(
        above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((width, depth)), (0, shore)
    )
    canvas.veil(
        mix(palette.sky[0], palette.near, 0.6),
        top=shore - depth * 0.35,
        bottom=canvas.height,
        strength=0.7,
    )
    ripples = cloud_mask(canvas, dice, "river", across=6, down=110, octaves=3)
    box = (0, shore, width, canvas.height)
    dark = mix(palette.near, palette.sky[0], 0.3)
    canvas.paint(contrast(ripples, 0.48, 0.7, 0.5).crop(box), box, (dark, dark))
    canvas.paint(contrast(ripples, 0.42, 0.2, 0.25).crop(box), box, (palette.horizon, dark))
    canvas.gradient((palette.near,), (0, shore - 2, width, shore + round(4 * canvas.unit)))
