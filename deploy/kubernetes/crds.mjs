// Whether the Prometheus operator's objects among some manifests are what their definitions allow.
//
//   NODE_MODULES=DIR node crds.mjs FILE.json...
//
// Each file is a JSON list of objects. DIR holds @kubernetes-models/prometheus-operator. Exit code 1 if
// something is wrong, or if there is no such object at all.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

// By its file: modules are looked up from where this one is, and DIR may be anywhere.
const models = await import(pathToFileURL(resolve(
    process.env.NODE_MODULES,
    "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/index.js",
)));

let count = 0;
let bad = 0;
for (const path of process.argv.slice(2)) {
    for (const object of JSON.parse(readFileSync(path, "utf8"))) {
        if (!object?.apiVersion?.startsWith("monitoring.coreos.com/")) continue;
        count += 1;
        try {
            const Model = models[object.kind];
            if (!Model) throw new Error("no such kind");
            new Model(object).validate();
        } catch (error) {
            bad += 1;
            console.log(`${path}: ${object.kind} ${object.metadata?.name}: ${error.message}`);
        }
    }
}
if (count === 0) console.log("no such object in any of the files");
process.exit(bad > 0 || count === 0 ? 1 : 0);
