"""From an order to pictures on disk: the part of the work that needs no database."""

import logging
from collections.abc import Iterable

from sketchmaker.randomness import token
from sketchmaker.studio.errors import ProviderFailed, UnusablePicture
from sketchmaker.studio.finished_work import FinishedPicture, FinishedWork
from sketchmaker.studio.image_store import ImageStore
from sketchmaker.studio.offers import MAX_SEED
from sketchmaker.studio.provider_text import sentence
from sketchmaker.studio.providers import Delivery, ImageOrder, ImageProvider, Picture, Progress
from sketchmaker.studio.tables import Generation

log = logging.getLogger(__name__)

BROKE = "Something went wrong while drawing."
NOT_STORED = "The images could not be stored."


class Maker:
    """Has generations drawn by their provider and stores what comes. A provider may break."""

    def __init__(self, providers: Iterable[ImageProvider], image_store: ImageStore) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._image_store = image_store

    @property
    def repeatable(self) -> list[str]:
        """The providers that may draw the same order again."""
        return [name for name, provider in self._providers.items() if provider.is_repeatable]

    def make(self, generation: Generation, progress: Progress) -> FinishedWork:
        """Draw it and store the usable pictures. What is missing is missing for a reason."""
        order = _order(generation)
        delivery = self._ask_provider(generation, order, progress)
        stored: list[FinishedPicture] = []
        failure = delivery.failure
        for position, picture in enumerate(delivery.pictures[: order.count]):
            try:
                stored.append(self._store(picture, order.seed_of(position)))
            except UnusablePicture as error:
                failure = str(error)
            except OSError:
                log.exception("studio: a picture could not be stored")
                failure = NOT_STORED
        why = None if failure is None else sentence(failure)
        return FinishedWork(generation.id, tuple(stored), why)

    def _ask_provider(
        self, generation: Generation, order: ImageOrder, progress: Progress
    ) -> Delivery:
        provider = self._providers.get(generation.provider)
        if provider is None:
            return Delivery((), f"The provider {generation.provider} is not set up.")
        try:
            return provider.generate(order, progress)
        except ProviderFailed as error:
            return Delivery(error.pictures, error.reason)
        except Exception:
            log.exception("studio: %s broke on generation %d", provider.name, generation.id)
            return Delivery((), BROKE)

    def _store(self, picture: Picture, expected_seed: int) -> FinishedPicture:
        is_seed = type(picture.seed) is int and 0 <= picture.seed <= MAX_SEED
        seed = picture.seed if is_seed else expected_seed
        return FinishedPicture(token(), seed, self._image_store.save(picture.content))


def _order(generation: Generation) -> ImageOrder:
    return ImageOrder(
        reference=generation.public_id,
        model=generation.model,
        prompt=generation.prompt,
        width=generation.width,
        height=generation.height,
        count=generation.images_requested,
        seed=generation.seed,
    )
