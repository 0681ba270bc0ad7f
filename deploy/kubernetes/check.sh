#!/usr/bin/env bash
# Checks the chart and the manifests, without a cluster. One line for each check, `ok` or `FAILED`; exit code
# 1 if one has failed. What is not installed is a failure too: a check that is left out would look like one
# that is well.
#
#   HELM=helm KUBERNETES_VALIDATE=kubernetes-validate CHECKOV=checkov PYTHON=python3 \
#       NODE_MODULES=DIR VERIFIK_GATEWAY=target/release/verifik-gateway bash deploy/kubernetes/check.sh
#
# helm 3.17 or later; kubernetes-validate 1.37.0 and checkov 3.3 of PyPI; a Python with PyYAML; a folder where
# npm has installed @kubernetes-models/prometheus-operator 6.0.0; a build of the gateway; node, openssl, curl,
# and shellcheck (SHELLCHECK). Takes about a minute.
#
# shellcheck disable=SC2329  # functions are called by name, through `check`
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

export HELM=${HELM:-helm} NODE_MODULES=${NODE_MODULES:-node_modules}
export VERIFIK_GATEWAY=${VERIFIK_GATEWAY:-target/release/verifik-gateway}
validate=${KUBERNETES_VALIDATE:-kubernetes-validate}
checkov=${CHECKOV:-checkov}
python=${PYTHON:-python3}
shellcheck=${SHELLCHECK:-shellcheck}
here=deploy/kubernetes
chart=deploy/helm/verifik-gateway
manifests=("$here/shared-gateway.yaml" "$here/sidecar-deployment.yaml" "$here/sidecar-job.yaml")

# The first is the oldest one where all that the manifests use is stable (podFailurePolicy and
# unhealthyPodEvictionPolicy are since 1.31), but for native sidecars: those are on by default since 1.29.
# The second has those stable too, the third is the newest whose schemas could be had.
versions=(1.31 1.33 1.37)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TLS="$work" PYTHONDONTWRITEBYTECODE=1
failed=0

# $1: what is checked; the rest: the command. What it says is shown if it fails.
check() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok       kubernetes: $what"
    else
        echo "FAILED   kubernetes: $what"
        sed 's/^/        /' "$work/said"
        failed=1
    fi
}

render() { # chart, values, file
    "$HELM" template gateway "$1" --namespace team --values "$2" >"$3"
}

# The schema says no, or the chart does, and with the words that the first line of the file promises.
refused() {
    local words
    words=$(sed -n '1s/^# refused: //p' "$1")
    [ -n "$words" ] || { echo "the first line does not say why it is refused"; return 1; }
    if render "$chart" "$1" "$work/refused.yaml" 2>"$work/why"; then
        echo "it is rendered"
        return 1
    fi
    grep -qF -e "$words" "$work/why" && return
    echo "it is refused for another reason:"
    cat "$work/why"
    return 1
}

# A chart of somebody else's that has this one as a dependency, and takes the sidecar from it.
library() {
    mkdir -p "$work/parent/charts" "$work/parent/templates"
    cp -r "$chart" "$work/parent/charts/"
    cat >"$work/parent/Chart.yaml" <<'END'
apiVersion: v2
name: parent
version: 9.9.9
appVersion: "9.9.9"
dependencies:
  - name: verifik-gateway
    version: 0.1.0
END
    cat >"$work/parent/values.yaml" <<'END'
verifik-gateway:
  shared: {enabled: false}
  upstream: {ca: {configMap: authority}}
  sidecar: {settingsConfigMap: gateway-settings}
END
    cat >"$work/parent/templates/pod.yaml" <<'END'
apiVersion: v1
kind: Pod
metadata:
  name: application
spec:
  terminationGracePeriodSeconds: 45
  securityContext:
    runAsNonRoot: true
  initContainers:
    {{- include "verifik-gateway.sidecar" (index .Subcharts "verifik-gateway") | nindent 4 }}
  containers:
    - name: application
      image: registry.example/application:1
      securityContext:
        allowPrivilegeEscalation: false
        capabilities: {drop: [ALL]}
        seccompProfile: {type: RuntimeDefault}
  {{- with include "verifik-gateway.sidecarVolumes" (index .Subcharts "verifik-gateway") }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
END
    "$HELM" template parent "$work/parent" >"$work/library.yaml" || return 1
    # Its version is its own, and nothing else is rendered.
    grep -q 'verifik-gateway:0.1.0"' "$work/library.yaml" || { cat "$work/library.yaml"; return 1; }
    [ "$(grep -c '^kind:' "$work/library.yaml")" = 1 ] || { cat "$work/library.yaml"; return 1; }
}

# What more than one replica means has to be said to who asks for it, and to nobody else. Helm shows notes
# only of an installation; a dry run needs no cluster.
notes() {
    "$HELM" install gateway "$chart" --namespace team --dry-run=client --values "$1" \
        >"$work/notes" || return 1
    local said=unsaid
    if sed '1,/^NOTES:/d' "$work/notes" | grep -q "what a replica knows is its own"; then said=said; fi
    [ "$said" = "$2" ] || { echo "$said, and should be $2"; return 1; }
}

# The image's tag is the chart's appVersion unless somebody says otherwise.
version_is() {
    local product
    product=$(sed -n '/^\[package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
    grep -qxF "appVersion: \"$product\"" "$chart/Chart.yaml" && return
    echo "it should be $product"
    return 1
}

# Core objects and the Prometheus operator's, each for whom knows them.
split() {
    "$python" - "$work" "$@" <<'END'
import json, pathlib, sys, yaml
work = pathlib.Path(sys.argv[1])
for path in map(pathlib.Path, sys.argv[2:]):
    manifests = [m for m in yaml.safe_load_all(path.read_text()) if m]
    assert manifests, f"{path}: nothing is rendered"
    mine, theirs = [], []
    for m in manifests:
        (theirs if m["apiVersion"].startswith("monitoring.coreos.com/") else mine).append(m)
    (work / f"core-{path.name}").write_text(yaml.safe_dump_all(mine))
    (work / f"crds-{path.stem}.json").write_text(json.dumps(theirs))
END
}

# What checkov asks for and is not done, each for a reason. Everywhere:
# CKV_K8S_11  a limit of cpu: a throttled gateway shows in the slowest answers (values.yaml)
# CKV_K8S_15  imagePullPolicy Always: a tag that is never pushed again, or a digest, needs no asking
# CKV_K8S_43  a digest: the image is pushed by whoever uses this, and its digest is not known here
# Where the gateway is a sidecar:
# CKV2_K8S_6  a NetworkPolicy: who may connect to an application is the application's matter, and the
#             gateway listens on loopback
# Where the application is a shell's loop, which has no port:
# CKV_K8S_8, CKV_K8S_9  probes: your application has its own
skipped_in() {
    local everywhere=CKV_K8S_11,CKV_K8S_15,CKV_K8S_43
    case $1 in
        *sidecar-deployment*) echo "$everywhere,CKV2_K8S_6,CKV_K8S_8,CKV_K8S_9" ;;
        *sidecar*) echo "$everywhere,CKV2_K8S_6" ;;
        *) echo "$everywhere" ;;
    esac
}

check_all() {
    check "scripts: shellcheck" "$shellcheck" "$here"/*.sh
    check "chart: appVersion is the product's" version_is
    check "chart: helm lint --strict" "$HELM" lint --strict --quiet "$chart"
    check "plain manifests are what the chart renders" bash "$here/render.sh" --check

    local rendered=() name version
    for values in "$here"/cases/accepted/*.yaml; do
        name=$(basename "$values" .yaml)
        check "renders: $name" render "$chart" "$values" "$work/case-$name.yaml"
        rendered+=("$work/case-$name.yaml")
    done
    check "renders: as another chart's dependency" library
    rendered+=("$work/library.yaml" "${manifests[@]}")
    for values in "$here"/cases/refused/*.yaml; do
        check "refused: $(basename "$values" .yaml)" refused "$values"
    done
    check "notes: one replica" notes "$here/cases/accepted/defaults.yaml" unsaid
    check "notes: two replicas" notes "$here/cases/accepted/two-replicas.yaml" said

    check "sorted for who judges them" split "${rendered[@]}"
    for version in "${versions[@]}"; do
        check "schemas of Kubernetes $version" "$validate" --strict --quiet -k "$version" "$work"/core-*.yaml
    done
    check "schemas of the Prometheus operator" node "$here/crds.mjs" "$work"/crds-*.json
    check "objects find each other" "$python" "$here/linked.py" "${rendered[@]}"
    check "pod security: restricted" "$python" "$here/restricted.py" "${rendered[@]}"

    check "a certificate to try with" openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
        -nodes -days 2 -subj /CN=gateway -addext subjectAltName=DNS:gateway \
        -keyout "$work/tls.key" -out "$work/tls.crt"
    check "the gateway accepts its settings, and the pods fit them" \
        "$python" "$here/accepted.py" "${rendered[@]}"

    check "the pods' containers, run as a kubelet would" "$python" "$here/rehearse.py" "${manifests[@]}"

    for manifest in "${manifests[@]}"; do
        check "checkov: ${manifest##*/}" "$checkov" --framework kubernetes --skip-download --compact --quiet \
            --skip-check "$(skipped_in "$manifest")" --file "$manifest"
    done
}

check_all
exit "$failed"
