#!/usr/bin/env bash
# Tries the status page of the operators' port in a real browser, without a window.
#
#   bash tests/browser/run.sh              starts two gateways from the release binary, one of them
#                                          with a token for operators, and looks at their pages
#   bash tests/browser/run.sh --install    first installs what is missing, with apt-get: chromium,
#                                          chromium-driver, python3-selenium
#
# It builds nothing; VERIFIK_GATEWAY names another binary. One line for each check: ok or FAILED.
# Pictures of the page are left under target/browser. Exit code 1 if a check failed, 2 if nothing
# could be tried.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
binary=${VERIFIK_GATEWAY:-$root/target/release/verifik-gateway}
work=$(mktemp -d)
started=()

# shellcheck disable=SC2329 # By the trap.
finish() {
    for id in "${started[@]}"; do kill "$id" 2>/dev/null; done
    for id in "${started[@]}"; do wait "$id" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT

give_up() { echo "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null; }

browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif has sudo; then sudo "$@"; else give_up "not root, and no sudo: $*"; fi
}

# apt-get installs selenium for the system's own python3, which need not be the first in PATH.
python() {
    local candidate
    for candidate in python3 /usr/bin/python3; do
        "$candidate" -c 'import selenium' 2>/dev/null && { echo "$candidate"; return; }
    done
    return 1
}

install_missing() {
    local missing=()
    [ -n "$(browser)" ] || missing+=(chromium)
    has chromedriver || missing+=(chromium-driver)
    python >/dev/null || missing+=(python3-selenium)
    [ ${#missing[@]} -eq 0 ] && return
    has apt-get || give_up "not installed, and no apt-get here: ${missing[*]}"
    as_root apt-get update -qq
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Starts a gateway in front of its own stand-in. $gateway and $admin are then where it listens.
start() { # log
    local log=$1 id
    VERIFIK_GATEWAY__LISTEN__ADDRESS=127.0.0.1:0 VERIFIK_GATEWAY__ADMIN__ADDRESS=127.0.0.1:0 \
        "$binary" demo >"$log" 2>&1 &
    id=$!
    started+=("$id")
    for _ in $(seq 100); do
        gateway=$(sed -n 's/.*listening on \(http:[^ ,]*\).*/\1/p' "$log" | head -n 1)
        admin=$(sed -n 's/.*admin on \(http:[^ ,]*\).*/\1/p' "$log" | head -n 1)
        [ -n "$gateway" ] && [ -n "$admin" ] && return
        kill -0 "$id" 2>/dev/null || break
        sleep 0.1
    done
    give_up "$binary did not start, or has no operators' port: $(cat "$log")"
}

for argument in "$@"; do
    case $argument in
        --install) install_missing ;;
        *) give_up "not --install: $argument" ;;
    esac
done
[ -x "$binary" ] || give_up "no $binary; build it with: cargo build --release"
[ -n "$(browser)" ] || give_up "no browser; --install installs one where there is apt-get"
has chromedriver || give_up "no chromedriver; --install installs it where there is apt-get"
python3=$(python) || give_up "no selenium for python3; --install does it where there is apt-get"

start "$work/open.log"
export GATEWAY=$gateway ADMIN=$admin
export TOKEN="operators-$$-$RANDOM"
(umask 077 && printf '%s\n' "$TOKEN" >"$work/token")
export VERIFIK_GATEWAY__ADMIN__TOKEN_FILE=$work/token
start "$work/guarded.log"
export GUARDED=$admin

export BROWSER PICTURES="$root/target/browser" PROFILE="$work/profile"
BROWSER=$(browser)
mkdir -p "$PICTURES"
timeout 300 "$python3" "$here/page_test.py"
code=$?
[ "$code" -le 1 ] && exit "$code"
echo "FAILED   the test itself ended with $code"
exit 1
