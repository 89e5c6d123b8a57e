#!/bin/sh
# Make sure that the browser tests can drive a Chromium: find one, else install Debian's.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

find_chromium() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    return 1
}

# Playwright brings a Node.js of its own, which needs a library that small systems leave out.
driver_runs() {
    "${VENV:-.venv}/bin/python" -m playwright --version >/dev/null 2>&1
}

find_chromium || { install_packages chromium && find_chromium; } ||
    die "The browser tests need Chromium and could not install it: type  sudo apt-get install chromium"
driver_runs || { install_packages libatomic1 && driver_runs; } ||
    die "Playwright's driver does not run here: type  sudo apt-get install libatomic1"
