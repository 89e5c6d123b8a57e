#!/bin/sh
# Make sure that the browser tests have a Chromium: find one, else install Debian's.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

find_chromium() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    return 1
}

find_chromium && exit 0
install_packages chromium && find_chromium && exit 0
die "The browser tests need Chromium and could not install it: type  sudo apt-get install chromium"
