#!/usr/bin/env bash
# The trials in a browser: a page of one origin that fetches from the gateway, which is another.
# run.sh starts it: the browser, where the page is, a folder for the browser's profile.
set -uo pipefail
page="$2/browser.html?gateway=$PLAIN&run=$RUN"
timeout 90 "$1" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --no-first-run --disable-background-networking --user-data-dir="$3" \
    --virtual-time-budget=60000 --dump-dom "$page" |
    sed -n '/<pre>/,/<\/pre>/p' | sed -e 's/.*<pre>//' -e 's/<\/pre>.*//'
