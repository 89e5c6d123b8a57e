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

"$bin/python" -m pytest "$@"
