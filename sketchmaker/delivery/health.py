"""What somebody should look at in the outbox."""

from datetime import datetime, timedelta
from typing import Final

from sketchmaker.record.outbox_deliveries import OutboxFigures

LONGEST_WAIT: Final = timedelta(minutes=10)
"""What waits for longer has nobody who delivers it, or somebody who keeps refusing it."""


def outbox_notes(found: OutboxFigures, *, now: datetime) -> list[str]:
    """A sentence for each thing that is not well."""
    notes = []
    if found.oldest is not None and now - found.oldest > LONGEST_WAIT:
        notes.append(
            f"{found.waiting} message(s) wait to be delivered, the oldest since "
            f"{found.oldest.isoformat(timespec='seconds')}."
        )
    if found.died_lately:
        notes.append(
            f"{found.died_lately} message(s) could not be delivered within the last day: "
            "python -m sketchmaker outbox dead tells why."
        )
    return notes
