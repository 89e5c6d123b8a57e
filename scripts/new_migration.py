"""Write the migration that leads from the newest one to what the tables say now.

usage: python -m scripts.new_migration "plans have prices"

Read what it writes: Alembic does not see renames, and knows nothing of rows.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from sketchmaker import schema
from sketchmaker.database import Database


def main(why: str) -> None:
    """Compare a database that has had every migration with the tables; write the difference."""
    steps = list(ScriptDirectory.from_config(schema.alembic_config()).walk_revisions())
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/draft.db")
        if steps:
            schema.upgrade(database)
        with database.engine.connect() as connection:
            written = command.revision(
                schema.alembic_config(connection),
                message=why,
                autogenerate=True,
                rev_id=f"{len(steps) + 1:04d}",
            )
        database.close()
    tidy(Path(written.path))  # type: ignore[union-attr]


def tidy(file: Path) -> None:
    """Drop Alembic's own remarks and format the rest."""
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "# ### " not in line))
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", file], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit('Say why: make migration WHY="plans have prices"')
    main(sys.argv[1])
