"""A provider without key or network: it draws on this machine, and says so on every picture.

The same prompt, seed and size give the same picture. These words anywhere in a prompt try out what
a real provider can do to one:

- `sandbox:fail`: nothing is delivered, with a reason; nothing may be charged.
- `sandbox:partial`: one image fewer than ordered, with a reason.
- `sandbox:slow`: takes about five seconds, in as many steps as there are images.
- `sandbox:crash`: breaks in a way that nobody foresaw.

Where strangers draw, they are words like any others (`obeys_words`).
"""

from collections.abc import Callable

from sketchmaker.clock import SystemClock
from sketchmaker.studio.errors import ProviderFailed
from sketchmaker.studio.providers import Delivery, ImageOrder, Picture, Progress
from sketchmaker.studio.providers.sandbox.drawing.composer import draw_png

FAIL = "sandbox:fail"
PARTIAL = "sandbox:partial"
SLOW = "sandbox:slow"
CRASH = "sandbox:crash"

SLOW_SECONDS = 5.0


class SandboxProvider:
    """Draws landscapes and compositions; `sleep` (seconds) is only used by `sandbox:slow`."""

    name = "sandbox"
    models = ("sandbox",)
    is_repeatable = True

    def __init__(
        self, sleep: Callable[[float], None] | None = None, *, obeys_words: bool = True
    ) -> None:
        self._sleep = sleep or SystemClock().sleep
        self._obeys_words = obeys_words

    def generate(self, order: ImageOrder, progress: Progress) -> Delivery:
        """Draw the order, about a third of a second an image.

        Raises:
            ProviderFailed: the prompt asks for it.
        """
        wishes = self._wishes(order)
        if CRASH in wishes:
            raise RuntimeError(f"The prompt asks the sandbox to crash ({CRASH}).")
        if FAIL in wishes:
            raise ProviderFailed(f"The sandbox failed because the prompt asks for it ({FAIL}).")
        count = order.count - 1 if PARTIAL in wishes else order.count
        pictures = tuple(self._draw(order, position, progress) for position in range(count))
        if len(pictures) == order.count:
            return Delivery(pictures)
        return Delivery(
            pictures, f"One image is missing because the prompt asks for it ({PARTIAL})."
        )

    def _wishes(self, order: ImageOrder) -> str:
        return order.prompt.lower() if self._obeys_words else ""

    def _draw(self, order: ImageOrder, position: int, progress: Progress) -> Picture:
        if SLOW in self._wishes(order):
            self._sleep(SLOW_SECONDS / order.count)
        seed = order.seed_of(position)
        content = draw_png(order.prompt, seed, order.width, order.height)
        progress(position + 1)
        return Picture(content, seed)
