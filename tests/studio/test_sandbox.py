from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from sketchmaker.studio.errors import ProviderFailed
from sketchmaker.studio.offers import SIZES
from sketchmaker.studio.providers import ImageOrder
from sketchmaker.studio.providers.sandbox.drawing.caption import caption_text
from sketchmaker.studio.providers.sandbox.drawing.composer import SCENES, chosen, draw_png
from sketchmaker.studio.providers.sandbox.drawing.dice import Dice
from sketchmaker.studio.providers.sandbox.drawing.palettes import PALETTES
from sketchmaker.studio.providers.sandbox.provider import SandboxProvider

UGLY_PROMPTS = [
    "🦊🌲🌙✨",
    "👩‍👩‍👧‍👦👍🏽🏳️‍🌈",
    "مرحبا بالعالم، قمر فوق البحر",
    "שלום עולם",
    "雪山と桜、夜明け",
    "ไทย हिन्दी 한국어",
    "<script>alert('x')</script>&amp;<b>",
    "x" * 1000,
    "long " * 200,
    "line\nbreak\tand tab",
    "\u202ereversed\u202c \u200bzero width",
    "ﷺ" * 30,
    "Ȩ̴͓̭x̷a̶m̸p̵l̶e̴",
    "%s {0} \\n $HOME ; DROP TABLE images",
]


def an_order(prompt: str, *, count: int = 1, size: str = "square", seed: int = 5) -> ImageOrder:
    wanted = SIZES[size]
    return ImageOrder("reference", "sandbox", prompt, wanted.width, wanted.height, count, seed)


def opened(content: bytes) -> PngImagePlugin.PngImageFile:
    picture = Image.open(BytesIO(content))
    assert isinstance(picture, PngImagePlugin.PngImageFile)
    return picture


def ignore(_done: int) -> None:
    pass


def test_the_same_prompt_seed_and_size_give_the_same_bytes() -> None:
    first, again = (draw_png("an old harbour", 5, 832, 1216) for _ in range(2))
    assert first == again


def test_another_seed_gives_another_picture() -> None:
    assert draw_png("an old harbour", 5, 320, 320) != draw_png("an old harbour", 6, 320, 320)


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_has_exactly_the_size_ordered(size: str) -> None:
    delivery = SandboxProvider().generate(an_order("a lake", size=size), ignore)
    assert opened(delivery.pictures[0].content).size == (SIZES[size].width, SIZES[size].height)


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_can_be_drawn_in_every_size(scene: str) -> None:
    for size in SIZES.values():
        content = draw_png(f"nothing but {scene}", 3, size.width, size.height)
        assert opened(content).size == (size.width, size.height)


@pytest.mark.parametrize("prompt", UGLY_PROMPTS)
def test_an_ugly_prompt_is_drawn_all_the_same(prompt: str) -> None:
    picture = opened(draw_png(prompt, 1, 416, 304))
    assert picture.size == (416, 304)
    assert picture.text["Description"] == prompt


def test_every_picture_says_in_its_metadata_what_it_is() -> None:
    about = opened(draw_png("a lake", 42, 320, 320)).text
    assert (about["Title"], about["Software"]) == ("Sandbox drawing", "Sketchmaker sandbox")
    assert (about["Description"], about["Seed"]) == ("a lake", "42")


def test_every_picture_has_a_dark_band_with_light_writing_at_its_foot() -> None:
    picture = opened(draw_png("snow on white mountains in winter", 4, 1024, 1024)).convert("L")
    band = picture.crop((0, 1024 - 46, 1024, 1024))
    assert max(band.crop((20, 8, 180, 38)).tobytes()) > 220
    assert max(band.crop((800, 8, 1020, 38)).tobytes()) < 120


def test_the_caption_names_the_sandbox_before_the_prompt() -> None:
    assert caption_text("a  lake\nat dawn") == "Sandbox drawing · a lake at dawn"


def test_the_caption_leaves_out_what_its_typeface_cannot_write() -> None:
    assert caption_text("🦊 fox 雪") == "Sandbox drawing · fox"
    assert caption_text("🦊雪") == "Sandbox drawing"


@pytest.mark.parametrize(
    ("prompt", "scene"),
    [
        ("a ship on the ocean", "sea"),
        ("deep in the forest", "forest"),
        ("city streets at night", "city"),
        ("a high mountain", "mountains"),
        ("camel in the desert", "desert"),
        ("a flower for you", "flowers"),
        ("a galaxy in space", "space"),
    ],
)
def test_words_of_the_prompt_choose_the_scene(prompt: str, scene: str) -> None:
    for seed in range(5):
        assert chosen(prompt, Dice(str(seed)))[0] == scene


def test_the_night_is_dark() -> None:
    for seed in range(10):
        assert chosen("a city at night", Dice(str(seed)))[1].is_night


def test_every_scene_and_palette_turns_up_by_itself() -> None:
    picked = [chosen("qwertz", Dice(str(seed))) for seed in range(400)]
    assert {scene for scene, _ in picked} == set(SCENES)
    assert {palette.name for _, palette in picked} == {palette.name for palette in PALETTES}


def test_each_picture_of_an_order_has_its_own_seed_and_face() -> None:
    delivery = SandboxProvider().generate(an_order("a lake", count=3, seed=2**31 - 2), ignore)
    assert [picture.seed for picture in delivery.pictures] == [2**31 - 2, 2**31 - 1, 0]
    assert len({picture.content for picture in delivery.pictures}) == 3


def test_progress_is_told_after_each_picture() -> None:
    told: list[int] = []
    SandboxProvider().generate(an_order("a lake", count=3), told.append)
    assert told == [1, 2, 3]


def test_sandbox_fail_fails_with_a_reason() -> None:
    with pytest.raises(ProviderFailed, match="sandbox:fail"):
        SandboxProvider().generate(an_order("please sandbox:FAIL"), ignore)


def test_sandbox_partial_delivers_one_picture_fewer_with_a_reason() -> None:
    delivery = SandboxProvider().generate(an_order("sandbox:partial", count=3), ignore)
    assert len(delivery.pictures) == 2
    assert delivery.failure is not None


def test_sandbox_slow_takes_five_seconds() -> None:
    waits: list[float] = []
    SandboxProvider(waits.append).generate(an_order("sandbox:slow", count=4), ignore)
    assert sum(waits) == pytest.approx(5)


def test_sandbox_crash_is_an_exception_nobody_foresaw() -> None:
    with pytest.raises(RuntimeError):
        SandboxProvider().generate(an_order("sandbox:crash"), ignore)


@pytest.mark.parametrize("word", ["sandbox:fail", "sandbox:partial", "sandbox:slow"])
def test_where_strangers_draw_its_words_are_words_like_any_others(word: str) -> None:
    def never(_seconds: float) -> None:
        raise AssertionError

    provider = SandboxProvider(sleep=never, obeys_words=False)
    order = ImageOrder("r", "sandbox", f"{word} a lake", 64, 64, count=2, seed=1)
    assert len(provider.generate(order, lambda _done: None).pictures) == 2
