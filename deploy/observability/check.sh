#!/usr/bin/env bash
# Checks what is in this folder, one line for each check; exit code 1 if one has failed. Needs promtool
# (PROMTOOL says which) and Python 3. That every metric and label that is named here exists is checked by
# `cargo test --test gateway dashboards::`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

promtool=${PROMTOOL:-promtool}
failed=0

# Prints what a check has said only if it has failed: then it is what one has to read.
check() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then
    printf 'ok       observability: %s\n' "$what"
  else
    printf 'FAILED   observability: %s\n%s\n' "$what" "$said"
    failed=1
  fi
}

for rules in rules/*.yaml; do
  check "$rules" "$promtool" check rules --lint=all --lint-fatal "$rules"
done

# promtool takes the paths of rule files from where the test stands.
for tests in rules/tests/*.yaml; do
  check "$tests" "$promtool" test rules "$tests"
done

# The syntax alone: the paths in it are those of the container.
check prometheus.yaml "$promtool" check config --syntax-only prometheus.yaml

for json in *.json; do
  check "$json" python3 -m json.tool "$json" /dev/null
done

exit "$failed"
