"""What the record refuses."""


class RecordError(Exception):
    """Anything that the record refuses."""


class ReasonMissing(RecordError):
    """A change of somebody else's things without a reason."""

    def __init__(self) -> None:
        super().__init__("Say why: the change is kept in the record with its reason.")


class InvalidReason(RecordError):
    """A reason that can't be stored."""
