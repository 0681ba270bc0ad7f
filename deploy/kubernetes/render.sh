#!/usr/bin/env bash
# The plain manifests of this folder are what the chart renders with values/*.yaml, so that there is one
# source for both; and the chart's alerts are those of deploy/observability.
#
#   bash deploy/kubernetes/render.sh            writes them
#   bash deploy/kubernetes/render.sh --check    fails, with a diff, if they are not the same
#
# HELM names helm, if it is not on the PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."

mode=${1:-write}
helm=${HELM:-helm}
here=deploy/kubernetes
chart=deploy/helm/verifik-gateway
rules=deploy/observability/rules
different=0

# $1: what it is called here, $2: what it should be
put() {
    if [ "$mode" = --check ]; then
        diff -u --label "$1" --label "$1, as rendered" "$1" "$2" || different=1
    else
        cp "$2" "$1"
    fi
}

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

# Tests of rules are for promtool, not for a cluster.
if [ -d "$rules" ]; then
    for rule in "$rules"/*.yaml; do
        case $rule in *test*) continue ;; esac
        [ "$mode" = --check ] || mkdir -p "$chart/files"
        put "$chart/files/${rule##*/}" "$rule"
    done
    for copy in "$chart"/files/*.yaml; do
        [ -e "$copy" ] || continue
        [ -e "$rules/${copy##*/}" ] && continue
        echo "$copy: there is no such file in $rules"
        different=1
    done
fi

for values in "$here"/values/*.yaml; do
    name=$(basename "$values" .yaml)
    {
        cat "$here/values/$name.header"
        # Labels that say an object is Helm's would be wrong here, and so are the names of the chart's files.
        "$helm" template verifik-gateway "$chart" --namespace verifik-gateway --values "$values" |
            sed -e '/^# Source: /d' -e '/^ *helm\.sh\/chart: /d' \
                -e '/^ *app\.kubernetes\.io\/managed-by: /d' -e '/^$/{N;/^\n---$/D}'
    } >"$fresh/$name.yaml"
    put "$here/$name.yaml" "$fresh/$name.yaml"
done

exit "$different"
