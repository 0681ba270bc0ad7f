#!/usr/bin/env python3
"""Whether the gateway accepts what it is given by the pods of some manifests, and whether the pods fit it.

    VERIFIK_GATEWAY=BINARY TLS=DIR accepted.py FILE...

For every container that serves: its ConfigMaps are written to files, Secrets and what the manifests do not
hold are stubbed (DIR has a pair tls.crt and tls.key), and `verifik-gateway check` says what would be in
force, in the environment of the image. By that, and not by the values of the chart, the pod is judged:
grace period, memory, ports, addresses, and who may reach the operators' port. Exit code 1 if something does
not fit, or if nothing serves.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

import yaml

from restricted import pods

# What the image sets.
IMAGE = {"VERIFIK_GATEWAY__LISTEN__ADDRESS": "0.0.0.0:8080"}
# docs/performance.md: what the process takes besides cache.memory.
BESIDES = 64 * 2**20
UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 10**6, "GB": 10**9,
         "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def size(text):
    number, unit = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", str(text)).groups()
    return int(number) * UNITS[unit]


def seconds(text):
    return sum(int(n) * SECONDS[u] for n, u in re.findall(r"(\d+)\s*(ms|s|m|h|d)", text))


def files_of(volume, maps):
    """What a volume shows, by name: from the manifests, else stubs."""
    if "configMap" in volume:
        source = volume["configMap"]
        data = maps.get(source["name"], {"ca.crt": None, "settings.toml": ""})
    else:
        source = volume["secret"]
        data = {"token": "a-token", "tls.crt": None, "tls.key": None, "ca.crt": None}
    if "items" not in source:
        return data
    return {item["path"]: data.get(item["key"], data.get(item["path"])) for item in source["items"]}


def serves(container):
    return "verifik-gateway" in container["image"] and "fetch" not in container.get("args", [])


def lay_out(pod, container, maps, directory):
    """Writes what the container mounts below a directory; its environment, and what finds paths there."""
    mounts = {m["mountPath"]: m["name"] for m in container.get("volumeMounts") or []}
    volumes = {v["name"]: v for v in pod.get("volumes") or []}

    def here(text):
        for path in mounts:
            text = re.sub(rf"(?<![\w./]){re.escape(path)}/", f"{directory}{path}/", text)
        return text

    for path, name in mounts.items():
        place = directory / path.lstrip("/")
        # As the kubelet does it: files are links through ..data, which is swapped as a whole.
        (place / "..first").mkdir(parents=True)
        (place / "..data").symlink_to("..first")
        for file, content in files_of(volumes[name], maps).items():
            if content is None:
                stub = "tls.key" if file.endswith(".key") else "tls.crt"
                content = (pathlib.Path(os.environ["TLS"]) / stub).read_text()
            (place / "..first" / file).write_text(here(content))
            (place / file).symlink_to(f"..data/{file}")

    environment = dict(IMAGE)
    for variable in container.get("env") or []:
        environment[variable["name"]] = here(variable.get("value", "http://stub:3128"))
    return here, environment


def judge(pod, container, maps, directory):
    here, environment = lay_out(pod, container, maps, directory)
    run = subprocess.run([os.environ["VERIFIK_GATEWAY"], "check", *map(here, container.get("args") or [])],
                         env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        yield f"not accepted: {run.stderr.strip()}"
        return
    force = tomllib.loads(run.stdout)

    life = force["lifecycle"]
    needed = seconds(life["drain_delay"]) + seconds(life["drain_timeout"])
    grace = pod.get("terminationGracePeriodSeconds", 30)
    if grace < needed + 5:
        yield f"a grace period of {grace} s, and drains for {needed} s"
    memory = size(force["cache"]["memory"])
    limit = container["resources"]["limits"]["memory"]
    if size(limit) < memory + BESIDES:
        yield f"a memory limit of {limit} for cache.memory = {force['cache']['memory']}"
    if container["resources"]["requests"]["memory"] != limit:
        yield "memory: request and limit differ"

    sidecar = container.get("restartPolicy") == "Always"
    if (life["mode"] == "sidecar") != sidecar:
        yield f"lifecycle.mode is {life['mode']}"
    for section, name in (("listen", "http"), ("admin", "admin")):
        host, port = force[section]["address"].rsplit(":", 1)
        if sidecar:
            if host != "127.0.0.1":
                yield f"{section}.address is {host}: not for this pod alone"
            continue
        if host != "0.0.0.0":
            yield f"{section}.address is {host}: nobody can connect"
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        if ports.get(name) != int(port):
            yield f"{section}.address has port {port}, and the port {name} is {ports.get(name)}"
    if not sidecar and not force["admin"]["token_file"]:
        yield "the operators' port is open to all"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        action = container.get(probe) or {}
        if sidecar and (action.get("exec") or {}).get("command") != ["/verifik-gateway", "health"]:
            yield f"{probe} does not run `health`"
        if not sidecar and (action.get("httpGet") or {}).get("port") != "admin":
            yield f"{probe} does not ask the operators' port"


def main():
    count, bad = 0, 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            manifests = [m for m in yaml.safe_load_all(file) if m]
        maps = {m["metadata"]["name"]: m["data"] for m in manifests if m["kind"] == "ConfigMap"}
        for manifest in manifests:
            for pod, _ in pods(manifest):
                for container in (pod.get("initContainers") or []) + pod["containers"]:
                    if not serves(container):
                        continue
                    count += 1
                    with tempfile.TemporaryDirectory() as directory:
                        for words in judge(pod, container, maps, pathlib.Path(directory)):
                            bad += 1
                            print(f"{path}: {manifest['kind']} {manifest['metadata']['name']}: {words}")
    if not count:
        print("nothing serves in any of the files")
    sys.exit(1 if bad or not count else 0)


if __name__ == "__main__":
    main()
