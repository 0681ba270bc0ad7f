#!/usr/bin/env python3
"""Runs the containers of some manifests as processes, in the order and by the means a kubelet has.

    VERIFIK_GATEWAY=BINARY rehearse.py FILE...

The API is the gateway's own stand-in, on loopback; ports are free ones instead of 8080 and 8081, and paths
lie below a folder of its own. It is no cluster: it shows that arguments, files, probes and signals fit
together.

A shared gateway: ready by its startup probe; the operators' port wants its token; a second read is a hit;
another content of the ConfigMap is in force; told to end, it is not ready and serves on, and ends with 0
within the grace period. A job: the sidecar is ready, the main container fetches every ticket and ends with
0, the sidecar is told to end and does, with 0, in time. The example application (a shell with curl): it gets
hits; a sidecar that is told to end first serves who is connected until he has gone. Exit code 1 if anything
of it is not so, or if there was nothing to run.
"""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import yaml

from accepted import lay_out, seconds, serves
from restricted import pods

GATEWAY = str(pathlib.Path(os.environ["VERIFIK_GATEWAY"]).resolve())
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def ask(url, token=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status, dict(reply.headers), reply.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()
    except OSError:
        return 0, {}, b""


def within(limit, question):
    """Whether it comes true in so many seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if question():
            return True
        time.sleep(0.1)
    return False


class Stage:
    """One pod: its folder, its ports, its processes."""

    def __init__(self, pod, maps):
        self.pod, self.maps = pod, maps
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.ports = {"8080": free_port(), "8081": free_port()}
        self.upstream = f"127.0.0.1:{free_port()}"
        self.processes = []
        self.start([GATEWAY, "demo", "--upstream-only", self.upstream], {}, "upstream")

    def start(self, command, environment, name):
        with open(self.folder / f"{name}.log", "wb") as log, open(self.folder / f"{name}.out", "wb") as out:
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=log)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.folder)

    def adapt(self, text):
        for port, free in self.ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
            text = text.replace(f"0.0.0.0:{port}", f"127.0.0.1:{free}")
        return text.replace("https://api.verifik.co", f"http://{self.upstream}")

    def prepare(self, container):
        place = self.folder / container["name"]
        here, environment = lay_out(self.pod, container, self.maps, place)
        for file in place.rglob("*.toml"):
            if not file.is_symlink():
                file.write_text(self.adapt(file.read_text()))
        environment = {name: self.adapt(value) for name, value in environment.items()}
        words = [*container.get("command", [GATEWAY]), *(container.get("args") or [])]
        return [self.adapt(here(word)) for word in words], environment, place

    def probe(self, container, name, environment):
        """Whether a probe of the container is well now."""
        action = container[name]
        if "exec" in action:
            command = [GATEWAY if word == "/verifik-gateway" else word for word in action["exec"]["command"]]
            return subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 0
        ports = {p["name"]: str(p["containerPort"]) for p in container["ports"]}
        port = self.ports[ports[action["httpGet"]["port"]]]
        return ask(f"http://127.0.0.1:{port}{action['httpGet']['path']}")[0] == 200


def shared(stage, container):
    command, environment, place = stage.prepare(container)
    process = stage.start(command, environment, "gateway")
    admin = f"http://127.0.0.1:{stage.ports['8081']}"
    ticket = f"http://127.0.0.1:{stage.ports['8080']}/v2/support-tickets/ticket_1"

    if not within(30, lambda: stage.probe(container, "startupProbe", environment)):
        yield "it is not ready within 30 s"
        yield (stage.folder / "gateway.log").read_text()
        return
    for name in PROBES:
        if not stage.probe(container, name, environment):
            yield f"{name} fails"
    if ask(f"{admin}/metrics")[0] != 401 or ask(f"{admin}/metrics", "a-token")[0] != 200:
        yield "the operators' port does not go by its token"
    ask(ticket, "t")
    status, fields, _ = ask(ticket, "t")
    if status != 200 or "; hit" not in fields.get("cache-status", ""):
        yield f"a second read is no hit: {status} {fields}"

    # The kubelet's way to change what a volume shows.
    config = place / "config"
    shutil.copytree(config / "..first", config / "..second")
    with open(config / "..second" / "settings.toml", "a", encoding="utf-8") as settings:
        settings.write("\n[lifetimes]\nopen = \"7s\"\n")
    (config / "..new").symlink_to("..second")
    (config / "..new").rename(config / "..data")
    def open_is():
        known = json.loads(ask(f"{admin}/stats", "a-token")[2])["settings"]
        return [setting["value"] for setting in known if setting["key"] == "lifetimes.open"]

    if not within(10, lambda: open_is() == ['"7s"']):
        yield "another content of the ConfigMap is not in force after 10 s"

    told = time.monotonic()
    process.send_signal(signal.SIGTERM)
    if not within(2, lambda: ask(f"{admin}/ready")[0] == 503):
        yield "it is still ready 2 s after SIGTERM"
    # Newcomers have a second in any case; endpoints and proxies take longer to notice.
    time.sleep(3)
    if ask(ticket, "t")[0] != 200:
        yield "it does not serve on after SIGTERM, for who has not noticed yet"
    yield from ends(process, told, stage.pod["terminationGracePeriodSeconds"])


def beside(stage, sidecar, main):
    """A sidecar, and the main container after it."""
    command, environment, _ = stage.prepare(sidecar)
    process = stage.start(command, environment, "sidecar")
    if not within(30, lambda: stage.probe(sidecar, "startupProbe", environment)):
        yield "the sidecar is not ready within 30 s"
        yield (stage.folder / "sidecar.log").read_text()
        return
    for name in PROBES:
        if not stage.probe(sidecar, name, environment):
            yield f"{name} of the sidecar fails"

    yield from job(stage, main) if "fetch" in main.get("args", []) else application(stage, main, process)

    told = time.monotonic()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    yield from ends(process, told, seconds(environment["VERIFIK_GATEWAY__LIFECYCLE__DRAIN_TIMEOUT"]))


def job(stage, main):
    command, environment, place = stage.prepare(main)
    fetch = stage.start(command, environment, "main")
    try:
        code = fetch.wait(30)
    except subprocess.TimeoutExpired:
        yield "the main container has not ended after 30 s"
        return
    lines = (stage.folder / "main.out").read_text().count("\n")
    ids = (place / "ids" / "ids.txt").read_text().split()
    if code != 0 or lines != len(ids):
        yield f"the main container ends with {code}, and has {lines} tickets of {len(ids)}"
        yield (stage.folder / "main.log").read_text()


def application(stage, main, sidecar):
    command, environment, _ = stage.prepare(main)
    shell = stage.start(command, {"PATH": os.environ["PATH"], **environment}, "main")
    if not within(10, lambda: "; hit" in (stage.folder / "main.out").read_text()):
        yield "the application gets no hit within 10 s"
        yield (stage.folder / "main.out").read_text() + (stage.folder / "main.log").read_text()
    shell.send_signal(signal.SIGTERM)
    yield from ends(shell, time.monotonic(), 10)

    # A pod's containers may be told in any order by who does not know sidecars, such as a node that shuts
    # down: longer than the two seconds after which nobody is believed to be there.
    connected = http.client.HTTPConnection("127.0.0.1", int(stage.ports["8080"]), timeout=5)
    connected.connect()
    sidecar.send_signal(signal.SIGTERM)
    time.sleep(4)
    try:
        connected.request("GET", "/v2/support-tickets/ticket_1", headers={"Authorization": "Bearer t"})
        if connected.getresponse().status != 200:
            yield "the sidecar does not serve its application on after SIGTERM"
    except OSError as error:
        yield f"the sidecar has cut its application off: {error}"
    connected.close()
    try:
        sidecar.wait(10)
    except subprocess.TimeoutExpired:
        yield "the sidecar has not ended 10 s after its application"


def ends(process, told, limit):
    try:
        code = process.wait(limit)
    except subprocess.TimeoutExpired:
        yield f"it has not ended {limit} s after SIGTERM"
        return
    if code != 0:
        yield f"it ends with {code}"
    print(f"it ended {time.monotonic() - told:.1f} s after SIGTERM, of {limit:g} s")


def main():
    count, bad = 0, 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            manifests = [m for m in yaml.safe_load_all(file) if m]
        maps = {m["metadata"]["name"]: m["data"] for m in manifests if m["kind"] == "ConfigMap"}
        for pod in (pod for manifest in manifests for pod, _ in pods(manifest)):
            sidecars = [c for c in pod.get("initContainers") or [] if serves(c)]
            gateways = [c for c in pod["containers"] if serves(c)]
            mains = [c for c in pod["containers"] if not serves(c)]
            stage = Stage(pod, maps)
            try:
                acts = [shared(stage, c) for c in gateways]
                acts += [beside(stage, s, m) for s in sidecars for m in mains]
                for words in (words for act in acts for words in act):
                    bad += 1
                    print(f"{path}: {words}")
                count += len(acts)
            finally:
                stage.close()
    if not count:
        print("there was nothing to run")
    sys.exit(1 if bad or not count else 0)


if __name__ == "__main__":
    main()
