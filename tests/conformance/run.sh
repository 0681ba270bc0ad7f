#!/usr/bin/env bash
# Runs the public suite of HTTP caching tests (http-cache-tests, https://cache-tests.fyi) through a
# release build of the gateway, with an opaque resource that needs no credential. Takes half a minute.
# Needs node and npm; installs the suite into a folder of its own that is removed at the end.
#
#   bash tests/conformance/run.sh            everything; fails on a required test that known.txt lacks
#   bash tests/conformance/run.sh TEST-ID    one test, with all its messages
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=$(mktemp -d)
processes=()
clean_up() {
    for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
    rm -rf "$suite"
}
trap clean_up EXIT

cargo build --locked --release
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$suite" http-cache-tests@0.4.5
package="$suite/node_modules/http-cache-tests"

free_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
        console.log(s.address().port); s.close(); })'
}
origin=$(free_port)
gateway=$(free_port)
settings="$suite/gateway.toml"
sed "s/ORIGIN/$origin/; s/GATEWAY/$gateway/" tests/conformance/gateway.toml >"$settings"

(cd "$package" && npm_config_protocol=http npm_config_port=$origin \
    npm_config_pidfile="$suite/pid" exec node server/server.mjs) >/dev/null &
processes+=($!)
./target/release/verifik-gateway --config "$settings" 2>"$suite/log" &
processes+=($!)
for _ in $(seq 50); do
    grep -q "listening on" "$suite/log" && break
    sleep 0.1
done

export npm_config_base="http://127.0.0.1:$gateway"
cp tests/conformance/suite.mjs "$package/"
(cd "$package" && timeout 300 node --no-warnings suite.mjs "$OLDPWD/tests/conformance/known.txt" "$@")
