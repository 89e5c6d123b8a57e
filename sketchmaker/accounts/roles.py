"""What a person may do, in three steps."""

from enum import StrEnum


class Role(StrEnum):
    """A user makes images; an admin looks after users and plans; a superadmin also after admins."""

    USER = "user"
    ADMIN = "admin"
    SUPERADMIN = "superadmin"

    def at_least(self, other: "Role") -> bool:
        """Whether this role may do everything that `other` may."""
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}
