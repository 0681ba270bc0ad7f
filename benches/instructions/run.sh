#!/usr/bin/env bash
# Counts the instructions of a hit and of a miss, and fails if there are a tenth more than counts.txt has.
#
#   bash benches/instructions/run.sh              of the release build
#   bash benches/instructions/run.sh --install    first installs valgrind, if it is missing, with apt-get
#   bash benches/instructions/run.sh --write      makes counts.txt what was counted
#
# It builds nothing; VERIFIK_GATEWAY names another binary. Two minutes. Exit code 1 if there are too many, 2 if
# nothing could be counted.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=${VERIFIK_GATEWAY:-$here/../../target/release/verifik-gateway}

give_up() { echo "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null; }
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif has sudo; then sudo "$@"; else give_up "not root, and no sudo: $*"; fi
}

write=()
for argument in "$@"; do
    case $argument in
        --install)
            if ! has valgrind; then
                has apt-get || give_up "valgrind is not installed, and there is no apt-get here"
                as_root apt-get update -qq
                as_root apt-get install -y -qq --no-install-recommends valgrind libc6-dbg >/dev/null
            fi
            ;;
        --write) write=(--write) ;;
        *) give_up "neither --install nor --write: $argument" ;;
    esac
done
has valgrind || give_up "valgrind is not installed; --install does it where there is apt-get"
[ -x "$binary" ] || give_up "no $binary; build it with: cargo build --release"
timeout 600 python3 "$here/count.py" "$binary" "${write[@]}"
