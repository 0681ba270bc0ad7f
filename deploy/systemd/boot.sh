#!/usr/bin/env bash
# Boots systemd itself with the units, in namespaces of its own, and sees what it makes of them: the service
# starts as the user that is made for it, is reloaded, and restarted under load, and refuses nobody.
#
#   bash deploy/systemd/boot.sh          needs root, and a kernel that lets it mount
#
# All of it happens on an overlay in memory over this machine's root, without its network: nothing here is
# changed. VERIFIK_GATEWAY names the program; without it, the release build. Prints what came of it, line by line.
# Exit code 1 if something went wrong, 2 if it could not be tried.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=${VERIFIK_GATEWAY:-$here/../../target/release/verifik-gateway}
give_up() { echo "$*" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || give_up "not root"
[ -x /lib/systemd/systemd ] || give_up "systemd is not installed"
[ -x "$binary" ] || give_up "no $binary; build it with: cargo build --release"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/told" "$work/over"
cp "$binary" "$work/verifik-gateway"

# Within the namespaces: makes the machine, and becomes its first process.
cat >"$work/machine" <<'MACHINE'
set -eu
work=$1 units=$2
mount --make-rprivate /
mount -t tmpfs none "$work/over"
mkdir "$work/over/upper" "$work/over/work" "$work/over/root"
mount -t overlay none -o "lowerdir=/,upperdir=$work/over/upper,workdir=$work/over/work" "$work/over/root"
cd "$work/over/root"
install -m 0755 "$work/verifik-gateway" usr/local/bin/verifik-gateway
cp "$units"/*.service "$units"/*.socket "$work/machine.service" etc/systemd/system/
mkdir -p etc/verifik-gateway old
printf '[upstream]\nurl = "http://127.0.0.1:9"\n' >etc/verifik-gateway/gateway.toml
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs none sys/fs/cgroup
mount -t cgroup2 none sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs none run
mount -t tmpfs none tmp
mount --bind "$work/told" mnt
cp "$work/client.py" "$work/course.sh" run/
ip link set lo up
pivot_root . old
cd /
umount -l /old
# In a container, as systemd would say.
exec env -i container=lxc PATH="$PATH" /lib/systemd/systemd --system --unit=machine.service --show-status=no
MACHINE

cat >"$work/machine.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash /run/course.sh
StandardOutput=file:/mnt/told
StandardError=inherit
UNIT

# Asks on one connection after the other until it is told to end.
cat >"$work/client.py" <<'CLIENT'
import os
import socket

asked = wrong = 0
while not os.path.exists("/run/enough"):
    asked += 1
    try:
        with socket.create_connection(("127.0.0.1", 8080), timeout=10) as client:
            client.sendall(b"GET /_gateway/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            wrong += b" 200 OK" not in client.recv(4096)
    except OSError:
        wrong += 1
print("asked" if asked > 100 and not wrong else "FAILED", asked, "wrong", wrong)
CLIENT

cat >"$work/course.sh" <<'COURSE'
set -u
unit=verifik-gateway.service
said() { if [ "$2" = "$3" ]; then echo "$1: $2"; else echo "FAILED $1: $2, and not $3"; fi; }
property() { systemctl show --value --property "$1" "$unit"; }
main() { property MainPID; }
systemctl start verifik-gateway.socket verifik-gateway-admin.socket "$unit"
said "it starts" "$(property ActiveState)" active
said "it has no powers" "$(sed -n 's/^CapEff:\s*//p' "/proc/$(main)/status")" 0000000000000000
said "its system calls are filtered" "$(sed -n 's/^Seccomp:\s*//p' "/proc/$(main)/status")" 2
said "it is not root" "$([ "$(stat --format %u "/proc/$(main)")" -gt 60000 ] && echo no root)" "no root"
said "health" "$(VERIFIK_GATEWAY__ADMIN__ADDRESS=127.0.0.1:8081 verifik-gateway health)" ready
python3 /run/client.py &
first=$(main)
for number in 1 2 3; do
    printf '[log]\nlevel = "warn"\n# %s\n' "$number" >/etc/verifik-gateway/log.toml
    systemctl reload "$unit" || echo "FAILED a reload"
done
said "after three reloads it is the same process" "$(main)" "$first"
for number in 1 2 3 4 5; do
    # Or it would be too often within ten seconds.
    systemctl reset-failed "$unit"
    systemctl restart "$unit" || echo "FAILED a restart"
    said "restart $number" "$(property ActiveState) $(property Result)" "active success"
done
[ "$(main)" = "$first" ] && echo "FAILED it was not restarted"
touch /run/enough
wait
systemctl stop "$unit" 2>/dev/null
said "it ends" "$(property Result) $(property ExecMainStatus)" "success 0"
systemctl reset-failed "$unit"
printf 'listen = 1\n' >/etc/verifik-gateway/gateway.toml
systemctl start "$unit" 2>/dev/null && echo "FAILED it starts with a mistake in its settings"
sleep 2
said "a mistake in the settings is not tried again" "$(property ExecMainStatus) $(property NRestarts)" "64 0"
echo over
COURSE

timeout --signal KILL 120 unshare --mount --pid --fork --cgroup --net --kill-child \
    bash "$work/machine" "$work" "$here" >"$work/log" 2>&1 </dev/null &
machine=$!
for _ in $(seq 1000); do
    grep -qs '^over$' "$work/told/told" && break
    kill -0 "$machine" 2>/dev/null || break
    sleep 0.1
done
{ kill -KILL "$machine" && wait "$machine"; } 2>/dev/null
[ -e "$work/told/told" ] || { cat "$work/log" >&2; give_up "no systemd could be booted here"; }
cat "$work/told/told"
grep -q '^over$' "$work/told/told" && ! grep -q FAILED "$work/told/told"
