#!/bin/sh
# What takes too long for `make test`. One command a line; each tells what it did.
set -eu
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

"$bin/python" -m pytest tests/credits/test_engine_statefully.py --hypothesis-profile=soak

# Each run is 100 kills of processes, 20 of PostgreSQL and 500 cuts at COMMIT, from its own seed.
for run in $(seq "${KILLS_RUNS:-10}"); do
    echo "kills: run $run of ${KILLS_RUNS:-10}"
    KILLS_SEED=$(date +%s) "$bin/python" -m pytest -n0 -s tests/kills
done
