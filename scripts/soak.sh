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

# A year of simulated trouble for each seed, from other seeds each time; a failure says how to replay.
first=$(date +%s)
"$bin/python" -m tests.simulation --seed "$first" --seeds "${SIMULATED_YEARS:-2000}"
"$bin/python" -m tests.simulation --seed "$first" --seeds "${SIMULATED_POSTGRES_YEARS:-100}" \
    --database postgresql
