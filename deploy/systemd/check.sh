#!/usr/bin/env bash
# Has systemd itself judge the units: whether it understands every line, and how exposed the service is.
#
#   bash deploy/systemd/check.sh
#
# VERIFIK_GATEWAY names the program; without it, the release build. One line for each check: ok or FAILED.
# Exit code 1 if one failed, 2 if nothing could be tried.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=${VERIFIK_GATEWAY:-$here/../../target/release/verifik-gateway}
work=$(mktemp -d)
started=
finish() {
    [ -n "$started" ] && kill "$started" 2>/dev/null && wait "$started" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

give_up() { echo "$*" >&2; exit 2; }
command -v systemd-analyze >/dev/null || give_up "systemd-analyze is not installed"
[ -x "$binary" ] || give_up "no $binary; build it with: cargo build --release"

failures=0
check() { # name, command...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        printf 'ok       systemd: %s\n' "$name"
    else
        printf 'FAILED   systemd: %s\n' "$name"
        printf '%s\n' "$said" | sed 's/^/         /' | head -n 20
        failures=$((failures + 1))
    fi
}

# The units as they are installed, but for where the program is: it has to be there to be judged.
for unit in "$here"/*.service "$here"/*.socket; do
    sed "s#/usr/local/bin/verifik-gateway#$binary#" "$unit" >"$work/${unit##*/}"
done

# It ends well whatever it finds, unless a file cannot be read at all: what counts is what it says.
understands() {
    local said
    said=$(cd "$work" && systemd-analyze verify --man=no ./*.service ./*.socket 2>&1)
    [ -z "$said" ] || { printf '%s\n' "$said"; return 1; }
}

# In tenths, from 0 to 100: what is left is that it has the network, and no root of its own.
MOST_EXPOSED=12
exposure=$(systemd-analyze security --offline=true --no-pager "$work/verifik-gateway.service" 2>/dev/null |
    sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
is_exposed_little() { [ -n "$exposure" ] && [ "$exposure" -le "$MOST_EXPOSED" ]; }

# systemd's own way of handing a socket on, without systemd.
takes_sockets() {
    local log=$work/activated socket=$work/listen
    systemd-socket-activate --listen "$socket" --fdname listen \
        --setenv VERIFIK_GATEWAY__ADMIN__ADDRESS=127.0.0.1:0 "$binary" --log-level warn >"$log" 2>&1 &
    started=$!
    for _ in $(seq 50); do
        [ -S "$socket" ] && break
        sleep 0.1
    done
    curl -s --unix-socket "$socket" --max-time 10 http://localhost/_gateway/live | grep -q live &&
        grep -q "listening on unix:$socket" "$log" && return
    cat "$log"
    return 1
}

check "every line of the units is understood" understands
check "of ten points of exposure it has ${exposure%?}.${exposure: -1}" is_exposed_little
check "a socket that is handed on is served" takes_sockets

# The units in a systemd of their own, where the kernel lets it be.
if told=$(bash "$here/boot.sh" 2>&1); then
    printf 'ok       systemd: booted with the units: %s\n' "$(grep '^asked' <<<"$told") over three reloads and five restarts"
elif [ $? -eq 2 ]; then
    printf 'skipped  systemd: booted with the units: %s\n' "$(tail -n 1 <<<"$told")"
else
    printf 'FAILED   systemd: booted with the units\n%s\n' "$told"
    failures=$((failures + 1))
fi
[ "$failures" -eq 0 ]
