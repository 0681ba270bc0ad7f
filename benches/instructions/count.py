"""Counts the instructions of a hit and of a miss, with valgrind, and compares them with counts.txt.

    python3 benches/instructions/count.py PROGRAM [--write]

The program serves one connection under callgrind, twice for each kind: with few requests and with many. The
difference, divided, is what one more costs; the start and the end cancel out. Each count is about the same
on every machine, whatever else it does. More than a tenth above counts.txt is a failure: exit code 1. Less
by a tenth is told, since the file should follow. `--write` makes the file what was counted.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

COUNTS = pathlib.Path(__file__).resolve().parent / "counts.txt"
# Few and many. A miss takes the stand-in 150 ms.
REQUESTS = {"hit": (200, 1200), "miss": (40, 240)}
# Nothing becomes stale, nobody is proved, nothing is written meanwhile.
SETTINGS = {
    "LISTEN__ADDRESS": "127.0.0.1:0",
    "ADMIN__ADDRESS": "127.0.0.1:0",
    "LIFETIMES__OPEN": "10m",
    "LIFETIMES__LEASE": "10m",
    "LIMIT__RATE": "off",
    "LOG__ACCESS": "off",
}
# A token of the API's length.
TOKEN = "eyJhbGciOiJIUzI1NiJ9." + "k7Qz-" * 40


def begin(command, settings=None):
    """A process, and the port that it says it listens on."""
    environment = {"PATH": os.environ["PATH"], "TOKIO_WORKER_THREADS": "1"}
    environment |= {f"VERIFIK_GATEWAY__{key}": value for key, value in (settings or {}).items()}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line):
            # Nobody reads the rest, and it must not wait for that.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, int(found[1])
    sys.exit(f"{command[0]} did not start")


def ask(connection, ticket):
    """The answer's Cache-Status."""
    head = f"GET /v2/support-tickets/{ticket} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
    connection.sendall(f"{head}Authorization: Bearer {TOKEN}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    fields, _, body = answer.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", fields, re.IGNORECASE)[1])
    while len(body) < length:
        body += connection.recv(65536)
    return re.search(rb"cache-status: (.*)", fields, re.IGNORECASE)[1].decode()


def instructions(program, upstream, kind, requests):
    """Of a whole run with so many requests."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program]
        settings = SETTINGS | {"UPSTREAM__URL": f"http://127.0.0.1:{upstream}"}
        process, port = begin(command, settings)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ask(connection, "instructions_0")
            for number in range(requests):
                ticket = "instructions_0" if kind == "hit" else f"instructions_{number + 1}"
                how = ask(connection, ticket)
                if ("; hit" if kind == "hit" else "fwd=uri-miss") not in how:
                    sys.exit(f"{ticket} is no {kind}: {how}")
        process.send_signal(signal.SIGTERM)
        if process.wait(timeout=60) != 0:
            sys.exit("the gateway did not end well")
        return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)[1])


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--write"]):
        sys.exit(__doc__)
    program, write = sys.argv[1], bool(sys.argv[2:])
    stand_in, upstream = begin([program, "demo", "--upstream-only", "127.0.0.1:0"])
    try:
        counted = {}
        for kind, (few, many) in REQUESTS.items():
            runs = [instructions(program, upstream, kind, requests) for requests in (few, many)]
            counted[kind] = (runs[1] - runs[0]) // (many - few)
    finally:
        stand_in.terminate()
        stand_in.wait()
    if write:
        COUNTS.write_text("".join(f"{kind} {count}\n" for kind, count in counted.items()))
    known = dict(line.split() for line in COUNTS.read_text().splitlines())
    worse = 0
    for kind, count in counted.items():
        share = count / int(known[kind])
        word = "FAILED" if share > 1.1 else "ok"
        hint = "; it is less now: --write" if share < 0.9 else ""
        worse += share > 1.1
        print(f"{word:8} {kind}: {count} instructions, {share:.3f} of what counts.txt has{hint}")
    sys.exit(worse > 0)


main()
