import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workflowJsonSchema } from './json-schema.ts'
import { parseWorkflow, problemText } from './parse-workflow.ts'
import { allKeys, keysAt } from './schema-keys.ts'
import { stepKinds, workflowSchema } from './workflow-schema.ts'

const example = `meshbook: workflow/v1
name: weekly-report
on: { schedule: { cron: '0 6 * * MON', timezone: Europe/Paris }, webhook: { secret: REPORT_HOOK }, manual: true }
inputs: { region: { type: string, default: eu } }
budget: { usd: 2.00, on_exceed: pause }
concurrency: { key: '\${{ inputs.region }}', limit: 1, on_conflict: queue }
defaults: { timeout: 10m, retry: { attempts: 3, backoff: exponential, initial: 1s, jitter: true } }
steps:
  fetch:     { http: { url: 'https://data.example/\${{ inputs.region }}.csv' } }
  analyse:   { needs: [fetch], notebook: { document: analysis.md, session: weekly }, runs-on: { requires: [gpu] } }
  summarise: { needs: [analyse], prompt: { models: [claude-sonnet-4-6, gpt-5], user: 'Summarise: \${{ steps.analyse.output }}', schema: { type: object, required: [risk] } } }
  review:    { needs: [summarise], if: 'steps.summarise.output.risk > 7', gate: { ask: 'Publish anyway?', timeout: 24h, on_timeout: reject, notify: [push, email, slack] } }
  publish:   { needs: [review], publish: { document: analysis.md } }
`

function problemsOf(text: string): string[] {
  const { problems = [] } = parseWorkflow(text)
  return problems.map(problemText)
}

/** Of a file with these steps, without the head. */
function stepProblems(steps: string, head = ''): string[] {
  const text = `meshbook: workflow/v1\nname: w\n${head}\nsteps:\n${steps}`
  return problemsOf(text).map(line => line.replace(/^\d+:\d+ /, ''))
}

test('WF1 the example of the specification is a workflow', () => {
  const { workflow, problems } = parseWorkflow(example)
  assert.equal(problems, undefined)
  assert.deepEqual(Object.keys(workflow!.steps), ['fetch', 'analyse', 'summarise', 'review', 'publish'])
  assert.equal(workflow!.budget?.usd, 2)
})

test('WF2 an unknown key is an error with line, column, path, and the key that was meant', () => {
  const text = example.replace('on_exceed', 'on_exeed').replace('  fetch:     { http', '  fetch:     { retyr: 3, http')
  assert.deepEqual(problemsOf(text), [
    '5:22 budget.on_exeed: "on_exeed" is no key here; did you mean "on_exceed"?',
    '9:16 steps.fetch.retyr: "retyr" is no key of a step; did you mean "retry"?',
  ])
  assert.match(problemsOf(example.replace('name: weekly-report', 'zzzzzz: 1'))[1]!, /known are meshbook, name, on/)
})

test('WF3 what is missing, or of the wrong type, says so', () => {
  assert.deepEqual(problemsOf('meshbook: workflow/v1\nname: w\n'), ['1:1: "steps" is missing; add it'])
  assert.match(problemsOf('steps: [1')[0]!, /mend the YAML here$/)
  assert.match(problemsOf('just text')[0]!, /^1:1: expected Object/)
  assert.match(
    problemsOf('meshbook: workflow/v2\nname: w\nsteps: { a: { wait: { for: 1s } } }')[0]!,
    /expected "workflow\/v1"/,
  )
  assert.deepEqual(stepProblems('  a: { wait: { for: 10 minutes } }'), [
    'steps.a.wait.for: expected a duration such as 500ms, 30s, 10m, 24h or 7d; change it',
  ])
  assert.match(stepProblems('  a: { wait: { for: 400d } }')[0]!, /1ms to 366d/)
  assert.match(stepProblems('  a: { cell: { language: python, code: x, session: .nan } }')[0]!, /no value of JSON/)
})

test('WF4 a step is of exactly one kind', () => {
  assert.match(stepProblems('  a: { needs: [] }')[0]!, /the step "a" does nothing; give it one of notebook, cell/)
  assert.match(
    stepProblems('  a: { wait: { for: 1s }, transform: "1" }')[0]!,
    /has transform and wait; a step does one thing/,
  )
})

test('WF5 needs and on_error name steps of the same scope; a cycle is named in full', () => {
  assert.match(
    stepProblems('  fetch: { wait: { for: 1s } }\n  b: { needs: [fecth], wait: { for: 1s } }')[0]!,
    /steps\.b\.needs\[0\]: there is no step "fecth"; did you mean "fetch"\?/,
  )
  assert.match(stepProblems('  a: { needs: a, wait: { for: 1s } }')[0]!, /needs itself/)
  assert.match(
    stepProblems('  a: { on_error: b, wait: { for: 1s } }')[0]!,
    /"b" is neither fail nor continue nor a step/,
  )
  const cycle =
    '  a: { needs: c, wait: { for: 1s } }\n  b: { needs: a, wait: { for: 1s } }\n  c: { needs: b, wait: { for: 1s } }'
  assert.match(stepProblems(cycle)[0]!, /steps wait for each other: a → c → b → a/)
  const way = '  a: { needs: b, on_error: b, wait: { for: 1s } }\n  b: { wait: { for: 1s } }'
  assert.match(stepProblems(way)[0]!, /wait for each other/)
})

test('WF6 an expression that cannot be read, or names what is not there then, is an error with its place', () => {
  const [place] = problemsOf('meshbook: workflow/v1\nname: w\nsteps:\n  a: { transform: "1 + + 2" }')
  assert.match(place!, /^4:24 steps\.a\.transform: /)
  assert.match(
    stepProblems("  a: { notify: { title: 'x ${{ inputs.regoin }}' } }", 'inputs: { region: { type: string } }')[0]!,
    /no input "regoin"; did you mean "region"/,
  )
  const later = '  a: { transform: steps.b.output }\n  b: { wait: { for: 1s } }'
  assert.match(stepProblems(later)[0]!, /"b" may not have ended then; add it to needs/)
  assert.match(stepProblems('  a: { transform: steps.zz.output }')[0]!, /there is no step "zz"/)
  assert.match(stepProblems('  a: { transform: item }')[0]!, /"item" is only known inside of map/)
  assert.match(stepProblems("  a: { notify: { title: '${{ 1' } }")[0]!, /has no "}}"/)
  assert.match(stepProblems('  a: { transform: size(steps) }')[0]!, /steps are named one by one/)
  const transitive =
    '  a: { wait: { for: 1s } }\n  b: { needs: a, wait: { for: 1s } }\n  c: { needs: b, transform: steps.a.output }'
  assert.deepEqual(stepProblems(transitive), [])
})

test('WF7 secrets stand by themselves in headers of http, and nowhere else', () => {
  const headers = (value: string) =>
    `  a: { http: { url: 'https://x.example', headers: { authorization: '${value}' } } }`
  assert.deepEqual(stepProblems(headers('Bearer ${{ secrets.TOKEN }}')), [])
  assert.deepEqual(stepProblems(headers('Bearer ${{ inputs.t }}'), 'inputs: { t: { type: secret } }'), [])
  assert.match(stepProblems(headers('${{ secrets.TOKEN + "x" }}'))[0]!, /must stand by itself/)
  for (const step of [
    'http: { url: "https://x.example/${{ secrets.T }}" }',
    'transform: secrets.T',
    'notify: { title: "${{ secrets.T }}" }',
    'cell: { language: js, code: "${{ secrets.T }}" }',
  ])
    assert.match(stepProblems(`  a: { ${step} }`)[0]!, /secret/, step)
  assert.match(stepProblems('  a: { transform: inputs.t }', 'inputs: { t: { type: secret } }')[0]!, /is a secret/)
  assert.match(stepProblems('  a: { transform: json(inputs) }', 'inputs: { t: { type: secret } }')[0]!, /one by one/)
})

test('WF8 what has no effect is an error: retry, timeout and runs-on where they do not belong', () => {
  assert.match(
    stepProblems('  a: { retry: { attempts: 2 }, transform: "1" }')[0]!,
    /"retry" has no effect on a step of kind transform/,
  )
  assert.match(stepProblems('  a: { timeout: 1m, gate: { ask: x } }')[0]!, /use gate\.timeout/)
  assert.match(
    stepProblems('  a: { runs-on: desk, http: { url: "https://x.example" } }')[0]!,
    /only notebook, cell, agent run on a device/,
  )
  assert.match(stepProblems('  a: { gate: { ask: x, on_timeout: reject } }')[0]!, /there is no timeout/)
  assert.match(
    stepProblems('  a: { gate: { ask: x, timeout: 1h, on_timeout: approve, choices: [a, b] } }')[0]!,
    /nobody would have chosen/,
  )
  assert.match(stepProblems('  a: { wait: {} }')[0]!, /it waits for nothing/)
  assert.match(stepProblems('  a: { http: { url: ftp://x } }')[0]!, /no http or https address/)
  assert.match(stepProblems('  a: { http: { url: "https://x.example", body: x } }')[0]!, /GET sends no body/)
})

test('WF9 what starts a workflow gives the inputs that it needs, from its event, and no secrets', () => {
  const starts = (on: string, inputs = '{ n: { type: integer } }'): string[] =>
    stepProblems('  a: { wait: { for: 1s } }', `on: ${on}\ninputs: ${inputs}`)
  assert.deepEqual(starts("{ webhook: { secret: S, inputs: { n: '${{ event.body.n }}' } } }"), [])
  assert.deepEqual(starts('{ webhook: { secret: S } }'), [
    'inputs.n: the webhook cannot give the input "n"; give it a default, or on.webhook.inputs',
  ])
  assert.deepEqual(starts('{ run: { of: w, inputs: { n: 1 } } }'), [
    'on.run.of: it would start itself for ever; name other workflows',
  ])
  assert.match(
    starts('{ files: { paths: [a], inputs: { n: 1, m: 2 } } }')[0]!,
    /there is no input "m"; did you mean "n"/,
  )
  assert.match(starts('{ files: { paths: [a], inputs: { n: x } } }')[0]!, /this is no integer/)
  assert.match(starts("{ files: { paths: [a], inputs: { n: '${{ inputs.n }}' } } }")[0]!, /there is no input "n"/)
  assert.match(starts("{ files: { paths: [a], inputs: { n: '${{ run.id }}' } } }")[0]!, /there is no run yet/)
  assert.match(starts("{ files: { paths: [a], inputs: { n: '${{ secrets.S }}' } } }")[0]!, /a secret may stand only/)
  assert.match(starts('{ files: { paths: [../a], inputs: { n: 1 } } }')[0]!, /expected a path from the project on/)
  assert.match(
    starts('{ webhook: { secret: S, inputs: { n: A } } }', '{ n: { type: secret } }')[0]!,
    /what starts a run names no secret of it/,
  )
  assert.match(stepProblems("  a: { notify: { title: '${{ event.at }}' } }")[0]!, /"event" is only known in inputs/)
})

test('WF9 inputs: a default has the type; what a schedule starts needs defaults', () => {
  assert.match(
    stepProblems('  a: { wait: { for: 1s } }', 'inputs: { n: { type: integer, default: 1.5 } }')[0]!,
    /the default is no integer/,
  )
  assert.match(
    stepProblems(
      '  a: { wait: { for: 1s } }',
      'on: { schedule: { cron: "0 6 * * *" } }\ninputs: { n: { type: integer } }',
    )[0]!,
    /the schedule cannot give the input "n"/,
  )
  assert.match(
    stepProblems('  a: { wait: { for: 1s } }', 'on: { schedule: { cron: "61 * * * *" } }')[0]!,
    /five fields/,
  )
  assert.match(
    stepProblems('  a: { wait: { for: 1s } }', 'on: { schedule: { cron: "0 6 * * *", timezone: Mars/Base } }')[0]!,
    /time zone/,
  )
})

test('WF10 a file that is too large, too deep, or full of aliases is refused at bounded cost', () => {
  assert.match(problemsOf(`# ${'x'.repeat(300_000)}`)[0]!, /larger than 256 KiB/)
  const laughs = `meshbook: workflow/v1\nname: w\na: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c, *c]\n`
  assert.match(problemsOf(laughs)[0]!, /alias/i)
  assert.match(stepProblems(`  a: { transform: ${'['.repeat(60)}1${']'.repeat(60)} }`)[0]!, /nested too deeply/)
  const nested = (depth: number): string =>
    depth === 0 ? 'wait: { for: 1s }' : `map: { over: [1], steps: { s${depth}: { ${nested(depth - 1)} } } }`
  assert.match(stepProblems(`  a: { ${nested(9)} }`)[0]!, /nested too deeply/)
})

test('WF11 steps inside of map and repeat see those around them, under names that are theirs alone', () => {
  const inside = (body: string) =>
    `  a: { wait: { for: 1s } }\n  m: { needs: a, map: { over: [1], steps: { ${body} } } }`
  assert.deepEqual(stepProblems(inside('b: { transform: steps.a.output }')), [])
  assert.match(stepProblems(inside('a: { transform: item }'))[0]!, /there is a step "a" around this one/)
  assert.match(
    stepProblems('  r: { repeat: { max: 2, until: steps.q.output, steps: { b: { transform: round } } } }')[0]!,
    /steps\.r\.repeat\.until: there is no step "q"/,
  )
})

test('WF12 the JSON Schema has every key, and says that a step is of one kind', () => {
  const schema = workflowJsonSchema()
  const text = JSON.stringify(schema)
  for (const key of allKeys(workflowSchema)) assert.ok(text.includes(`"${key.split('.').at(-1)}"`), key)
  assert.equal(text.match(/"oneOf":\[\{"required":\["notebook"\]\}/g)?.length, 2)
  assert.equal(schema.additionalProperties, false)
})

test('WF13 the keys of the schema are found at any depth', () => {
  assert.ok(keysAt(workflowSchema, ['steps', 'a']).includes('on_error'))
  assert.ok(keysAt(workflowSchema, ['steps', 'a', 'map', 'steps', 'b', 'retry']).includes('jitter'))
  assert.deepEqual(keysAt(workflowSchema, ['steps', 'a', 'runs-on']), ['device', 'requires'])
  assert.ok(stepKinds.every(kind => allKeys(workflowSchema).includes(`steps.*.${kind}`)))
})
