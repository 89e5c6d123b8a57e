"""Curated palettes, and the words in a prompt that call for one."""

from dataclasses import dataclass

from sketchmaker.studio.providers.sandbox.drawing.colour import Colour, colour


@dataclass(frozen=True)
class Palette:
    """The colours of one mood.

    `sky` runs from the zenith down to the horizon; `far` and `near` bound the land; `accents` are
    for flat shapes that must stand out from one another.
    """

    name: str
    sky: tuple[Colour, ...]
    light: Colour
    far: Colour
    near: Colour
    accents: tuple[Colour, ...]
    is_night: bool
    words: frozenset[str]

    @property
    def horizon(self) -> Colour:
        """The colour of the air at the horizon, into which distance fades."""
        return self.sky[-1]


def _palette(
    name: str,
    *,
    sky: str,
    light: str,
    land: str,
    accents: str,
    words: str = "",
    is_night: bool = False,
) -> Palette:
    far, near = (colour(text) for text in land.split())
    return Palette(
        name=name,
        sky=tuple(colour(text) for text in sky.split()),
        light=colour(light),
        far=far,
        near=near,
        accents=tuple(colour(text) for text in accents.split()),
        is_night=is_night,
        words=frozenset(words.split()),
    )


PALETTES: tuple[Palette, ...] = (
    _palette(
        "apricot evening",
        sky="#3b4a7a #8a6f9e #e79a86 #ffd2a1",
        light="#fff1cf",
        land="#c58a86 #2a2444",
        accents="#2b2d5b #e2725b #f4b56a #f7e3c5 #6f8fa6 #9b4f6c",
        words="sunset evening dusk warm romantic apricot peach",
    ),
    _palette(
        "rose dawn",
        sky="#6c86b8 #b9a6cf #f3bfc4 #ffe5d3",
        light="#fffaf0",
        land="#c9a9bd #33384f",
        accents="#4a5680 #e58f9b #f6c9b7 #fff3e6 #8fb3b0 #b7698a",
        words="dawn morning sunrise rose pink spring soft gentle pastel",
    ),
    _palette(
        "clear noon",
        sky="#2f7fc1 #6cb2df #b9e0ec #eef6ea",
        light="#fffbe8",
        land="#9cc3c0 #1f4d4a",
        accents="#1d5c84 #f2b134 #ed553b #f5efe0 #3caea3 #173f5f",
        words="day noon summer bright blue clear happy sunny beach tropical",
    ),
    _palette(
        "moss and mist",
        sky="#7f9c96 #a9c0b1 #d3dcc6 #f2eed9",
        light="#fffdf0",
        land="#a3b79f #152a26",
        accents="#24453d #7b9e6b #d9c27e #f2ead3 #b5653a #4f7f86",
        words="green moss misty fog foggy rain rainy jungle fresh calm",
    ),
    _palette(
        "autumn embers",
        sky="#5a5f73 #a98a7d #e8b27a #fbe1b0",
        light="#fff3d2",
        land="#c68f62 #2b1a1d",
        accents="#7a2e23 #d1622b #e9a23b #f5e6c8 #54624a #3a2a30",
        words="autumn fall orange brown copper october harvest fire",
    ),
    _palette(
        "violet night",
        sky="#0d1030 #1f2257 #443a80 #8a5f9f",
        light="#fdf3d8",
        land="#4c4180 #0a0a20",
        accents="#1a1b4b #6d5bd0 #f08fc0 #ffd6a5 #3ec1d3 #2c2a6b",
        words="night midnight purple violet dream magic mystic neon cyberpunk",
        is_night=True,
    ),
    _palette(
        "moonlit blue",
        sky="#071226 #0f2a4a #21527a #6c9db5",
        light="#f3f7ff",
        land="#3f6d8c #060d1c",
        accents="#0e2a47 #2f7da1 #9ed0d9 #f5f3e3 #f0b95b #15476b",
        words="moon moonlight moonlit stars night dark quiet silver",
        is_night=True,
    ),
    _palette(
        "northern light",
        sky="#06131f #0d3140 #1c6f6c #8fd6a8",
        light="#eafff1",
        land="#2f7a73 #04101a",
        accents="#0a2b38 #1fa187 #9be8a8 #f2ffe9 #7a5cc7 #10545a",
        words="aurora northern emerald teal arctic polar night",
        is_night=True,
    ),
    _palette(
        "winter glass",
        sky="#6f93b8 #a9c3d9 #d9e4ec #fbf3ee",
        light="#ffffff",
        land="#b3c7d6 #2b3d55",
        accents="#34506f #86a9c4 #dfe9ef #ffffff #d98f7f #5a7a94",
        words="winter snow snowy ice icy frozen cold white christmas glacier",
    ),
    _palette(
        "terracotta",
        sky="#3f7f8c #8fb9ae #f2d6a8 #fbe9cc",
        light="#fffaf0",
        land="#e0a070 #6b2d1f",
        accents="#a63d2a #e07a4f #f2cc8f #f7efdf #3d7c85 #5c2a2a",
        words="desert sand dune dunes sahara canyon terracotta clay hot dry pyramid",
    ),
    _palette(
        "crimson hour",
        sky="#2a1540 #7d2350 #e2504c #ffb56b",
        light="#fff0c2",
        land="#b8414f #1b0d26",
        accents="#3b1145 #c72f4d #ff7f50 #ffd08a #5a2a6e #f7ead9",
        words="red crimson dramatic passion volcano lava love samurai mars dragon",
    ),
    _palette(
        "golden hour",
        sky="#4f7a94 #a4b8a6 #f3cf7f #ffe9b0",
        light="#fffbe0",
        land="#d0b070 #2f3326",
        accents="#2f4858 #e8a628 #f6d55c #fbf3d9 #c8553d #588b8b",
        words="gold golden yellow honey wheat field meadow farm sun sunflower",
    ),
    _palette(
        "lagoon",
        sky="#1f5f8b #3fa7b5 #a5ddd0 #fdf0d0",
        light="#fffdf0",
        land="#6db8b3 #0c3345",
        accents="#0b3c5d #1d9aa6 #f6ae59 #fdf1da #ef6f6c #7fd1c7",
        words="sea ocean lagoon coast island turquoise wave waves water lake harbour harbor",
    ),
    _palette(
        "deep space",
        sky="#05060f #0c0d26 #191642 #31205e",
        light="#fff4dc",
        land="#3a2a6b #05060f",
        accents="#e86a92 #5b8def #f7c59f #41d3bd #8d5bd6 #fff1d6",
        words="space galaxy cosmos nebula planet star universe astronaut orbit",
        is_night=True,
    ),
)
