#!/usr/bin/env bash
# Copies the browser libraries into sketchmaker/web/static/vendor/, where they are committed:
# no CDN (a strict CSP and offline installs), no build step (clone and run).
# Run it only to change a version or an icon, then commit what changed. Needs npm and python3.
set -euo pipefail

TABLER=1.6.1 HTMX=4.0.1 CHART=4.6.1 INTER=5.3.0 ICONS=3.51.0

here=$(cd "$(dirname "$0")" && pwd)
vendor=$here/../sketchmaker/web/static/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unpack() { # package version folder sha512: what npm's registry calls dist.integrity
    local tarball found
    tarball=$(cd "$work" && npm pack --silent "$1@$2")
    found=$(openssl dgst -sha512 -binary "$work/$tarball" | base64 -w0)
    if [ "$found" != "$4" ]; then
        echo "$1@$2 is not what it was when its version was chosen: sha512 $found" >&2
        exit 1
    fi
    mkdir -p "$work/$3"
    tar -xzf "$work/$tarball" -C "$work/$3" --strip-components=1
}

unpack @tabler/core "$TABLER" tabler \
    lgmR9gcxRp5JlLxcmRi9Rz85JrEvH6Bz71KnlcPVSa97wtwQNjgSs3g3fxwbAlulHyRMghhIV04QUuW3pqDsIg==
unpack htmx.org "$HTMX" htmx \
    oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==
unpack chart.js "$CHART" chart \
    hJyniucsFmq//EvXYvJ6c6mahPoI3kaxdjVH8awTaJ/fDNWeSqqqArixMJWkWNN6fcYvPU3HneSANFNYtRi61g==
unpack @fontsource-variable/inter "$INTER" inter \
    OupL48va4JNofb97w6NYeF9S7W/kHNKM0Er8Dem5nqi4jeOLrVJDoE8tZEpnMJmtkvNbB1EIPPwHcdkF6b1oUA==
unpack @tabler/icons "$ICONS" icons \
    0pinvPZz7YeX+OSfxuEAbnEPWbocVXW5iU8h5lh41pYG8sZuQfpWECC980lxOT0clGIcNGn8xsBr+zKaRGdA/g==

rm -rf "$vendor"
mkdir -p "$vendor"/{tabler,htmx,chart,inter,icons}

# Source maps stay behind, so the line that points at them must go too (else a 404 in devtools).
without_map() { sed -e '/^\/[*\/]# sourceMappingURL=/d' -e 's#/\*\# sourceMappingURL=[^*]*\*/##' "$1" >"$2"; }

without_map "$work/tabler/dist/css/tabler.min.css" "$vendor/tabler/tabler.min.css"
without_map "$work/htmx/dist/htmx.min.js" "$vendor/htmx/htmx.min.js"
without_map "$work/chart/dist/chart.umd.min.js" "$vendor/chart/chart.umd.min.js"
cp "$work"/inter/files/inter-latin-wght-normal.woff2 "$vendor/inter/"
cp "$work"/inter/files/inter-latin-ext-wght-normal.woff2 "$vendor/inter/"
python3 "$here/icon_sprite.py" "$work/icons/icons" "$here/icons.txt" "$vendor/icons/icons.svg"

cp "$work/htmx/LICENSE" "$vendor/htmx/LICENSE"
cp "$work/chart/LICENSE.md" "$vendor/chart/LICENSE.md"
cp "$work/inter/LICENSE" "$vendor/inter/LICENSE"
cp "$work/icons/LICENSE" "$vendor/icons/LICENSE"
# @tabler/core ships no licence file, only the notice on top of its CSS: it is MIT, like its icons.
{
    sed -n '/^ \* Copyright/s/^ \* //p' "$vendor/tabler/tabler.min.css"
    sed -e '/^Copyright/d' "$work/icons/LICENSE"
} >"$vendor/tabler/LICENSE"

cat >"$vendor/README.md" <<END
Copied by scripts/vendor_static.sh; do not edit here.

| folder | package | version | licence |
|---|---|---|---|
| tabler | @tabler/core (CSS only) | $TABLER | MIT |
| htmx | htmx.org | $HTMX | 0BSD |
| chart | chart.js | $CHART | MIT |
| inter | @fontsource-variable/inter (Latin) | $INTER | OFL-1.1 |
| icons | @tabler/icons (those of scripts/icons.txt, one sprite) | $ICONS | MIT |
END
