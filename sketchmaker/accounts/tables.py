"""The tables of accounts. Other contexts refer to `users.id` and to nothing else here."""

from datetime import datetime

from sqlalchemy import Enum, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from sketchmaker.accounts.roles import Role
from sketchmaker.database import Base, UtcDateTime

_ROLE = Enum(
    Role,
    name="role",
    native_enum=False,
    create_constraint=True,
    length=20,
    values_callable=lambda roles: [role.value for role in roles],
)


def _for_beginnings(column: str) -> Index:
    """Finds how a text begins: PostgreSQL's unique keys are in the order of the locale.

    SQLite has it too, so that the tables are the same everywhere.
    """
    return Index(f"ix_users_{column}_begins", column, postgresql_ops={column: "text_pattern_ops"})


class User(Base):
    """A person with an account."""

    __tablename__ = "users"
    __table_args__ = (
        _for_beginnings("username_key"),
        _for_beginnings("email_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(254))
    # Compared instead of the names as typed, so that "Ada" and "ada" are one. Case folding can make
    # a text longer ("ß" becomes "ss"), hence the room.
    username_key: Mapped[str] = mapped_column(String(240), unique=True)
    email_key: Mapped[str] = mapped_column(String(762), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(_ROLE, default=Role.USER)
    is_active: Mapped[bool] = mapped_column(default=True)
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Only of those who were asked by mail to confirm their address and have not done so yet.
    email_unconfirmed_since: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class SignInSession(Base):
    """One browser that is, or was, signed in."""

    __tablename__ = "sign_in_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(300))


class PasswordResetLink(Base):
    """A way into an account whose password is forgotten: used once, and deleted by that."""

    __tablename__ = "password_reset_links"

    # The hash of the token in the link: the database alone lets nobody in.
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
