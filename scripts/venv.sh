#!/bin/sh
# Create .venv and install one hashed requirements file into it, only when that file has changed.
# usage: scripts/venv.sh requirements.txt
#        scripts/venv.sh --remove
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

requirements=${1:?usage: scripts/venv.sh requirements.txt | --remove}
venv=${VENV:-.venv}
elsewhere="make run VENV=/folder/venv SKETCHMAKER_DATA=/folder/data"
stamp="$venv/.installed-$requirements"

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    die "Sketchmaker needs Python 3.11 or newer and found none: install it" \
        "(apt-get install python3 python3-venv), or name one: make PYTHON=/path/to/python3.11 run"
}

ensure_venv_module() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 && return
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    install_packages "$package" && "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 && return
    die "Python at $1 can't make virtual environments: type  sudo apt-get install $package"
}

# Only what is surely a virtual environment is removed: the name may be of somebody's own folder.
remove() {
    [ -e "$venv" ] || return 0
    if [ ! -f "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv" 2>/dev/null || echo unreadable)" ]; then
        die "$venv is not a virtual environment, so it is left alone:" \
            "move it away, or name another folder: $elsewhere"
    fi
    # Its mark goes last, so that a removal that was cut off is gone on with next time.
    { find "$venv" -mindepth 1 -maxdepth 1 ! -name pyvenv.cfg -exec rm -rf {} + &&
        rm -rf "$venv"; } 2>/dev/null ||
        die "$venv belongs to somebody else and can't be removed: name another folder: $elsewhere"
}

create() {
    python=$(find_python)
    ensure_venv_module "$python"
    remove
    words=$(mktemp)
    trap 'rm -f "$words"' EXIT
    trap 'die "Interrupted: the next call begins anew."' INT TERM
    "$python" -m venv "$venv" >"$words" 2>&1 || {
        cat "$words" >&2
        die "No virtual environment could be made in $venv: see above. Where this folder can't be" \
            "written, name others: $elsewhere"
    }
    trap - INT TERM
}

if [ "$requirements" = --remove ]; then
    remove
    exit
fi
if ! new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    create
fi

wanted=$(sha256sum "$requirements")
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    [ -w "$venv" ] || die "$requirements has changed, but $venv belongs to somebody else:" \
        "name another folder: $elsewhere"
    say "Installing $requirements into $venv (once, about half a minute) ..."
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
        --require-hashes --no-deps -r "$requirements" \
        || die "The packages of $requirements could not be installed: see pip's words above."
    printf '%s\n' "$wanted" >"$stamp"
fi
