#!/usr/bin/env bash
# Tries the gateway with real clients: curl, Python requests, axios, Java's HttpClient, a browser.
#
#   bash tests/clients/run.sh              starts a stand-in and a gateway from the release binary
#   bash tests/clients/run.sh http://HOST:PORT
#                                          a gateway that runs already, in front of
#                                          `verifik-gateway demo --upstream-only ADDRESS`
#   bash tests/clients/run.sh --install    first installs the clients that are missing: axios and
#                                          requests under target/clients, a browser with apt-get
#
# It builds nothing; VERIFIK_GATEWAY names another binary. One line for each trial: ok, FAILED or
# skipped. Exit code 1 if one failed, 2 if nothing could be tried.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
installed=$root/target/clients
binary=${VERIFIK_GATEWAY:-$root/target/release/verifik-gateway}
work=$(mktemp -d)
started=()

finish() {
    for id in "${started[@]}"; do kill "$id" 2>/dev/null; done
    for id in "${started[@]}"; do wait "$id" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT

give_up() { echo "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null; }

install_missing() {
    mkdir -p "$installed"
    if has npm && [ ! -d "$installed/node_modules/axios" ]; then
        npm install --silent --no-save --prefix "$installed" axios
    fi
    if has python3 && ! python3 -c 'import requests' 2>/dev/null; then
        python3 -m pip install --quiet --target "$installed/python" requests
    fi
    if [ -z "$(browser)" ] && has apt-get; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
    fi
}

browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

# Starts something in the background. $address is then where it says that it listens, $id its own.
start() { # log, command...
    local log=$1
    shift
    "$@" >"$log" 2>&1 &
    id=$!
    started+=("$id")
    for _ in $(seq 100); do
        address=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$log" | head -n 1)
        [ -n "$address" ] && return
        kill -0 "$id" 2>/dev/null || break
        sleep 0.1
    done
    give_up "$1 did not start: $(cat "$log")"
}

gateway() { # log, upstream
    start "$1" "$binary" --listen 127.0.0.1:0 --upstream "$2" --log-level error
}

failures=0
tried=0
# Runs a client's trials: each prints lines "ok NAME" or "FAILED NAME: WHY".
try() { # client, command...
    local client=$1 line lines=0 code
    shift
    while IFS= read -r line; do
        case $line in
            "ok "*) printf 'ok       %s: %s\n' "$client" "${line#ok }" ;;
            "FAILED "*)
                printf 'FAILED   %s: %s\n' "$client" "${line#FAILED }"
                failures=$((failures + 1))
                ;;
            *) continue ;;
        esac
        lines=$((lines + 1))
    done < <(timeout 120 "$@" 2>"$work/$client.err"; echo "$?" >"$work/$client.code")
    code=$(cat "$work/$client.code")
    tried=$((tried + lines))
    if [ "$lines" -eq 0 ] || [ "$code" -ne 0 ]; then
        printf 'FAILED   %s: it ended with %s after %s trials\n' "$client" "$code" "$lines"
        sed 's/^/         /' "$work/$client.err" | head -n 20
        failures=$((failures + 1))
    fi
}
skip() { printf 'skipped  %s\n' "$*"; }

given=
for argument in "$@"; do
    case $argument in
        --install) install_missing ;;
        http://*) given=${argument%/} ;;
        *) give_up "neither --install nor http://HOST:PORT: $argument" ;;
    esac
done

# What the trials are told: the gateway, one in front of an upstream of our own (for what the
# stand-in does not offer), a word that no earlier run has used, and a large file.
export GATEWAY=$given PLAIN='' RUN="$$_$RANDOM" UPLOAD="$work/upload.json"
plain_gateway=
if [ -z "$given" ]; then
    [ -x "$binary" ] || give_up "no $binary; build it with: cargo build --release"
    start "$work/stand-in.log" "$binary" demo --upstream-only 127.0.0.1:0
    gateway "$work/gateway.log" "$address"
    GATEWAY=$address
    if has python3; then
        start "$work/upstream.log" python3 "$here/upstream.py"
        pages=$address
        gateway "$work/plain.log" "$pages"
        PLAIN=$address
        plain_gateway=$id
    fi
fi
if has curl && ! curl -sf -o /dev/null "$GATEWAY/_gateway/live"; then
    give_up "no gateway answers at $GATEWAY"
fi
[ -n "$PLAIN" ] || skip "downloads, echoes and the browser: they need an upstream of their own"

# Ten megabytes and a half, as an attachment travels: 14 MB of base64 in JSON.
{ printf '{"file":"'; head -c 10500000 /dev/urandom | base64 | tr -d '\n'; printf '"}'; } >"$UPLOAD"

if has curl; then try curl bash "$here/curl.sh"; else skip "curl: not installed"; fi

export PYTHONPATH="$installed/python"
if has python3 && python3 -c 'import requests' 2>/dev/null; then
    try requests python3 "$here/requests_trial.py"
else
    skip "requests: not installed for python3"
fi

export AXIOS="$installed/node_modules/axios/index.js"
if has node && [ -f "$AXIOS" ]; then
    try axios node "$here/axios_trial.mjs"
else
    skip "axios: not installed; --install does it where there is npm"
fi

if has javac; then
    try java java "$here/HttpClientTrial.java"
else
    skip "java: no JDK installed"
fi

if [ -z "$(browser)" ]; then
    skip "browser: not installed; --install does it where there is apt-get"
elif [ -n "$PLAIN" ]; then
    try browser bash "$here/browser.sh" "$(browser)" "$pages" "$work/profile"
fi

if [ -n "$plain_gateway" ]; then
    peak=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$plain_gateway/status")
    if [ "${peak:-999}" -lt 64 ]; then
        printf 'ok       gateway: it held no body: %s MiB of memory at most\n' "$peak"
    else
        printf 'FAILED   gateway: it held bodies: %s MiB of memory\n' "$peak"
        failures=$((failures + 1))
    fi
fi
[ "$tried" -gt 0 ] || give_up "no client is installed"
printf '%s trials, %s failed\n' "$tried" "$failures"
[ "$failures" -eq 0 ]
