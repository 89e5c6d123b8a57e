"""The published name of a subscription's reset job: `credit_reset_42`."""

import re

_NAME = re.compile(r"credit_reset_([1-9][0-9]{0,18})")


def job_id_for(subscription_id: int) -> str:
    """The name of that subscription's job."""
    return f"credit_reset_{subscription_id}"


def subscription_id_of(job_id: str) -> int | None:
    """The subscription that a job's name stands for; None for any other name."""
    named = _NAME.fullmatch(job_id)
    return int(named[1]) if named else None
