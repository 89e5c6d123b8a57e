"""Bring the database up to date: `python setup_subscriptions.py`. Twice changes nothing."""

from sketchmaker.__main__ import main

if __name__ == "__main__":
    main(["setup"])
