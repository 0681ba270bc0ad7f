"""The trials with Python requests. run.sh starts it and says where the gateway is."""

import hashlib
import os

import requests

GATEWAY = os.environ["GATEWAY"]
PLAIN = os.environ["PLAIN"]
RUN = os.environ["RUN"]
TICKETS = f"{GATEWAY}/v2/support-tickets"
TICKET = f"{TICKETS}/requests_{RUN}"
UNAUTHORIZED = '{"code":"Unauthorized","message":"Invalid or expired token."}'
SIZE = 60 << 20

session = requests.Session()
session.headers["Authorization"] = f"JWT requests-{RUN}"
session.trust_env = False


def trial(name, answer, status, cache, holds=True):
    said = answer.headers.get("Cache-Status", "")
    good = answer.status_code == status and cache in said and holds
    told = "" if good else f": {answer.status_code}, {said}, {answer.text[:200]}"
    print(f"{'ok' if good else 'FAILED'} {name}{told}", flush=True)


miss = session.get(TICKET, timeout=30)
trial("a miss", miss, 200, "; fwd=uri-miss; fwd-status=200; stored", miss.json()["success"])
hit = session.get(TICKET, timeout=30)
trial("a hit, with the same bytes", hit, 200, "; hit", hit.content == miss.content)
head = session.head(TICKET, timeout=30)
lengths = (head.headers.get("Content-Length"), miss.headers.get("Content-Length"))
trial("HEAD is a hit", head, 200, "; hit", head.content == b"" and lengths[0] == lengths[1])

missing = f"{TICKETS}/missing_requests_{RUN}"
answer = session.get(missing, timeout=30)
trial("not found", answer, 404, "; stored", answer.json()["message"] == "SUPPORT_TICKET_NOT_FOUND")
trial("not found, from memory", session.get(missing, timeout=30), 404, "; detail=not-found")

dead = session.get(TICKET, headers={"Authorization": "Bearer dead"}, timeout=30)
trial("the text of a 401 is untouched", dead, 401, "; fwd=", dead.text == UNAUTHORIZED)

write = session.put(TICKET, json={"status": "resolved"}, timeout=30)
trial("a write", write, 200, "; fwd=method", write.json() == {"status": "completed"})
read = session.get(TICKET, timeout=30)
shown = read.json()["data"]["status"] == "resolved"
trial("the read after a write is a miss and shows it", read, 200, "; fwd=uri-miss", shown)

with open(os.environ["UPLOAD"], "rb") as file:
    upload = file.read()
json_type = {"Content-Type": "application/json"}
sent = session.post(f"{GATEWAY}/v2/attachments", data=upload, headers=json_type, timeout=60)
whole = sent.status_code == 201 and sent.json()["data"]["size"] == len(upload)
trial("an upload of 14 MB", sent, 201, "; fwd=bypass", whole)
parts = (upload[start : start + 100_000] for start in range(0, len(upload), 100_000))
sent = session.post(f"{GATEWAY}/v2/attachments", data=parts, headers=json_type, timeout=60)
whole = sent.status_code == 201 and sent.json()["data"]["size"] == len(upload)
trial("an upload in chunks", sent, 201, "; fwd=bypass", whole)

if PLAIN:
    expected = hashlib.sha256(b"0123456789abcdef" * (SIZE // 16)).digest()
    with session.get(f"{PLAIN}/v2/download?bytes={SIZE}", stream=True, timeout=60) as answer:
        digest = hashlib.sha256()
        for part in answer.iter_content(1 << 20):
            digest.update(part)
        whole = digest.digest() == expected
        answer._content = b""
        trial("a download of 60 MB", answer, 200, "; fwd=bypass", whole)
    heard = session.post(f"{PLAIN}/v2/echo", data=upload, headers=json_type, timeout=60)
    whole = heard.json()["sha256"] == hashlib.sha256(upload).hexdigest()
    trial("the upload arrives bit for bit", heard, 200, "; fwd=bypass", whole)
