#!/usr/bin/env python3
"""Whether the objects of a file find each other: selectors their pods, ports and keys what they name.

    linked.py FILE...

A schema allows a selector that selects nothing. One line for each thing that leads nowhere; exit code 1 if
there is one, or if the files hold no pod at all.
"""

import sys

import yaml

# Made by whoever installs it, and named in values or on a command line.
BY_HAND = {
    ("Secret", "verifik-gateway-admin"), ("Secret", "verifik-token"), ("Secret", "gateway-tls"),
    ("Secret", "operators"), ("Secret", "authority"), ("Secret", "proxy"),
    ("ConfigMap", "authority"), ("ConfigMap", "gateway-settings"),
}


def selects(selector, labels):
    wanted = selector.get("matchLabels", {})
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


class File:
    def __init__(self, manifests):
        self.manifests = manifests
        self.by_name = {(m["kind"], m["metadata"]["name"]): m for m in manifests}
        self.pods = [m for m in manifests if "template" in m.get("spec", {})]

    def of(self, kind):
        return [m for m in self.manifests if m["kind"] == kind]

    def selected(self, selector):
        return [m for m in self.pods if selects(selector, m["spec"]["template"]["metadata"]["labels"])]

    def one_gateway(self, selector):
        """The container of the one Deployment that a selector has to be about, or None."""
        found = self.selected(selector)
        if len(found) != 1:
            return None
        return found[0]["spec"]["template"]["spec"]["containers"][0]

    def wrong(self):
        for m in self.manifests:
            for words in self.judge(m):
                yield f"{m['kind']} {m['metadata']['name']}: {words}"

    def judge(self, m):
        kind, spec = m["kind"], m.get("spec", {})
        if kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"):
            selector = spec["podSelector"] if kind == "NetworkPolicy" else spec["selector"]
            container = self.one_gateway({"matchLabels": selector} if kind == "Service" else selector)
            if container is None:
                yield "it does not select exactly one kind of pod"
                return
            ports = {p["name"]: p["containerPort"] for p in container.get("ports", [])}
            named = [p["targetPort"] for p in spec.get("ports", [])] if kind == "Service" else []
            named += [e["port"] for e in spec.get("podMetricsEndpoints", [])]
            for name in named:
                if name not in ports:
                    yield f"the pods have no port {name}"
            for rule in spec.get("ingress", []):
                for port in rule["ports"]:
                    if port["port"] not in ports.values():
                        yield f"the pods have no port {port['port']}"
        for endpoint in spec.get("podMetricsEndpoints", []) + spec.get("endpoints", []):
            yield from self.reference("Secret", **endpoint["authorization"]["credentials"])
        if kind == "ServiceMonitor":
            services = [s for s in self.of("Service") if selects(spec["selector"], s["metadata"]["labels"])]
            if len(services) != 1:
                yield f"it selects {len(services)} Services"
            for service in services:
                names = {p["name"] for p in service["spec"]["ports"]}
                for endpoint in spec["endpoints"]:
                    if endpoint["port"] not in names:
                        yield f"the Service has no port {endpoint['port']}"
        if kind == "HorizontalPodAutoscaler":
            target = self.by_name.get(("Deployment", spec["scaleTargetRef"]["name"]))
            names = [c["name"] for c in target["spec"]["template"]["spec"]["containers"]] if target else []
            for metric in spec["metrics"]:
                if metric["containerResource"]["container"] not in names:
                    yield "it measures a container that is not there"
            if target and "replicas" in target["spec"]:
                yield "the Deployment says replicas too: each upgrade would undo what this does"
        if m in self.pods:
            yield from self.judge_pod(spec)

    def judge_pod(self, spec):
        labels, pod = spec["template"]["metadata"]["labels"], spec["template"]["spec"]
        if "selector" in spec and not selects(spec["selector"], labels):
            yield "its selector does not select its own pods"
        for constraint in pod.get("topologySpreadConstraints", []):
            if not selects(constraint["labelSelector"], labels):
                yield "a topologySpreadConstraint is not about its own pods"
        account = pod.get("serviceAccountName", "default")
        if account != "default" and ("ServiceAccount", account) not in self.by_name:
            yield f"there is no ServiceAccount {account}"
        for volume in pod.get("volumes", []):
            for kind, source, name in (
                ("ConfigMap", "configMap", "name"),
                ("Secret", "secret", "secretName"),
            ):
                if source in volume:
                    keys = [item["key"] for item in volume[source].get("items", [])] or [None]
                    for key in keys:
                        yield from self.reference(kind, volume[source][name], key)
        volumes = {v["name"] for v in pod.get("volumes", [])}
        containers = pod["containers"] + pod.get("initContainers", [])
        for container in containers:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield f"there is no volume {mount['name']}"
                if "subPath" in mount or "subPathExpr" in mount:
                    yield f"{mount['name']} is mounted by subPath: it would never change"
        mounted = {m["name"] for c in containers for m in c.get("volumeMounts", [])}
        for volume in sorted(volumes - mounted):
            yield f"nobody mounts the volume {volume}"
        for rule in (spec.get("podFailurePolicy") or {}).get("rules", []):
            name = rule.get("onExitCodes", {}).get("containerName")
            if name and name not in {c["name"] for c in pod["containers"]}:
                yield f"podFailurePolicy: there is no container {name}"

    def reference(self, kind, name, key=None):
        held = self.by_name.get((kind, name))
        if held is None:
            if (kind, name) not in BY_HAND:
                yield f"there is no {kind} {name}"
        elif key is not None and key not in held["data"]:
            yield f"{kind} {name} has no key {key}"


def main():
    count, bad = 0, 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as stream:
            file = File([m for m in yaml.safe_load_all(stream) if m])
        count += len(file.pods)
        for words in file.wrong():
            bad += 1
            print(f"{path}: {words}")
    if not count:
        print("no pod in any of the files")
    sys.exit(1 if bad or not count else 0)


if __name__ == "__main__":
    main()
