#!/bin/sh
# What takes too long for `make test`. One command a line; each tells what it did.
set -eu
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

"$bin/python" -m pytest tests/credits/test_engine_statefully.py --hypothesis-profile=soak
