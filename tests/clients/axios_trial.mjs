// The trials with axios on node. run.sh starts it and says where the gateway and axios are.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

const { default: axios } = await import(process.env.AXIOS);
const { GATEWAY, PLAIN, RUN, UPLOAD } = process.env;
const api = axios.create({
  baseURL: `${GATEWAY}/v2`,
  headers: { Authorization: `Bearer axios-${RUN}` },
  timeout: 60_000,
  proxy: false,
  maxBodyLength: Infinity,
  maxContentLength: Infinity,
  validateStatus: () => true,
});
const ticket = `/support-tickets/axios_${RUN}`;
const unauthorized = '{"code":"Unauthorized","message":"Invalid or expired token."}';

function trial(name, answer, status, cache, holds = true) {
  const said = answer.headers["cache-status"] ?? "";
  const good = answer.status === status && said.includes(cache) && holds;
  const told = good ? "" : `: ${answer.status}, ${said}, ${String(answer.data).slice(0, 200)}`;
  console.log(`${good ? "ok" : "FAILED"} ${name}${told}`);
}
const text = { responseType: "text", transformResponse: (body) => body };
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const miss = await api.get(ticket, text);
trial("a miss", miss, 200, "; fwd=uri-miss; fwd-status=200; stored", JSON.parse(miss.data).success);
const hit = await api.get(ticket, text);
trial("a hit, with the same bytes", hit, 200, "; hit", hit.data === miss.data);
const head = await api.head(ticket);
const lengths = [head, miss].map((answer) => answer.headers["content-length"]);
trial("HEAD is a hit", head, 200, "; hit", head.data === "" && lengths[0] === lengths[1]);

const missing = `/support-tickets/missing_axios_${RUN}`;
const absent = await api.get(missing);
trial("not found", absent, 404, "; stored", absent.data.message === "SUPPORT_TICKET_NOT_FOUND");
trial("not found, from memory", await api.get(missing), 404, "; detail=not-found");

const dead = await api.get(ticket, { ...text, headers: { Authorization: "Bearer dead" } });
trial("the text of a 401 is untouched", dead, 401, "; fwd=", dead.data === unauthorized);

const write = await api.put(ticket, { status: "resolved" });
trial("a write", write, 200, "; fwd=method", write.data.status === "completed");
const read = await api.get(ticket);
const shown = read.data.data.status === "resolved";
trial("the read after a write is a miss and shows it", read, 200, "; fwd=uri-miss", shown);

const several = { params: { populates: ["threads.client", "threads.attachments"] } };
await api.get(ticket, several);
trial("a repeated parameter is part of the key", await api.get(ticket, several), 200, "; hit");

const together = `/support-tickets/axios_together_${RUN}`;
const answers = await Promise.all(Array.from({ length: 20 }, () => api.get(together)));
const asked = answers.filter((answer) => !/; hit|; collapsed/.test(answer.headers["cache-status"]));
trial("twenty at once share one call", answers[0], 200, "", asked.length === 1);

const upload = await readFile(UPLOAD);
const json = { headers: { "Content-Type": "application/json" } };
const sent = await api.post("/attachments", upload, json);
trial("an upload of 14 MB", sent, 201, "; fwd=bypass", sent.data.data?.size === upload.length);

if (PLAIN) {
  const size = 60 << 20;
  const bytes = { responseType: "arraybuffer" };
  const large = await api.get(`${PLAIN}/v2/download?bytes=${size}`, bytes);
  const whole = sha256(large.data) === sha256(Buffer.alloc(size, "0123456789abcdef"));
  large.data = `${large.data.length} bytes`;
  trial("a download of 60 MB", large, 200, "; fwd=bypass", whole);
  const heard = await api.post(`${PLAIN}/v2/echo`, upload, json);
  const same = heard.data.sha256 === sha256(upload);
  trial("the upload arrives bit for bit", heard, 200, "; fwd=bypass", same);
}
