"""What can go wrong in the studio, each with a sentence for the person. HTTP is not known here."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sketchmaker.studio.providers import Picture


class StudioError(Exception):
    """Base of everything that the studio refuses."""


class InvalidImageRequest(StudioError):
    """Some fields can't be accepted: `problems` has one sentence for each, by field name."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems.values()))


class NotInPlan(StudioError):
    """The order needs what the person's plan lacks: `missing` has a sentence for each feature."""

    def __init__(self, missing: dict[str, str]) -> None:
        self.missing = missing
        super().__init__(f"{' '.join(missing.values())} Nothing was charged.")


class RequestKeyReused(StudioError):
    """The same key came with another request: nobody could say which of the two was meant."""

    def __init__(self, request_key: str) -> None:
        self.request_key = request_key
        super().__init__(
            "This form was sent before with something else in it. Reload the page and try again."
        )


class TooManyGenerations(StudioError):
    """A person may have `limit` generations waiting or at work."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} generations are already in progress. Wait for one to finish.")


class StudioBusy(StudioError):
    """Too much waits to be drawn already; there should be room at `retry_at` (UTC)."""

    def __init__(self, wait: timedelta, retry_at: datetime) -> None:
        self.wait = wait
        self.retry_at = retry_at
        minutes = round(wait / timedelta(minutes=1))
        super().__init__(
            f"The studio is busy: about {minutes} minutes of work are waiting. "
            "Nothing was charged. Try again in a few minutes."
        )


class GenerationNotFound(StudioError):
    """The person has no generation of that name."""

    def __init__(self, public_id: str) -> None:
        self.public_id = public_id
        super().__init__("You have no such generation. Look for its images in your gallery.")


class CancelledTooLate(StudioError):
    """Only a generation that waits can be cancelled; this one is being drawn or has ended."""

    def __init__(self, public_id: str) -> None:
        self.public_id = public_id
        super().__init__("It is too late to cancel: the images are being made, or are ready.")


class ImageNotFound(StudioError):
    """The person has no image of that name: deleted, somebody else's, or never there."""

    def __init__(self, public_id: str) -> None:
        self.public_id = public_id
        super().__init__("You have no such image. It may have been deleted.")


class ImageFileMissing(StudioError):
    """The image folder has no file of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__("The file of this image is missing. Tell an admin.")


class UnusablePicture(StudioError):
    """What a provider sent is not a picture that can be kept; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The provider sent something that can't be used: {reason}.")


class ProviderFailed(StudioError):
    """A provider could not do all of its work.

    `reason` is a sentence for the person. `pictures` are those that were finished before: they are
    delivered and charged, nothing else is.
    """

    def __init__(self, reason: str, pictures: "tuple[Picture, ...]" = ()) -> None:
        self.reason = reason
        self.pictures = pictures
        super().__init__(reason)
