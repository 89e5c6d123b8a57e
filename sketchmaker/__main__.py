"""`python -m sketchmaker`: the door to every command.

Looks first whether Python and the packages are there at all, so that a forgotten virtual
environment is one sentence and not a traceback. Hence this file, and those that begin with it, are
written in words that any Python reads, back to 2.7: types are comments.
"""

import sys

MYPY = False
if MYPY:
    from typing import List, NoReturn, Optional, Text  # noqa: F401, UP035

_ADVICE = "start with  make run , or see the README for doing it by hand"


def main(arguments=None):  # noqa: ANN001, ANN201
    # type: (Optional[List[str]]) -> None
    """Run the command that the arguments name (without any: those of the shell), and exit."""
    check_python()
    try:
        from sketchmaker.commands import sketchmaker
    except ImportError as missing:
        name = getattr(missing, "name", None)
        if name is None or name.startswith("sketchmaker"):
            raise
        _end("The package {} is not installed for {}".format(name, sys.executable))  # noqa: UP032
    sketchmaker(arguments, prog_name="python -m sketchmaker")


def check_python():  # noqa: ANN201
    # type: () -> None
    """End the process with one sentence when this Python is too old to read the rest."""
    if sys.version_info < (3, 11):  # noqa: UP036
        version = sys.version.split()[0]
        _end("Sketchmaker needs Python 3.11 or newer, this is {}".format(version))  # noqa: UP032


def _end(what):  # noqa: ANN001, ANN202
    # type: (Text) -> NoReturn
    sys.stderr.write("{}: {}.\n".format(what, _ADVICE))  # noqa: UP032
    sys.exit(2)


if __name__ == "__main__":
    main()
