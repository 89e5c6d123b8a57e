"""Sketchmaker: a self-hosted image studio whose credits are never lost, doubled or unexplained.

Imports go down only, one package a room: see `docs/architecture.md`.
"""

__version__ = "0.1.0"
