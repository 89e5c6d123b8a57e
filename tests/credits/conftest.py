"""How thorough the properties of the engine are: `--hypothesis-profile=soak` is for hours."""

from hypothesis import settings

settings.register_profile("soak", max_examples=5_000)
