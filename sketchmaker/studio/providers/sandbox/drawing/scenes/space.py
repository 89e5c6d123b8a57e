"""Nebulae, stars and a planet."""

from math import pi

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
from sketchmaker.studio.providers.sandbox.drawing.outlines import wave
from sketchmaker.studio.providers.sandbox.drawing.palettes import Palette
from sketchmaker.studio.providers.sandbox.drawing.scenes.sky import paint_stars

DEGREES = 180 / pi


def space(canvas: Canvas, palette: Palette, dice: Dice) -> None:
    """A planet before a nebula."""
    canvas.gradient(tuple(darker(stop, 0.35) for stop in palette.sky))
    tints = dice.shuffled(palette.accents)
    _paint_nebula(canvas, dice, tints)
    paint_stars(canvas, dice, canvas.height * 1.0, amount=330)
    side = 1 if dice.chance(0.5) else -1
    place = (
        canvas.width * (0.5 + side * dice.between(0.02, 0.16)),
        canvas.height * dice.between(0.46, 0.6),
    )
    radius = dice.between(190, 270) * canvas.unit
    _paint_planet(canvas, dice, place, radius, tints, -side)
    for _ in range(dice.whole(1, 2)):
        _paint_moon(canvas, dice, place, radius, -side)


def _paint_nebula(canvas: Canvas, dice: Dice, tints: list[Colour]) -> None:
    for number, tint in enumerate(tints[:3]):
        cloud = cloud_mask(canvas, dice, f"nebula {number}", across=2, down=2, octaves=6)
        place = cloud_mask(canvas, dice, f"place {number}", across=1, down=1, octaves=2)
        mask = ImageChops.multiply(contrast(cloud, 0.4, 0.85), contrast(place, 0.35, 0.75))
        canvas.screen(mask, mix(tint, (20, 16, 60), 0.25))
    dust = cloud_mask(canvas, dice, "dust", across=3, down=3, octaves=6)
    canvas.paint(contrast(dust, 0.5, 0.86, 0.55), canvas.whole, ((9, 8, 26),))


def _paint_planet(
    canvas: Canvas, dice: Dice, place: Point, radius: float, tints: list[Colour], lit: int
) -> None:
    canvas.glow(place, radius * 1.9, tints[0], 0.5)
    has_ring = dice.chance(0.65)
    tilt = dice.between(-0.32, 0.32)
    ring = _ring(canvas, dice, place, radius, tilt) if has_ring else None
    ring_paint = (lighter(tints[1], 0.45),)
    if ring:
        canvas.paint(ring, canvas.whole, ring_paint)
    size = round(radius * 2)
    box = (round(place[0] - radius), round(place[1] - radius))
    globe = _globe(dice, size, tints, tilt)
    disc = edge_mask(
        lambda pen, at: pen.ellipse([at(1, 1), at(size - 1, size - 1)], fill=255),
        (0, 0, size, size),
    )
    shade = _terminator(size, lit)
    globe = ImageChops.multiply(globe, Image.merge("RGB", [shade] * 3))
    canvas.image.paste(globe, box, disc)
    if ring:
        front = ring.copy()
        # The far half of the ring is hidden by the planet; the near half passes before it.
        front.paste(0, (0, 0, canvas.width, round(place[1])))
        near = Image.new("L", ring.size, 0)
        near.paste(disc, box)
        canvas.paint(ImageChops.multiply(front, near), canvas.whole, ring_paint)


def _globe(dice: Dice, size: int, tints: list[Colour], tilt: float) -> Image.Image:
    """Bands of weather, tilted."""
    sheet = Canvas(size, size, tints[0])
    rows = 13
    for row in range(rows):
        base = size * (row / rows - 0.02)
        line = wave(dice, size, base=base, height=size * 0.012, slowest=1.6)
        tint = mix(tints[row % 2], tints[2 + row % 2], dice.between(0.0, 0.55))
        tint = mix(tint, tints[0], 0.3)
        sheet.polygon([*line, (size, size + 4), (0, size + 4)], (tint,), blur=size * 0.006)
    swirl = cloud_mask(sheet, dice, "weather", across=2, down=16, octaves=4)
    sheet.paint(contrast(swirl, 0.5, 0.85, 0.4), sheet.whole, ((255, 248, 235),))
    sheet.paint(contrast(swirl, 0.45, 0.15, 0.35), sheet.whole, (darker(tints[0], 0.5),))
    return sheet.image.rotate(-tilt * DEGREES, Image.Resampling.BICUBIC, fillcolor=tints[0])


def _terminator(size: int, lit: int) -> Image.Image:
    """Day fading into night across a globe, lit from the left (-1) or right (1)."""
    falloff = Image.radial_gradient("L").point(
        [round(255 * max(0.03, min(1.0, 1.12 - (level / 130) ** 2.1))) for level in range(256)]
    )
    large = falloff.resize((round(size * 1.9),) * 2, Image.Resampling.BICUBIC)
    left = round(size * (0.62 if lit < 0 else 0.28))
    return large.crop((left, round(size * 0.56), left + size, round(size * 0.56) + size))


def _ring(canvas: Canvas, dice: Dice, place: Point, radius: float, tilt: float) -> Image.Image:
    """A mask of the picture. Drawn on a sheet of its own: turning cuts off what is outside."""
    half = round(radius * 2.2)
    sheet = Image.new("L", (2 * half, 2 * half), 0)
    squeeze = dice.between(0.2, 0.3)
    widths = (2.05, 1.98, 1.88, 1.76, 1.68, 1.54, 1.48, 1.42, 1.36)
    levels = [*(dice.whole(40, 215) for _ in widths[1:]), 0]
    for share, level in zip(widths, levels, strict=True):
        sheet.paste(level, None, _lying_ellipse(half, radius * share, squeeze))
    mask = Image.new("L", (canvas.width, canvas.height), 0)
    turned = sheet.rotate(-tilt * DEGREES, Image.Resampling.BICUBIC)
    mask.paste(turned, (round(place[0]) - half, round(place[1]) - half))
    return mask


def _lying_ellipse(half: int, reach: float, squeeze: float) -> Image.Image:
    corners = ((half - reach, half - reach * squeeze), (half + reach, half + reach * squeeze))
    return edge_mask(
        lambda pen, at: pen.ellipse([at(*corner) for corner in corners], fill=255),
        (0, 0, 2 * half, 2 * half),
    )


def _paint_moon(canvas: Canvas, dice: Dice, place: Point, radius: float, lit: int) -> None:
    distance = radius * dice.between(1.5, 2.0)
    centre = place[0] + lit * distance * 0.8, place[1] - distance * dice.between(0.45, 0.9)
    size = radius * dice.between(0.07, 0.16)
    canvas.glow(centre, size * 3, (220, 224, 255), 0.25)
    canvas.disc(centre, size, ((232, 228, 220), (150, 146, 160)))
