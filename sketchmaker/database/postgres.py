"""PostgreSQL's pools: those for transactions, for reading, and for single statements."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from sketchmaker.clock import uptime_seconds

CONNECT_SECONDS = 5
IDLE_SECONDS = 1.0


def postgres_engine(
    url: str, namespace: str | None, *, read_only: bool = False, autocommit: bool = False
) -> Engine:
    """Connections to the server of that URL; with `autocommit`, never in a transaction."""
    options = "-c timezone=UTC"
    if namespace is not None:
        options += f" -c search_path={namespace}"
    if read_only:
        options += " -c default_transaction_read_only=on"
    engine = create_engine(
        url,
        **(_AUTOCOMMIT if autocommit else {}),
        hide_parameters=True,
        pool_size=8,
        max_overflow=24,
        pool_timeout=10,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "sketchmaker",
            "options": options,
        },
    )
    _ping_the_idle(engine)
    return engine


# A connection that is never in a transaction has nothing to be rolled back, which SQLAlchemy would
# otherwise do twice each time; and to switch one to and fro costs more than to keep two.
_AUTOCOMMIT: Mapping[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_reset_on_return": None,
}


def _ping_the_idle(engine: Engine) -> None:
    """Ask a connection that lay idle whether it still lives; to ask each one costs a round trip."""

    @event.listens_for(engine, "checkin")
    def _laid_down(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = uptime_seconds()

    @event.listens_for(engine, "checkout")
    def _taken_up(connection: Any, record: Any, _proxy: Any) -> None:
        idle_since = record.info.get("idle_since")
        if idle_since is None or uptime_seconds() - idle_since < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error
