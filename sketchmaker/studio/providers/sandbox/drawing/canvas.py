"""The picture being drawn and the brushes that touch it: fills, edges, glows, grain.

Places are in pixels of the finished picture. Shapes are masked at three times the size and
reduced, because Pillow's own edges are jagged.
"""

from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from sketchmaker.studio.providers.sandbox.drawing.colour import Colour, along
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice

Point = tuple[float, float]
Box = tuple[int, int, int, int]
Pen = ImageDraw.ImageDraw
Place = Callable[[float, float], Point]
Stroke = Callable[[Pen, Place], None]

_OVERSAMPLING = 3
_GRAIN_DEPTH = 7


class Canvas:
    """An RGB picture in the making. `unit` is a thousandth of its shorter side, in pixels."""

    def __init__(self, width: int, height: int, background: Colour = (255, 255, 255)) -> None:
        self.width = width
        self.height = height
        self.unit = min(width, height) / 1000
        self.image = Image.new("RGB", (width, height), background)

    @property
    def whole(self) -> Box:
        """The box of the whole picture."""
        return 0, 0, self.width, self.height

    def gradient(self, stops: tuple[Colour, ...], box: Box | None = None) -> None:
        """Fill a box with a gradient from its top to its bottom."""
        left, top, right, bottom = box or self.whole
        if right > left and bottom > top:
            self.image.paste(vertical_gradient(right - left, bottom - top, stops), (left, top))

    def shape(
        self,
        stroke: Stroke,
        box: Box,
        paint: tuple[Colour, ...],
        *,
        opacity: float = 1.0,
        blur: float = 0.0,
    ) -> None:
        """Paint what `stroke` draws inside `box`, coloured from the top of the box to its bottom.

        `stroke(pen, at)` draws white on black; `at(x, y)` turns picture places into pen places.
        """
        box = self._clipped(box)
        if box[2] <= box[0] or box[3] <= box[1]:
            return
        mask = edge_mask(stroke, box)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur))
        self.paint(mask, box, paint, opacity=opacity)

    def paint(
        self, mask: Image.Image, box: Box, paint: tuple[Colour, ...], *, opacity: float = 1.0
    ) -> None:
        """Lay paint on the box where the mask is white."""
        if opacity < 1.0:
            mask = mask.point(_scaled(opacity))
        size = (box[2] - box[0], box[3] - box[1])
        if len(paint) == 1:
            self.image.paste(paint[0], box, mask)
        else:
            self.image.paste(vertical_gradient(*size, paint), box[:2], mask)

    def polygon(
        self,
        points: Sequence[Point],
        paint: tuple[Colour, ...],
        *,
        opacity: float = 1.0,
        blur: float = 0.0,
    ) -> None:
        """Paint a closed outline."""
        self.shape(
            lambda pen, at: pen.polygon([at(x, y) for x, y in points], fill=255),
            self._around(points, margin=2 + round(blur * 3)),
            paint,
            opacity=opacity,
            blur=blur,
        )

    def disc(
        self,
        centre: Point,
        radius: float,
        paint: tuple[Colour, ...],
        *,
        flatness: float = 1.0,
        opacity: float = 1.0,
        blur: float = 0.0,
    ) -> None:
        """Paint a circle, or with `flatness` below 1 a lying ellipse."""
        x, y = centre
        tall = radius * flatness

        def stroke(pen: Pen, at: Place) -> None:
            pen.ellipse([at(x - radius, y - tall), at(x + radius, y + tall)], fill=255)

        box = self._around([(x - radius, y - tall), (x + radius, y + tall)], 2 + round(blur * 3))
        self.shape(stroke, box, paint, opacity=opacity, blur=blur)

    def glow(self, centre: Point, radius: float, light: Colour, strength: float = 1.0) -> None:
        """Brighten softly around a place, the way light spreads in air."""
        x, y = centre
        box = round(x - radius), round(y - radius), round(x + radius), round(y + radius)
        inside = self._clipped(box)
        if inside[2] <= inside[0] or inside[3] <= inside[1]:
            return
        falloff = Image.radial_gradient("L").point(
            [round(strength * 255 * max(0.0, 1 - level / 181) ** 2.2) for level in range(256)]
        )
        mask = falloff.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BICUBIC)
        moved = (inside[0] - box[0], inside[1] - box[1], inside[2] - box[0], inside[3] - box[1])
        light_layer = Image.new("RGB", (inside[2] - inside[0], inside[3] - inside[1]), light)
        under = self.image.crop(inside)
        lit = ImageChops.screen(under, light_layer)
        self.image.paste(Image.composite(lit, under, mask.crop(moved)), inside[:2])

    def veil(self, air: Colour, *, top: float, bottom: float, strength: float) -> None:
        """Lay mist that thickens from `top` down to `bottom`."""
        first, last = max(0, round(top)), min(self.height, round(bottom))
        if last <= first:
            return
        curve = Image.linear_gradient("L").point(
            [round(255 * strength * (level / 255) ** 1.6) for level in range(256)]
        )
        mask = curve.resize((self.width, last - first), Image.Resampling.BICUBIC)
        self.image.paste(air, (0, first, self.width, last), mask)

    def screen(self, mask: Image.Image, light: Colour) -> None:
        """Add light where the mask is bright; the mask has the size of the picture."""
        glow = Image.merge("RGB", [mask.point(_scaled(part / 255)) for part in light])
        self.image = ImageChops.screen(self.image, glow)

    def grain(self, dice: Dice, depth: int = _GRAIN_DEPTH) -> None:
        """A fine grain, which hides the steps of gradients and gives the surface some paper."""
        pixels = self.width * self.height
        noise = Image.frombytes("L", (self.width, self.height), dice.noise("grain", pixels))
        spread = noise.point([128 + round((level / 255 - 0.5) * depth) for level in range(256)])
        layer = Image.merge("RGB", [spread] * 3)
        self.image = ImageChops.add(self.image, layer, scale=1, offset=-128)

    def vignette(self, strength: float) -> None:
        """Darken the corners a little, so that the eye stays inside."""
        levels = [
            round(255 * (1 - strength * max(0.0, level / 255 - 0.35) ** 1.8))
            for level in range(256)
        ]
        shade = Image.radial_gradient("L").point(levels)
        full = shade.resize((self.width, self.height), Image.Resampling.BICUBIC)
        self.image = ImageChops.multiply(self.image, Image.merge("RGB", [full] * 3))

    def _around(self, points: Sequence[Point], margin: int) -> Box:
        across = [x for x, _ in points]
        down = [y for _, y in points]
        return (
            int(min(across)) - margin,
            int(min(down)) - margin,
            int(max(across)) + margin + 1,
            int(max(down)) + margin + 1,
        )

    def _clipped(self, box: Box) -> Box:
        return (
            max(0, box[0]),
            max(0, box[1]),
            min(self.width, box[2]),
            min(self.height, box[3]),
        )


def edge_mask(stroke: Stroke, box: Box) -> Image.Image:
    """What a stroke draws inside a box, as a smooth-edged mask of the box's size."""
    width, height = box[2] - box[0], box[3] - box[1]
    large = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING), 0)

    def at(x: float, y: float) -> Point:
        return (x - box[0]) * _OVERSAMPLING, (y - box[1]) * _OVERSAMPLING

    stroke(ImageDraw.Draw(large), at)
    return large.reduce(_OVERSAMPLING)


def vertical_gradient(width: int, height: int, stops: tuple[Colour, ...]) -> Image.Image:
    """A picture whose rows run through the stops from top to bottom."""
    if len(stops) == 1:
        return Image.new("RGB", (width, height), stops[0])
    column = Image.new("RGB", (1, height))
    last = max(1, height - 1)
    column.putdata([along(stops, row / last) for row in range(height)])
    return column.resize((width, height), Image.Resampling.NEAREST)


def cloud_mask(
    canvas: Canvas, dice: Dice, name: str, *, across: int, down: int, octaves: int = 5
) -> Image.Image:
    """Smooth noise over the whole picture: `across` x `down` lumps, finer ones on top."""
    total = Image.new("L", (canvas.width, canvas.height))
    for octave in range(octaves):
        wide, tall = across * 2**octave + 3, down * 2**octave + 3
        lumps = Image.frombytes("L", (wide, tall), dice.noise(f"{name} {octave}", wide * tall))
        layer = lumps.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)
        # Each finer layer counts half as much as the one before; the first counts wholly.
        share = 0.5 ** (octave + 1) / (1 - 0.5 ** (octave + 1))
        total = Image.blend(total, layer, share)
    return total


def contrast(mask: Image.Image, low: float, high: float, strength: float = 1.0) -> Image.Image:
    """Everything below `low` (0..1) becomes black, above `high` white, between them smooth."""

    def level(value: float) -> int:
        share = min(1.0, max(0.0, (value / 255 - low) / (high - low)))
        return round(255 * strength * share * share * (3 - 2 * share))

    return mask.point([level(value) for value in range(256)])


def _scaled(factor: float) -> list[int]:
    return [round(level * factor) for level in range(256)]
