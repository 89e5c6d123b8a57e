"""How Alembic runs our migrations: always on a connection that `sketchmaker.schema` hands over."""

import importlib
import importlib.util
import pkgutil
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

import sketchmaker
from sketchmaker.database import Base, UtcDateTime


def import_every_table() -> None:
    """Each context maps its tables in its own `tables.py`; importing them fills Base.metadata."""
    for package in pkgutil.iter_modules(sketchmaker.__path__):
        name = f"sketchmaker.{package.name}.tables"
        if package.ispkg and importlib.util.find_spec(name) is not None:
            importlib.import_module(name)


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """A migration names plain column types: our own type may change, it may not."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    """Run the steps asked for inside the transaction that the connection is already in."""
    import_every_table()
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=render_item,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
