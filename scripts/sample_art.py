"""Draw the landing page's images anew with the sandbox: python -m scripts.sample_art."""

from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from sketchmaker.studio.providers.sandbox.drawing.composer import draw_png
from sketchmaker.web.pages.home import SAMPLES

FOLDER: Final = Path(__file__).resolve().parent.parent / "sketchmaker/web/static/img"
DRAWN, KEPT = 960, 480

if __name__ == "__main__":
    for sample in SAMPLES:
        picture = Image.open(BytesIO(draw_png(sample.prompt, sample.seed, DRAWN, DRAWN)))
        small = picture.convert("RGB").resize((KEPT, KEPT), Image.Resampling.LANCZOS)
        small.save(FOLDER / sample.file, "WEBP", quality=80, method=6)
