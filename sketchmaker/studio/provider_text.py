"""A provider's words, made fit to be stored and shown, whatever they were."""

from typing import Final

MAX_REASON_CHARACTERS: Final = 500


def sentence(reason: object) -> str:
    """The words on one line of bounded length, ended like a sentence.

    What no database takes as text goes: NUL, and halves of surrogate pairs.
    """
    text = str(reason).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    line = " ".join(text.split())[:MAX_REASON_CHARACTERS].rstrip() or "No reason was given."
    return line if line.endswith((".", "!", "?")) else f"{line}."
