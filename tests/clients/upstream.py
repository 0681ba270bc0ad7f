"""An upstream for what the stand-in does not offer: large downloads, an echo of what is heard, and
tickets whose Cache-Status a page of another origin may read. It serves that page too."""

import hashlib
import json
import pathlib
import sys
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs
from urllib.parse import urlsplit

BLOCK = b"0123456789abcdef" * 4096
PAGE = pathlib.Path(__file__).with_name("browser.html")


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path.startswith("/v2/support-tickets/"):
            ticket = {"_id": url.path.rsplit("/", 1)[1], "status": "open"}
            self.answer(200, "application/json", json.dumps({"data": ticket}).encode())
        elif url.path in ("/v2/download", "/v2/chunked"):
            self.download(int(parse_qs(url.query)["bytes"][0]), url.path == "/v2/chunked")
        elif url.path == "/browser.html":
            self.answer(200, "text/html; charset=utf-8", PAGE.read_bytes())
        else:
            self.echo()

    def do_OPTIONS(self):
        self.send_response(204)
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Access-Control-Allow-Methods", "GET,HEAD,PUT,POST,DELETE")
        asked = self.headers.get("Access-Control-Request-Headers", "")
        self.send_header("Access-Control-Allow-Headers", asked)
        self.end_headers()

    def do_POST(self):
        self.echo()

    do_PUT = do_POST
    do_DELETE = do_POST

    def echo(self):
        """Says what was heard."""
        body = self.read_body()
        heard = {
            "method": self.command,
            "target": self.path,
            "fields": [[name.lower(), value] for name, value in self.headers.items()],
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        self.answer(200, "application/json", json.dumps(heard).encode())

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def download(self, length, chunked):
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        while length > 0:
            part = BLOCK[:length]
            length -= len(part)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Expose-Headers", "Cache-Status")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing: the trials say what went wrong."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
server.daemon_threads = True
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
