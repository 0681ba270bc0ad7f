// Runs the suite beside which it is copied, and says what came of it. Arguments: the file of known
// departures, and perhaps the id of one test.
import { readFileSync } from 'node:fs'
import fetch from 'node-fetch'
import { getResults, runTests } from './client/runner.mjs'
import suites from './tests/index.mjs'

const [knownFile, only] = process.argv.slice(2)
const known = new Map(readFileSync(knownFile, 'utf8').split('\n')
  .filter(line => line && !line.startsWith('#'))
  .map(line => [line.split(' ')[0], line.slice(line.indexOf(' ') + 1)]))

const wanted = suites.map(suite => ({
  ...suite,
  tests: suite.tests.filter(test => !test.browser_only && (!only || test.id === only))
}))
if (only) wanted.forEach(suite => suite.tests.forEach(test => { test.dump = true }))
await runTests(wanted, fetch, false, process.env.npm_config_base)

const results = getResults()
const counts = {}
let unexpected = 0
for (const { id, kind = 'required' } of wanted.flatMap(suite => suite.tests)) {
  const passed = results[id] === true
  counts[kind] = counts[kind] ?? { passed: 0, not: 0 }
  counts[kind][passed ? 'passed' : 'not']++
  if (kind !== 'required') continue
  if (!passed && !known.has(id)) {
    unexpected++
    console.log(`FAILED ${id}: ${results[id]?.[1] ?? 'not run'}`)
  } else if (passed && known.has(id)) {
    unexpected++
    console.log(`PASSED ${id}, though known.txt lists it`)
  } else if (!passed) {
    console.log(`known  ${id}: ${known.get(id)}`)
  }
}
for (const [kind, { passed, not }] of Object.entries(counts)) {
  console.log(`${kind}: ${passed} of ${passed + not}`)
}
process.exit(unexpected > 0 ? 1 : 0)
