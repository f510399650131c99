/** Every key that a file may have does something: for each there are two files that differ in it alone, and differ in what happens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseWorkflow, problemText } from '@meshbook/core/workflow/parse-workflow.ts'
import { allKeys } from '@meshbook/core/workflow/schema-keys.ts'
import { workflowSchema } from '@meshbook/core/workflow/workflow-schema.ts'
import { StepFailure } from '@meshbook/engine/workflow/ports.ts'
import { WorkflowWorld } from '@meshbook/engine/workflow/testing/workflow-world.ts'
import { factsOf } from './facts.ts'
import { unavailableHere } from './steps-here.ts'

const monday = Date.parse('2026-01-05T12:00:00Z')
const child = `meshbook: workflow/v1
name: child
inputs: { n: { type: number, default: 1 } }
steps: { x: { notify: { title: '\${{ inputs.n }}' } } }`
const other = child.replace('name: child', 'name: other').replace('title:', 'text: other, title:')

/** Everything that can be seen of a file: what is wrong with it, what it asks for, and what happens when it is run. */
async function seen(text: string): Promise<unknown> {
  const { workflow, problems } = parseWorkflow(text)
  if (!workflow) return { problems: problems.map(problemText) }
  const places: unknown[] = []
  const world = new WorkflowWorld({
    files: { 'w.yaml': text, 'child.yaml': child, 'other.yaml': other },
    random: () => 0.25,
    estimate: () => 1_000_000,
    concurrency: {
      enter: async place => {
        places.push(place)
        return 'entered'
      },
    },
    behaviour: async ({ input, path, signal, attempt }, { time }) => {
      await time.sleep(60_000, signal)
      if (path === 'fails' && attempt < 3) throw new StepFailure('UNREACHABLE', 'x', { known: true, mayRetry: true })
      return { output: input }
    },
  })
  world.send({ type: 'signal', name: 'go', value: 1 })
  let refusal = ''
  await world.start({}, { waiting: workflow.budget ? 'leave' : 'stay' }).catch((thrown: unknown) => {
    refusal = String(thrown)
  })
  const inputs = world.executions.map(({ path, input, key }) => ({ path, input, key }))
  const log = world.log.filter(event => event.type !== 'workflow' || event.event.type !== 'began')
  const { name } = workflow
  return { refusal, name, facts: factsOf(workflow, unavailableHere(workflow), monday), log, inputs, places }
}

const head = 'meshbook: workflow/v1\nname: w\n'
const one = (body: string, more = ''): string => `${head}${more}steps: { fails: { ${body} } }`
const say = 'notify: { title: a }'
const two = (a: string, b: string): string => `${head}steps: { a: { ${a} }, b: { ${b} } }`
const retrying = (retry: string): string => one(`retry: { ${retry} }, ${say}`)
const defaulted = (retry: string): string => one(say, `defaults: { retry: { ${retry} } }\n`)
const budget = (more: string): string =>
  `${head}budget: { ${more} }\nsteps: { a: { ${say} }, b: { ${say} }, c: { needs: [a, b], ${say} } }`
const place = (more: string): string => one(say, `concurrency: { ${more} }\n`)
const scheduled = (more: string): string => one(say, `on: { schedule: { ${more} } }\n`)
const hooked = (more: string): string => one(say, `on: { webhook: { ${more} } }\n`)
const watched = (more: string): string => one(say, `on: { files: { ${more} } }\n`)
const after = (more: string): string => one(say, `on: { run: { ${more} } }\n`)
const giving = (trigger: string, value: string): string =>
  one(
    say,
    `on: { ${trigger.replace('}', `, inputs: { n: ${value} } }`)} }\ninputs: { n: { type: number, default: 1 } }\n`,
  )
const gate = (more: string): string => one(`gate: { ${more} }`)
const http = (more: string): string => one(`http: { ${more} }`)
const prompt = (more: string): string => one(`prompt: { ${more} }`)

const pairs: Record<string, readonly [string, string]> = {
  meshbook: [one(say), one(say).replace('v1', 'v2')],
  name: [one(say), one(say).replace('name: w', 'name: x')],
  on: [one(say), one(say, 'on: { manual: false }\n')],
  'on.schedule': [one(say), scheduled("cron: '0 6 * * *'")],
  'on.schedule.cron': [scheduled("cron: '0 6 * * *'"), scheduled("cron: '0 7 * * *'")],
  'on.schedule.timezone': [scheduled("cron: '0 6 * * *', timezone: Asia/Tokyo"), scheduled("cron: '0 6 * * *'")],
  'on.schedule.missed': [scheduled("cron: '0 6 * * *', missed: all"), scheduled("cron: '0 6 * * *'")],
  'on.schedule.inputs': [
    giving("schedule: { cron: '0 6 * * *' }", '2'),
    giving("schedule: { cron: '0 6 * * *' }", '3'),
  ],
  'on.webhook': [one(say), one(say, 'on: { webhook: { secret: A } }\n')],
  'on.webhook.from': [hooked('secret: A'), hooked('secret: A, from: github')],
  'on.webhook.inputs': [giving('webhook: { secret: A }', '2'), giving('webhook: { secret: A }', '"${{ event.body }}"')],
  'on.files': [one(say), watched('paths: [a.md]')],
  'on.files.paths': [watched('paths: [a.md]'), watched('paths: [b.md]')],
  'on.files.device': [watched('paths: [a.md]'), watched('paths: [a.md], device: desk')],
  'on.files.quiet': [watched('paths: [a.md]'), watched('paths: [a.md], quiet: 9s')],
  'on.files.inputs': [giving('files: { paths: [a.md] }', '2'), giving('files: { paths: [a.md] }', '3')],
  'on.run': [one(say), after('of: other')],
  'on.run.of': [after('of: other'), after('of: [other, more]')],
  'on.run.ends': [after('of: other'), after('of: other, ends: [failed]')],
  'on.run.inputs': [giving('run: { of: other }', '2'), giving('run: { of: other }', '3')],
  'on.webhook.secret': [one(say, 'on: { webhook: { secret: A } }\n'), one(say, 'on: { webhook: { secret: B } }\n')],
  'on.manual': [one(say, 'on: { manual: false }\n'), one(say, 'on: { manual: true }\n')],
  inputs: [one(say), one(say, 'inputs: { n: { type: number } }\n')],
  'inputs.*.type': [
    one(say, 'inputs: { n: { type: number, default: 1 } }\n'),
    one(say, 'inputs: { n: { type: string, default: 1 } }\n'),
  ],
  'inputs.*.default': [
    one("notify: { title: '${{ inputs.n }}' }", 'inputs: { n: { type: number, default: 1 } }\n'),
    one("notify: { title: '${{ inputs.n }}' }", 'inputs: { n: { type: number, default: 2 } }\n'),
  ],
  budget: [budget('usd: 0.5'), budget('usd: 0.5').replace(/budget.*\n/, '')],
  'budget.usd': [budget('usd: 0.5'), budget('usd: 9')],
  'budget.on_exceed': [budget('usd: 0.5, on_exceed: pause'), budget('usd: 0.5, on_exceed: fail')],
  concurrency: [one(say), place('key: a')],
  'concurrency.key': [place('key: a'), place('key: b')],
  'concurrency.limit': [place('key: a'), place('key: a, limit: 2')],
  'concurrency.on_conflict': [place('key: a'), place('key: a, on_conflict: reject')],
  defaults: [one(say), defaulted('attempts: 2')],
  'defaults.timeout': [one(say), one(say, 'defaults: { timeout: 10s }\n')],
  'defaults.retry': [one(say), defaulted('attempts: 2')],
  'defaults.retry.attempts': [defaulted('attempts: 3'), defaulted('attempts: 2')],
  'defaults.retry.backoff': [defaulted('attempts: 3'), defaulted('attempts: 3, backoff: constant')],
  'defaults.retry.initial': [defaulted('attempts: 3'), defaulted('attempts: 3, initial: 5s')],
  'defaults.retry.jitter': [defaulted('attempts: 3'), defaulted('attempts: 3, jitter: false')],
  steps: [one(say), one('wait: { for: 1s }')],
  'steps.*.needs': [two(say, say), two(say, `needs: a, ${say}`)],
  'steps.*.if': [one(say), one(`if: "false", ${say}`)],
  'steps.*.on_error': [one(say), one(`on_error: continue, ${say}`)],
  'steps.*.timeout': [one(say), one(`timeout: 10s, ${say}`)],
  'steps.*.retry': [one(say), retrying('attempts: 2')],
  'steps.*.retry.attempts': [retrying('attempts: 3'), retrying('attempts: 2')],
  'steps.*.retry.backoff': [retrying('attempts: 3'), retrying('attempts: 3, backoff: constant')],
  'steps.*.retry.initial': [retrying('attempts: 3'), retrying('attempts: 3, initial: 5s')],
  'steps.*.retry.jitter': [retrying('attempts: 3'), retrying('attempts: 3, jitter: false')],
  'steps.*.runs-on': [one('notebook: { document: a.md }'), one('runs-on: desk, notebook: { document: a.md }')],
  'steps.*.runs-on.device': [
    one('runs-on: { device: desk }, notebook: { document: a.md }'),
    one('runs-on: { device: box }, notebook: { document: a.md }'),
  ],
  'steps.*.runs-on.requires': [
    one('runs-on: { requires: [gpu] }, notebook: { document: a.md }'),
    one('runs-on: {}, notebook: { document: a.md }'),
  ],
  'steps.*.notebook': [one('notebook: { document: a.md }'), one(say)],
  'steps.*.notebook.document': [one('notebook: { document: a.md }'), one('notebook: { document: b.md }')],
  'steps.*.notebook.session': [one('notebook: { document: a.md }'), one('notebook: { document: a.md, session: s }')],
  'steps.*.cell': [one('cell: { language: js, code: x }'), one(say)],
  'steps.*.cell.language': [one('cell: { language: js, code: x }'), one('cell: { language: python, code: x }')],
  'steps.*.cell.code': [one('cell: { language: js, code: x }'), one('cell: { language: js, code: "${{ 1 }}" }')],
  'steps.*.cell.session': [one('cell: { language: js, code: x }'), one('cell: { language: js, code: x, session: s }')],
  'steps.*.prompt': [prompt('models: [m], user: u'), one(say)],
  'steps.*.prompt.models': [prompt('models: [m], user: u'), prompt('models: [m, n], user: u')],
  'steps.*.prompt.system': [prompt('models: [m], user: u'), prompt('models: [m], user: u, system: "${{ 1 }}"')],
  'steps.*.prompt.user': [prompt('models: [m], user: u'), prompt('models: [m], user: "${{ 1 }}"')],
  'steps.*.prompt.schema': [prompt('models: [m], user: u'), prompt('models: [m], user: u, schema: { type: object }')],
  'steps.*.prompt.max_tokens': [prompt('models: [m], user: u'), prompt('models: [m], user: u, max_tokens: 5')],
  'steps.*.agent': [one('agent: { models: [m], prompt: p, repo: r }'), one(say)],
  'steps.*.agent.models': [
    one('agent: { models: [m], prompt: p, repo: r }'),
    one('agent: { models: [n], prompt: p, repo: r }'),
  ],
  'steps.*.agent.prompt': [
    one('agent: { models: [m], prompt: p, repo: r }'),
    one('agent: { models: [m], prompt: q, repo: r }'),
  ],
  'steps.*.agent.repo': [
    one('agent: { models: [m], prompt: p, repo: r }'),
    one('agent: { models: [m], prompt: p, repo: s }'),
  ],
  'steps.*.http': [http('url: "https://a.example"'), one(say)],
  'steps.*.http.url': [http('url: "https://a.example"'), http('url: "https://a.example/${{ 1 }}"')],
  'steps.*.http.method': [http('url: "https://a.example"'), http('url: "https://a.example", method: POST')],
  'steps.*.http.headers': [
    http('url: "https://a.example"'),
    http('url: "https://a.example", headers: { a: "${{ secrets.B }}" }'),
  ],
  'steps.*.http.body': [
    http('url: "https://a.example", method: POST'),
    http('url: "https://a.example", method: POST, body: { a: "${{ 1 }}" }'),
  ],
  'steps.*.http.accept': [http('url: "https://a.example"'), http('url: "https://a.example", accept: [404]')],
  'steps.*.transform': [one('transform: "1"'), one('transform: "2"')],
  'steps.*.map': [one(`map: { over: [1], steps: { x: { ${say} } } }`), one(say)],
  'steps.*.map.over': [
    one(`map: { over: [1], steps: { x: { ${say} } } }`),
    one(`map: { over: [1, 2], steps: { x: { ${say} } } }`),
  ],
  'steps.*.map.max_parallel': [
    one(`map: { over: [1, 2], steps: { x: { ${say} } } }`),
    one(`map: { over: [1, 2], max_parallel: 1, steps: { x: { ${say} } } }`),
  ],
  'steps.*.map.steps': [
    one(`map: { over: [1], steps: { x: { ${say} } } }`),
    one(`map: { over: [1], steps: { y: { ${say} } } }`),
  ],
  'steps.*.map.output': [
    one(`map: { over: [1], steps: { x: { ${say} } } }`),
    one(`map: { over: [1], steps: { x: { ${say} } }, output: 5 }`),
  ],
  'steps.*.repeat': [one(`repeat: { max: 2, until: "true", steps: { x: { ${say} } } }`), one(say)],
  'steps.*.repeat.until': [
    one(`repeat: { max: 2, until: "true", steps: { x: { ${say} } } }`),
    one(`repeat: { max: 2, until: "round == 2", steps: { x: { ${say} } } }`),
  ],
  'steps.*.repeat.max': [
    one(`repeat: { max: 2, until: "false", steps: { x: { ${say} } } }`),
    one(`repeat: { max: 3, until: "false", steps: { x: { ${say} } } }`),
  ],
  'steps.*.repeat.steps': [
    one(`repeat: { max: 2, until: "true", steps: { x: { ${say} } } }`),
    one(`repeat: { max: 2, until: "true", steps: { y: { ${say} } } }`),
  ],
  'steps.*.repeat.output': [
    one(`repeat: { max: 2, until: "true", steps: { x: { ${say} } } }`),
    one(`repeat: { max: 2, until: "true", steps: { x: { ${say} } }, output: 5 }`),
  ],
  'steps.*.gate': [gate('ask: a, timeout: 1h'), one(say)],
  'steps.*.gate.ask': [gate('ask: a, timeout: 1h'), gate('ask: b, timeout: 1h')],
  'steps.*.gate.show': [gate('ask: a, timeout: 1h'), gate('ask: a, timeout: 1h, show: "${{ 1 }}"')],
  'steps.*.gate.choices': [gate('ask: a, timeout: 1h'), gate('ask: a, timeout: 1h, choices: [x, y]')],
  'steps.*.gate.form': [gate('ask: a, timeout: 1h'), gate('ask: a, timeout: 1h, form: { type: object }')],
  'steps.*.gate.timeout': [gate('ask: a, timeout: 1h'), gate('ask: a, timeout: 2h')],
  'steps.*.gate.on_timeout': [gate('ask: a, timeout: 1h'), gate('ask: a, timeout: 1h, on_timeout: approve')],
  'steps.*.gate.notify': [gate('ask: a, timeout: 1h'), gate('ask: a, timeout: 1h, notify: [push]')],
  'steps.*.wait': [one('wait: { for: 1s }'), one(say)],
  'steps.*.wait.for': [one('wait: { for: 1s }'), one('wait: { for: 2s }')],
  'steps.*.wait.signal': [one('wait: { for: 1s }'), one('wait: { for: 1s, signal: go }')],
  'steps.*.workflow': [one('workflow: { file: child.yaml }'), one(say)],
  'steps.*.workflow.file': [one('workflow: { file: child.yaml }'), one('workflow: { file: other.yaml }')],
  'steps.*.workflow.inputs': [
    one('workflow: { file: child.yaml }'),
    one('workflow: { file: child.yaml, inputs: { n: "${{ 3 }}" } }'),
  ],
  'steps.*.notify': [one(say), one('transform: "1"')],
  'steps.*.notify.title': [one(say), one('notify: { title: b }')],
  'steps.*.notify.text': [one(say), one('notify: { title: a, text: "${{ 1 }}" }')],
  'steps.*.notify.ways': [one(say), one('notify: { title: a, ways: [push] }')],
  'steps.*.publish': [one('publish: { document: a.md }'), one(say)],
  'steps.*.publish.document': [one('publish: { document: a.md }'), one('publish: { document: b.md }')],
  output: [one('transform: "1"'), `${one('transform: "1"')}\noutput: 5`],
}

test('WF70 there is a pair of files for every key of the schema, and for no other', () => {
  assert.deepEqual(Object.keys(pairs).sort(), allKeys(workflowSchema).sort())
})

for (const [key, [a, b]] of Object.entries(pairs))
  test(`WF70 ${key} has an effect`, async () => {
    const [first, second] = [await seen(a), await seen(b)]
    assert.notDeepEqual(first, second)
    for (const one of [first, second] as { problems?: unknown }[])
      assert.ok(one.problems === undefined || ['meshbook', 'inputs.*.type'].includes(key), JSON.stringify(one.problems))
  })
