# Shared by the scripts that make calls. POSIX sh, nothing beyond Debian's base system.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$*"
    exit 2
}

# Install Debian packages when that needs no password; fail otherwise.
install_packages() {
    command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u)" -eq 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        return 1
    fi
    say "Installing $* with apt-get ..."
    $as_root apt-get update -qq >/dev/null 2>&1 || true
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}
