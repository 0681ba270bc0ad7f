#!/bin/sh
# Installs Debian's caches without starting their services: policy-rc.d(8) is how Debian is told so. They
# are enabled all the same, and start with the next boot unless they are disabled.
set -eu
policy=/usr/sbin/policy-rc.d

if [ "$(id -u)" != 0 ]; then
    echo "--install needs root: apt-get install nginx varnish haproxy" >&2
    exit 1
fi
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
timeout 120 apt-get update -q
timeout 600 apt-get install -q -y --no-install-recommends nginx varnish haproxy
