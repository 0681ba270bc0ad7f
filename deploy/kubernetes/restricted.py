#!/usr/bin/env python3
"""Whether every pod of some manifests meets the Pod Security Standard "restricted".

    restricted.py FILE...

By the list that Kubernetes publishes (Pod Security Standards, baseline and restricted, Linux pods). One line
for each violation; exit code 1 if there is one, or if the files hold no pod at all.
"""

import sys

import yaml

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
    "secret",
}
SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    "net.ipv4.ping_group_range", "net.ipv4.tcp_syncookies",
}
SELINUX_TYPES = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
SECCOMP = {"RuntimeDefault", "Localhost"}
CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def pods(manifest):
    """Pod specs and annotations in a manifest, wherever its kind keeps them."""
    kind, spec = manifest.get("kind"), manifest.get("spec") or {}
    if kind == "List":
        for item in manifest.get("items") or []:
            yield from pods(item)
    elif kind == "Pod":
        yield spec, (manifest.get("metadata") or {}).get("annotations") or {}
    elif kind == "CronJob":
        yield from pods({"kind": "Job", "spec": spec["jobTemplate"]["spec"]})
    elif "template" in spec:
        template = spec["template"]
        yield template["spec"], (template.get("metadata") or {}).get("annotations") or {}


def violations(pod, annotations):
    security = pod.get("securityContext") or {}

    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field} is set"
    for volume in pod.get("volumes") or []:
        for kind in set(volume) - {"name"} - VOLUMES:
            yield f"volume {volume['name']} is a {kind}"
    for sysctl in security.get("sysctls") or []:
        if sysctl["name"] not in SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    for key, value in annotations.items():
        if key.startswith("container.apparmor.security.beta.kubernetes.io/"):
            if value != "runtime/default" and not value.startswith("localhost/"):
                yield f"AppArmor is {value}"
    yield from either(security, "the pod")
    if security.get("runAsUser") == 0:
        yield "the pod runs as user 0"

    for group in CONTAINERS:
        for container in pod.get(group) or []:
            for words in container_violations(container, security):
                yield f"container {container['name']}: {words}"


def either(security, who):
    """What holds for a pod's security context as for a container's."""
    if (security.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{who} is a host process"
    selinux = security.get("seLinuxOptions") or {}
    if selinux.get("type") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield f"{who} has SELinux options of its own"
    if (security.get("appArmorProfile") or {}).get("type", "RuntimeDefault") not in SECCOMP:
        yield f"{who} is without AppArmor"
    if "seccompProfile" in security and security["seccompProfile"].get("type") not in SECCOMP:
        yield f"{who} is without seccomp"


def container_violations(container, pod):
    own = container.get("securityContext") or {}
    yield from either(own, "it")
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("procMount", "Default") != "Default":
        yield "procMount is not Default"
    if own.get("runAsUser") == 0:
        yield "runs as user 0"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if "seccompProfile" not in own and "seccompProfile" not in pod:
        yield "no seccompProfile"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield "capabilities are not all dropped"
    for added in capabilities.get("add") or []:
        if added != "NET_BIND_SERVICE":
            yield f"capability {added} is added"
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield f"hostPort {port['hostPort']}"
    hooks = [container.get(probe) or {} for probe in ("livenessProbe", "readinessProbe", "startupProbe")]
    hooks += (container.get("lifecycle") or {}).values()
    for hook in hooks:
        for action in ("httpGet", "tcpSocket"):
            if isinstance(hook, dict) and (hook.get(action) or {}).get("host"):
                yield f"a probe or hook names the host {hook[action]['host']}"


def main():
    count, bad = 0, 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            for manifest in yaml.safe_load_all(file):
                for pod, annotations in pods(manifest or {}):
                    count += 1
                    for words in violations(pod, annotations):
                        bad += 1
                        print(f"{path}: {manifest['kind']} {manifest['metadata']['name']}: {words}")
    if not count:
        print("no pod in any of the files")
    sys.exit(1 if bad or not count else 0)


if __name__ == "__main__":
    main()
