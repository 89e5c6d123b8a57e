"""Who acts by a command: the machine's own user, for the audit trail."""

import os
import pwd

from sketchmaker.record.actor import Actor


def operator() -> Actor:
    """Whoever runs this command, by the name that the machine knows."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container's user need not have a name
        name = f"uid {number}"
    return Actor.operator(name)
