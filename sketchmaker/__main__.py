"""`python -m sketchmaker`: the door to every command.

Looks first whether Python and the packages are there at all, so that a forgotten virtual
environment is one sentence and not a traceback.
"""

import sys
from typing import NoReturn

_ADVICE = "start with  make run , or see the README for doing it by hand"


def main(arguments: list[str] | None = None) -> None:
    """Run the command that the arguments name (without any: those of the shell), and exit."""
    if sys.version_info < (3, 11):  # noqa: UP036
        _end(f"Sketchmaker needs Python 3.11 or newer, this is {sys.version.split()[0]}")
    try:
        from sketchmaker.commands import sketchmaker
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("sketchmaker"):
            raise
        _end(f"The package {missing.name} is not installed for {sys.executable}")
    sketchmaker(arguments, prog_name="python -m sketchmaker")


def _end(what: str) -> NoReturn:
    sys.stderr.write(f"{what}: {_ADVICE}.\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
