#!/bin/sh
# Everything that must hold, the quick checks first. Nothing is skipped: what is missing is a failure.
# usage: scripts/test.sh [--fast] [pytest arguments]
set -eu
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin

case " $* " in
*" --fast "*) ;; # without a browser
*) scripts/browser.sh ;;
esac
"$bin/ruff" check .
"$bin/ruff" format --check --quiet .
"$bin/mypy"
"$bin/lint-imports" --no-logo --no-cache

# Databases sync as they do in earnest. No test is about a power cut, so where memory is plenty they
# need not wait for a disk; others than root must get through to the data of their PostgreSQL.
if [ "$(df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')" -gt 4096 ] 2>/dev/null; then
    TMPDIR=$(mktemp -d /dev/shm/sketchmaker-XXXXXX)
    chmod 711 "$TMPDIR"
    trap 'rm -rf "$TMPDIR"' EXIT
    trap 'exit 130' INT TERM
    export TMPDIR
fi
"$bin/python" -m pytest "$@"
