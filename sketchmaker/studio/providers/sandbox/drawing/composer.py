"""From a prompt and a seed to a finished picture: which scene, which palette, which finish."""

import re
from collections.abc import Callable, Mapping
from io import BytesIO

from PIL.PngImagePlugin import PngInfo

from sketchmaker.studio.providers.sandbox.drawing.canvas import Canvas
from sketchmaker.studio.providers.sandbox.drawing.caption import LABEL, add_caption
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice
from sketchmaker.studio.providers.sandbox.drawing.palettes import PALETTES, Palette
from sketchmaker.studio.providers.sandbox.drawing.scenes import (
    abstract,
    city,
    flowers,
    land,
    space,
    water,
)

Scene = Callable[[Canvas, Palette, Dice], None]

SCENES: Mapping[str, Scene] = {
    "mountains": land.mountains,
    "forest": land.forest,
    "desert": land.desert,
    "sea": water.sea,
    "city": city.city,
    "space": space.space,
    "flowers": flowers.flowers,
    "paper waves": abstract.paper_waves,
    "geometric sun": abstract.geometric_sun,
    "tiles": abstract.tiles,
}

_WORDS_OF_SCENES: Mapping[str, str] = {
    "mountains": "mountain mountains peak peaks alps hill hills valley cliff snow volcano lake",
    "forest": "forest woods wood tree trees jungle pine fir fox deer bear owl wolf fog mist misty",
    "desert": "desert sand dune dunes sahara canyon camel pyramid mars oasis",
    "sea": "sea ocean beach island coast harbour harbor boat boats ship sail lighthouse palm surf",
    "city": "city town street skyline tower buildings cyberpunk neon cafe tokyo paris london",
    "space": "space galaxy planet nebula cosmos astronaut rocket orbit alien star",
    "flowers": "flower flowers garden rose tulip meadow blossom bouquet field bee butterfly poppy",
    "paper waves": "paper abstract flow flowing wave music silk calm minimal minimalist smooth",
    "geometric sun": "sun poster retro vintage sunrise geometric logo badge summer",
    "tiles": "tile tiles pattern mosaic bauhaus geometry grid ornament quilt geometric abstract",
}

_ON_EARTH = frozenset(palette.name for palette in PALETTES) - {"deep space"}
_WARM = frozenset({"terracotta", "golden hour", "apricot evening", "rose dawn", "autumn embers"})

# Some scenes live on colours that some palettes do not have.
_PALETTES_BY_SCENE: Mapping[str, frozenset[str]] = {
    "mountains": _ON_EARTH,
    "forest": _ON_EARTH,
    "sea": _ON_EARTH,
    "city": _ON_EARTH,
    "flowers": _ON_EARTH,
    "desert": _WARM | {"crimson hour", "violet night", "moonlit blue"},
    "space": frozenset({"deep space", "violet night", "crimson hour", "northern light"}),
}


def draw_png(prompt: str, seed: int, width: int, height: int) -> bytes:
    """The picture of this prompt and seed as PNG, exactly width x height pixels."""
    dice = Dice(f"{prompt}|{seed}|{width}x{height}")
    name, palette = chosen(prompt, dice)
    canvas = Canvas(width, height)
    SCENES[name](canvas, palette, dice)
    canvas.vignette(0.3)
    canvas.grain(dice)
    add_caption(canvas, prompt)
    return _png(canvas, prompt, seed)


def chosen(prompt: str, dice: Dice) -> tuple[str, Palette]:
    """The scene and the palette the prompt's words call for, or else what the dice say."""
    words = set(re.findall(r"[a-z]+", prompt.lower()))
    scores = {name: len(words & set(text.split())) for name, text in _WORDS_OF_SCENES.items()}
    scene = _best(dice, scores)
    allowed = _PALETTES_BY_SCENE.get(scene)
    palettes = {each.name: each for each in PALETTES if not allowed or each.name in allowed}
    wanted = {name: len(words & each.words) for name, each in palettes.items()}
    return scene, palettes[_best(dice, wanted)]


def _best(dice: Dice, scores: Mapping[str, int]) -> str:
    highest = max(scores.values())
    return dice.pick([name for name, score in scores.items() if score == highest])


def _png(canvas: Canvas, prompt: str, seed: int) -> bytes:
    about = PngInfo()
    about.add_text("Software", "Sketchmaker sandbox")
    about.add_itxt("Title", LABEL)
    about.add_itxt("Description", prompt.encode("utf-8", "replace").decode("utf-8"))
    about.add_text("Seed", str(seed))
    sink = BytesIO()
    canvas.image.save(sink, "PNG", pnginfo=about, compress_level=3)
    return sink.getvalue()
