#!/bin/sh
# Pin and hash what the two .in files name, for every platform; no registry address is written.
# usage: scripts/requirements.sh [--upgrade]
set -eu
cd "$(dirname "$0")/.."
uv=${VENV:-.venv}/bin/uv

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" \
        "$@"
}

compile -o requirements.txt requirements.in "$@"
compile -o requirements-dev.txt requirements-dev.in "$@"
