"""What a deliverer is."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from sketchmaker.record.outbox_deliveries import Delivery


class Undeliverable(Exception):
    """To try again would be of no use, now or ever. The text says why."""


class Deliverer(Protocol):
    """Whoever brings events out of the house, one at a time in each process."""

    @property
    def name(self) -> str:
        """How the outbox calls it."""
        ...

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of events of which it is told, whoever writes them."""
        ...

    @property
    def lease(self) -> timedelta:
        """Longer than one delivery ever takes: when it has passed, another process may try."""
        ...

    @property
    def waits(self) -> Sequence[timedelta]:
        """How long to wait after each attempt that fails. After one more, the delivery is dead."""
        ...

    def deliver(self, delivery: Delivery) -> None:
        """Bring it where it belongs; called outside any transaction, and again if need be.

        Raises:
            Undeliverable: never try this one again.
            OSError, DatabaseUnavailable: try again later; as for any other error, which is logged
                as a mistake of ours.
        """
        ...
