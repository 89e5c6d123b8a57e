"""The band at the foot of a drawing that says what it is, so that nobody takes it for more."""

from functools import lru_cache

from PIL import ImageDraw, ImageFilter, ImageFont

from sketchmaker.studio.providers.sandbox.drawing.canvas import Canvas

LABEL = "Sandbox drawing"
_SEPARATOR = " · "
_MARGIN = 24
_TEXT_SIZE = 19
_BAND_HEIGHT = 46
_MISSING_GLYPH = "\uffff"


def add_caption(canvas: Canvas, prompt: str) -> None:
    """Darken a band along the lower edge and write the label and the prompt's beginning on it."""
    unit = canvas.unit
    font = ImageFont.load_default(size=_TEXT_SIZE * unit)
    top = round(canvas.height - _BAND_HEIGHT * unit)
    box = (0, top, canvas.width, canvas.height)
    band = canvas.image.crop(box).filter(ImageFilter.GaussianBlur(6 * unit))
    canvas.image.paste(band.point([round(level * 0.36) for level in range(256)] * 3), box)
    middle = top + _BAND_HEIGHT * unit / 2
    text = fitted(caption_text(prompt), canvas.width - 2 * _MARGIN * unit, font)
    pen = ImageDraw.Draw(canvas.image)
    pen.text((_MARGIN * unit, middle), text, fill=(246, 244, 238), font=font, anchor="lm")


def caption_text(prompt: str) -> str:
    """The label and what of the prompt the built-in typeface can write."""
    readable = "".join(sign if _can_write(sign) else " " for sign in prompt)
    words = " ".join(readable.split())
    return f"{LABEL}{_SEPARATOR}{words}" if words else LABEL


def fitted(text: str, width: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, cut at its end with an ellipsis where it would be wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    shortest, longest = 0, len(text)
    while shortest < longest:
        middle = (shortest + longest + 1) // 2
        if font.getlength(text[:middle].rstrip() + "…") <= width:
            shortest = middle
        else:
            longest = middle - 1
    return text[:shortest].rstrip() + "…"


@lru_cache(maxsize=4096)
def _can_write(sign: str) -> bool:
    if sign.isspace():
        return True
    font = ImageFont.load_default(size=_TEXT_SIZE)
    try:
        return bytes(font.getmask(sign)) != bytes(font.getmask(_MISSING_GLYPH))
    except (UnicodeError, OSError):
        return False
