"""The whole product in one process: `python app.py`. For gunicorn and flask: `create_app`."""

from sketchmaker.__main__ import MYPY, check_python, main

if MYPY:
    from flask import Flask  # noqa: F401


def create_app():  # noqa: ANN201 - read by any Python: see `sketchmaker.__main__`
    # type: () -> Flask
    """The web application of this process; scheduler and studio are started by the server."""
    check_python()
    from sketchmaker import bootstrap
    from sketchmaker.commands.failures import told_in_one_line

    with told_in_one_line():
        return bootstrap.create_app()


if __name__ == "__main__":
    main(["serve"])
