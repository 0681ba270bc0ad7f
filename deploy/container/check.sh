#!/usr/bin/env bash
# Builds the image's program and the image, and tries it where it has to work: as an unprivileged user, on a
# root with nothing else in it. Needs buildah, hadolint and a Rust toolchain, and is root or may be it
# within a user namespace; no container engine, no registry.
#
#   bash deploy/container/check.sh
#
# The builder's image cannot be had without a registry: the stage `build` is run here, on this machine, by
# the script that the Dockerfile runs, and handed to the rest of the Dockerfile in its place. One line for
# each check: ok or FAILED. Exit code 1 if one failed, 2 if nothing could be tried.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
hadolint=${HADOLINT:-hadolint}
work=$(mktemp -d)
store=$work/store
image=localhost/verifik-gateway-check
container=

ids=
finish() {
    local id
    for id in $ids; do kill "$id" 2>/dev/null; done
    [ -n "$container" ] && in_store buildah rm "$container" >/dev/null 2>&1
    in_store buildah rmi --all --force >/dev/null 2>&1
    rm -rf "$work"
}
trap finish EXIT

# A store of its own: nothing of this stays, and nothing that was there is touched.
in_store() {
    local program=$1
    shift
    "$program" --storage-driver vfs --root "$store" --runroot "$work/run" "$@"
}

failures=0
check() { # name, command...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        printf 'ok       container: %s\n' "$name"
    else
        printf 'FAILED   container: %s\n' "$name"
        printf '%s\n' "$said" | sed 's/^/         /' | head -n 20
        failures=$((failures + 1))
    fi
}
give_up() { echo "$*" >&2; exit 2; }

command -v buildah >/dev/null || give_up "buildah is not installed"
command -v "$hadolint" >/dev/null || give_up "hadolint is not installed"

# DL3008: versions of Debian's packages are the builder image's affair, and are gone after a month.
check "the Dockerfile has nothing to complain about" \
    "$hadolint" --failure-threshold info --ignore DL3008 "$here/Dockerfile"

mkdir -p "$work/build"
bash "$here/build.sh" "$work/build/out" >"$work/build.log" 2>&1 ||
    { tail -n 20 "$work/build.log" >&2; give_up "the program could not be built"; }

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
in_store buildah build --isolation chroot --format docker --timestamp 0 --quiet \
    --build-context "build=$work/build" \
    --file "$here/Dockerfile" --tag "$image" "$work/build" >"$work/image.log" 2>&1 ||
    { tail -n 20 "$work/image.log" >&2; give_up "the image could not be built"; }

in_store buildah inspect --type image "$image" >"$work/image.json"
says() { # jq-like path in python, expected
    python3 - "$work/image.json" "$1" "$2" <<'PYTHON'
import json
import sys

image, path, expected = json.load(open(sys.argv[1]))["Docker"]["config"], sys.argv[2], sys.argv[3]
for name in path.split("/"):
    image = image[name]
told = image if isinstance(image, str) else json.dumps(image)
sys.exit(None if told == expected else f"{path} is {told}, and not {expected}")
PYTHON
}
check "it runs as nobody in particular" says User 65532:65532
check "it begins with the program alone" says Entrypoint '["/verifik-gateway"]'
check "it has a health check of its own" says Healthcheck/Test '["CMD", "/verifik-gateway", "health"]'
check "it can be reached from outside" says Env \
    '["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "VERIFIK_GATEWAY__LISTEN__ADDRESS=0.0.0.0:8080"]'
check "it says which version it is" says Labels/org.opencontainers.image.version "$version"

container=$(in_store buildah from --pull-never "$image")
mounted=$(in_store buildah mount "$container")
holds_one_file() { # directory
    local held
    held=$(cd "$1" && find . -mindepth 1)
    [ "$held" = ./verifik-gateway ] || { echo "$held"; return 1; }
}
check "there is nothing in it but the program" holds_one_file "$mounted"

# A root of the same content: what runs an image puts mount points into its own.
empty=$work/empty
mkdir "$empty"
cp "$mounted/verifik-gateway" "$empty/"
chmod 0755 "$work" "$empty"

# As the user of the image, on a root that holds the program and nothing else: no /proc, no /dev, no /etc.
alone() { chroot --userspec=65532:65532 "$empty" /verifik-gateway "$@"; }
as_configured() { in_store buildah run --isolation chroot "$container" -- "$@"; }
has_no_shell() { ! as_configured /bin/sh -c true; }
accepts() { as_configured /verifik-gateway check >/dev/null && alone check >/dev/null; }
refuses() {
    alone --listen nowhere check >"$work/refused" 2>&1
    [ $? -eq 64 ] && grep -q 'listen.address' "$work/refused"
}
check "it has no shell" has_no_shell
check "check accepts what the image sets" accepts
check "check refuses what is wrong" refuses

# A process in the background: $id is then its own, $log what it says.
start() { # log, arguments...
    log=$work/$1
    shift
    (exec env -i "PATH=$PATH" "${settings[@]}" chroot --userspec=65532:65532 "$empty" /verifik-gateway "$@") >"$log" 2>&1 &
    id=$!
    ids="$ids $id"
    for _ in $(seq 100); do
        grep -q 'listening on' "$log" && return
        sleep 0.1
    done
    cat "$log" >&2
    give_up "it does not listen"
}
place() { sed -n "s/.*$1 on http:\/\/\([^ ]*\).*/\1/p" "$log" | head -n 1; }

settings=()
start upstream.log demo --upstream-only 127.0.0.1:0
settings=(
    "VERIFIK_GATEWAY__UPSTREAM__URL=http://$(place listening)"
    VERIFIK_GATEWAY__LISTEN__ADDRESS=127.0.0.1:0 VERIFIK_GATEWAY__ADMIN__ADDRESS=127.0.0.1:0
)
upstream=$id
start gateway.log serve
gateway=$(place listening) admin=$(place admin) serving=$id

ask() { curl -s --max-time 10 -D - -o /dev/null -H "Authorization: Bearer x" "http://$gateway/v2/support-tickets/65f0c0ffee00000000000001"; }
is_answered() { ask | grep -qi '^cache-status: .*fwd=uri-miss; fwd-status=200; stored' && ask | grep -qi '^cache-status: verifik-gateway; hit'; }
is_healthy() { [ "$(alone health --admin "http://$admin")" = ready ]; }
is_as_unprivileged_as_it_should() { grep -q '^Uid:.65532.65532.65532.65532$' "/proc/$serving/status"; }
is_gone() { [ "$ended" -eq 0 ] && ! alone health --admin "http://$admin"; }
check "serve answers: the second time from memory" is_answered
check "health says that it is ready" is_healthy
check "it runs as 65532" is_as_unprivileged_as_it_should
kill -TERM "$serving"
wait "$serving"
ended=$?
check "SIGTERM ends it with 0, and health fails from then on" is_gone
check "it has left nothing behind" holds_one_file "$empty"
kill "$upstream" 2>/dev/null
wait "$upstream" 2>/dev/null

size() { stat --format %s "$empty/verifik-gateway"; }
printf 'container: the image is one file of %s bytes (%s compressed), sha256 %s\n' "$(size)" \
    "$(gzip --stdout <"$empty/verifik-gateway" | wc --bytes)" \
    "$(sha256sum "$empty/verifik-gateway" | cut -d ' ' -f 1)"
# A megabyte more than a release has should not slip in unseen.
is_small() { [ "$(size)" -lt 16000000 ]; }
check "it is smaller than 16 MB" is_small
[ "$failures" -eq 0 ]
