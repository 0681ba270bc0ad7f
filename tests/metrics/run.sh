#!/usr/bin/env bash
# Has promtool, Prometheus's own, look at the metrics of a gateway that has served some traffic.
#
#   bash tests/metrics/run.sh              starts `verifik-gateway demo` from the release binary
#   bash tests/metrics/run.sh --install    first installs promtool, if it is missing, with apt-get
#
# It builds nothing; VERIFIK_GATEWAY names another binary. Exit code 1 if promtool has anything to say,
# 2 if nothing could be tried.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
binary=${VERIFIK_GATEWAY:-$root/target/release/verifik-gateway}
work=$(mktemp -d)
started=

finish() {
    [ -n "$started" ] && kill "$started" 2>/dev/null && wait "$started" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

give_up() { echo "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif has sudo; then sudo "$@"; else give_up "not root, and no sudo: $*"; fi
}

install_missing() {
    has promtool && return
    has apt-get || give_up "promtool is not installed, and there is no apt-get here"
    as_root apt-get update -qq
    as_root apt-get install -y -qq --no-install-recommends prometheus >/dev/null
}

for argument in "$@"; do
    case $argument in
        --install) install_missing ;;
        *) give_up "not --install: $argument" ;;
    esac
done
[ -x "$binary" ] || give_up "no $binary; build it with: cargo build --release"
has promtool || give_up "no promtool; --install installs it where there is apt-get"

VERIFIK_GATEWAY__LISTEN__ADDRESS=127.0.0.1:0 VERIFIK_GATEWAY__ADMIN__ADDRESS=127.0.0.1:0 \
    "$binary" demo >"$work/log" 2>&1 &
started=$!
# The demonstration ends by saying how to go on: all its traffic is through.
for _ in $(seq 300); do
    grep -q '^Try it yourself' "$work/log" && break
    kill -0 "$started" 2>/dev/null || break
    sleep 0.1
done
admin=$(sed -n 's/.*admin on \(http:[^ ,]*\).*/\1/p' "$work/log" | head -n 1)
[ -n "$admin" ] || give_up "$binary did not start, or has no operators' port: $(cat "$work/log")"
gateway=$(sed -n 's/^verifik-gateway: listening on \(http:[^ ,]*\).*/\1/p' "$work/log" | head -n 1)
# And one that is refused, so that refusals have a sample too.
curl -s --noproxy '*' -o /dev/null "$gateway/_gateway/none" || give_up "$gateway does not answer"

curl -s --noproxy '*' --fail "$admin/metrics" >"$work/metrics" || give_up "$admin has no metrics"
samples=$(grep -vc '^#' "$work/metrics")
[ "$samples" -gt 100 ] || give_up "only $samples samples"
said=$(promtool check metrics <"$work/metrics" 2>&1)
code=$?
if [ "$code" -ne 0 ] || [ -n "$said" ]; then
    echo "FAILED   promtool ended with $code: $said"
    exit 1
fi
echo "ok       promtool has nothing to say about $samples samples"
