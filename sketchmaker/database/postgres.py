"""PostgreSQL's pools: one for transactions, and one for single statements."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.util.queue import Empty

from sketchmaker.clock import uptime_seconds

CONNECT_SECONDS = 5
IDLE_SECONDS = 1.0
"""A connection that lay idle for longer is asked whether it still lives before it is used."""

WAIT_SECONDS = 10
GIVEN_BACK_AFTER_SECONDS = 10.0
"""A connection that lay idle for longer is closed, so that others get through after a storm."""

# A server that vanishes without a word (a cable, a firewall) is noticed within half a minute or so;
# otherwise a thread could wait for its answer for hours.
KEEP_ALIVE: Mapping[str, int] = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 35_000,
}


class ThriftyPool(QueuePool):
    """A pool that can close what lay idle. The connection used last is used next, so some do."""

    def close_idle(self, *, longer_than_seconds: float) -> None:
        """Close the connections that have lain here for longer than that."""
        now, kept = uptime_seconds(), []
        with suppress(Empty):
            while True:
                record: Any = self._pool.get(block=False)
                if now - record.info.get("idle_since", now) > longer_than_seconds:
                    record.close()
                    self._dec_overflow()
                else:
                    kept.append(record)
        for record in reversed(kept):  # the one used last comes to lie on top again
            self._do_return_conn(record)


def postgres_engine(
    url: str, namespace: str | None, *, most_connections: int, autocommit: bool = False
) -> Engine:
    """Connections to the server of that URL; with `autocommit`, never in a transaction."""
    options = "-c timezone=UTC"
    if namespace is not None:
        options += f" -c search_path={namespace}"
    engine = create_engine(
        url,
        **(_AUTOCOMMIT if autocommit else {}),
        hide_parameters=True,
        poolclass=ThriftyPool,
        pool_size=most_connections,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "sketchmaker",
            "options": options,
            **KEEP_ALIVE,
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
