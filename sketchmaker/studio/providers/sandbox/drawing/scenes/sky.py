"""What is above every horizon: air, clouds, stars, a sun or a moon."""

from sketchmaker.studio.providers.sandbox.drawing.canvas import Canvas, Point, cloud_mask, contrast
from sketchmaker.studio.providers.sandbox.drawing.colour import Colour, lighter, mix
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice
from sketchmaker.studio.providers.sandbox.drawing.outlines import flock
from sketchmaker.studio.providers.sandbox.drawing.palettes import Palette


def paint_sky(canvas: Canvas, palette: Palette, dice: Dice, horizon: float) -> Point:
    """Sky down to `horizon` with its light in it. Answers where the sun or moon stands."""
    canvas.gradient(palette.sky, (0, 0, canvas.width, round(horizon)))
    canvas.gradient((palette.horizon,), (0, round(horizon), canvas.width, canvas.height))
    if palette.is_night:
        paint_stars(canvas, dice, horizon, amount=dice.whole(120, 220))
        if "aurora" in palette.words:
            paint_aurora(canvas, palette, dice, horizon)
    paint_clouds(canvas, palette, dice, horizon)
    place = dice.between(0.22, 0.78) * canvas.width, horizon * dice.between(0.36, 0.72)
    paint_light(canvas, palette, dice, place)
    if not palette.is_night and dice.chance(0.6):
        for outline in flock(canvas, dice):
            canvas.polygon(outline, (mix(palette.near, palette.sky[0], 0.25),), opacity=0.75)
    return place


def paint_light(canvas: Canvas, palette: Palette, dice: Dice, place: Point) -> None:
    """A sun with its glow, or at night a moon with seas on it."""
    unit = canvas.unit
    if palette.is_night:
        radius = dice.between(38, 70) * unit
        canvas.glow(place, radius * 6, palette.light, 0.42)
        _moon(canvas, palette, dice, place, radius)
        return
    radius = dice.between(48, 96) * unit
    canvas.glow(place, radius * 8, palette.light, 0.5)
    canvas.glow(place, radius * 2.6, palette.light, 0.6)
    canvas.disc(place, radius, (lighter(palette.light, 0.5), palette.light), opacity=0.96)


def _moon(canvas: Canvas, palette: Palette, dice: Dice, place: Point, radius: float) -> None:
    canvas.disc(place, radius, (palette.light, mix(palette.light, palette.horizon, 0.22)))
    for _ in range(7):
        spot = (
            place[0] + dice.between(-0.55, 0.55) * radius,
            place[1] + dice.between(-0.55, 0.55) * radius,
        )
        canvas.disc(
            spot,
            radius * dice.between(0.08, 0.26),
            (mix(palette.light, palette.sky[1], 0.45),),
            opacity=0.3,
            blur=radius * 0.04,
        )


def paint_stars(canvas: Canvas, dice: Dice, horizon: float, amount: int) -> None:
    """Stars of unequal brightness, denser above."""
    tints: tuple[Colour, ...] = ((255, 255, 255), (255, 240, 214), (206, 224, 255))
    for _ in range(amount):
        place = dice.fraction() * canvas.width, horizon * dice.fraction() ** 1.3
        size = dice.between(0.5, 1.0) + 1.1 * dice.fraction() ** 6
        tint = dice.pick(tints)
        canvas.disc(place, size * canvas.unit, (tint,), opacity=dice.between(0.25, 0.95))
        if size > 1.75:
            canvas.glow(place, 22 * canvas.unit, tint, 0.6)


def paint_clouds(canvas: Canvas, palette: Palette, dice: Dice, horizon: float) -> None:
    """Long thin clouds, lit from below, thinning towards the zenith."""
    cover = dice.between(0.0, 1.0)
    if cover < 0.25:
        return
    mask = cloud_mask(canvas, dice, "clouds", across=2, down=7)
    floor = 0.66 - 0.14 * cover
    mask = contrast(mask, floor, floor + 0.22, 0.5 if palette.is_night else 0.8)
    box = (0, 0, canvas.width, round(horizon))
    lit = lighter(mix(palette.horizon, palette.light, 0.5), 0.3)
    upper = mix(palette.sky[0], lit, 0.4)
    if palette.is_night:
        lit, upper = mix(palette.horizon, palette.sky[1], 0.35), palette.sky[1]
    canvas.paint(mask.crop(box), box, (upper, lit, lit))


def paint_aurora(canvas: Canvas, palette: Palette, dice: Dice, horizon: float) -> None:
    """Curtains of light: noise stretched upwards, bright at the hem."""
    for name, light in (("hem", palette.accents[2]), ("veil", palette.accents[4])):
        folds = cloud_mask(canvas, dice, f"aurora {name}", across=7, down=1, octaves=3)
        body = contrast(folds, 0.45, 0.8, dice.between(0.5, 0.75))
        fade = cloud_mask(canvas, dice, f"fade {name}", across=2, down=2, octaves=2)
        body.paste(0, None, contrast(fade, 0.62, 0.3))
        body.paste(0, (0, round(horizon), canvas.width, canvas.height))
        canvas.screen(body, light)
