/** The workflows of docs/workflows.md and of docs/examples are valid, and run to their end. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseWorkflow, problemText } from '@meshbook/core/workflow/parse-workflow.ts'
import { type Json, stepKinds, type TriggerKind, triggerKinds } from '@meshbook/core/workflow/workflow-schema.ts'
import { foldWorkflow } from '@meshbook/core/workflow/workflow-state.ts'
import { openGates } from '@meshbook/engine/workflow/hear.ts'
import { StepFailure } from '@meshbook/engine/workflow/ports.ts'
import type { RunResult } from '@meshbook/engine/workflow/run-workflow.ts'
import { type Behaviour, Crash, WorkflowWorld, workflowOf } from '@meshbook/engine/workflow/testing/workflow-world.ts'
import { eventInputs } from '@meshbook/engine/workflow/triggers/event-inputs.ts'
import { read } from './source-files.ts'

const docs = read('docs/workflows.md')
const examples = Array.from(docs.matchAll(/^```yaml\n(meshbook: workflow\/v1\n[\s\S]*?)^```$/gm), ([, text]) => text!)

const behaviour: Behaviour = async ({ kind, input }) => {
  if (kind === 'http') return { output: { status: 200, type: 'application/json', body: { rows: 3 } } }
  return { output: kind === 'prompt' ? { risk: 9 } : input }
}

async function outputOf(text: string): Promise<unknown> {
  const world = new WorkflowWorld({
    files: { 'example.yaml': text },
    behaviour,
    estimate: kind => (kind === 'prompt' ? 1_000 : null),
  })
  let result = await world.start()
  for (const { gate } of openGates(foldWorkflow(world.log).root, ''))
    world.send({
      type: 'decide',
      gate: gate.gate,
      digest: gate.digest,
      verdict: 'approved',
      by: 'you',
      choice: null,
      form: null,
      comment: null,
    })
  if (result.status === 'waits') result = await world.resume()
  const { ended } = result.state
  assert.equal(ended?.outcome, 'completed', JSON.stringify(ended?.error))
  return ended?.output && 'value' in ended.output ? ended.output.value : undefined
}

test('the workflows of docs/workflows.md run to their end', async () => {
  assert.equal(examples.length, 2)
  assert.equal(await outputOf(examples[0]!), '2 greeted')
  const { done, tell } = (await outputOf(examples[1]!)) as { done: unknown; tell: unknown }
  assert.deepEqual([done, tell], [{ title: 'Reviewed eu' }, undefined])
})

test('what docs/workflows.md shows of "on" is valid, and every kind of it stands in its table', () => {
  const [, on] = /^```yaml\n(on:\n[\s\S]*?)^```$/m.exec(docs)!
  const inputs =
    'number: { type: integer, default: 0 }, files: { type: list, default: [] }, rows: { type: list, default: [] }'
  const { workflow, problems } = parseWorkflow(
    `meshbook: workflow/v1\nname: w\n${on}inputs: { ${inputs} }\nsteps: { a: { wait: { for: 1s } } }`,
  )
  assert.deepEqual(problems, undefined)
  assert.deepEqual(Object.keys(workflow!.on!).sort(), [...triggerKinds].sort())
  for (const kind of triggerKinds) assert.match(docs, new RegExp(`^\\| \`${kind}\` \\|`, 'm'))
})

test('docs/workflows.md names every kind of step', () => {
  for (const kind of stepKinds) assert.ok(docs.includes(`\`${kind}\``), kind)
})

const folder = 'docs/examples/workflows'
const files = readdirSync(join(import.meta.dirname, '../..', folder))

test('each example says what it does, how it is started and what it needs, is valid, and stands in docs/workflows.md', () => {
  assert.equal(files.length, 7)
  for (const file of files) {
    const text = read(`${folder}/${file}`)
    assert.match(
      text,
      /^# [A-Z][\s\S]*?\n# Start it: {4}\S[\s\S]*?\n# It needs: {4}\S[^\n]*\nmeshbook: workflow\/v1\n/,
      file,
    )
    const { workflow, problems } = parseWorkflow(text)
    assert.ok(workflow, `${file}: ${problems?.map(problemText).join('\n')}`)
    assert.equal(file, `${workflow.name}.workflow.yaml`)
    for (const [, named] of text.matchAll(/([\w-]+\.workflow\.yaml)/g))
      assert.ok(files.includes(named!), `${file}: ${named}`)
    assert.ok(docs.includes(`(examples/workflows/${file})`), file)
  }
})

interface Played {
  outcome: string | undefined
  output: unknown
  /** Paths of the steps that were executed, in order. */
  did: string[]
  world: WorkflowWorld
}

/** From what starts it, with what its steps would answer; gates are approved. */
async function play(
  name: string,
  start: { kind: TriggerKind; event: Json } | { inputs: { [name: string]: Json } },
  answers: Behaviour,
  verdict: 'approved' | 'rejected' = 'approved',
  crashAfter = Number.POSITIVE_INFINITY,
): Promise<Played> {
  const all = [name, ...files.filter(file => file !== name)]
  const world = new WorkflowWorld({
    files: Object.fromEntries(all.map(file => [file, read(`${folder}/${file}`)])),
    behaviour: answers,
    estimate: kind => (kind === 'prompt' ? 1_000 : null),
  })
  const workflow = workflowOf(read(`${folder}/${name}`))
  const inputs = 'inputs' in start ? start.inputs : eventInputs(workflow, start.kind, start.event)
  world.crashAfter = crashAfter
  const survive = async (act: () => Promise<RunResult>): Promise<RunResult> => {
    try {
      return await act()
    } catch (thrown) {
      if (!(thrown instanceof Crash)) throw thrown
      world.crashAfter = Number.POSITIVE_INFINITY
      return world.log.length > 0 ? world.resume() : world.start(inputs)
    }
  }
  let result = await survive(() => world.start(inputs))
  while (result.status === 'waits') {
    for (const { gate } of openGates(foldWorkflow(world.log).root, ''))
      world.send({
        type: 'decide',
        gate: gate.gate,
        digest: gate.digest,
        verdict,
        by: 'you',
        choice: null,
        form: null,
        comment: null,
      })
    result = await survive(() => world.resume())
  }
  const { ended } = result.state
  return {
    outcome: ended?.outcome,
    output: ended?.output && 'value' in ended.output ? ended.output.value : undefined,
    did: world.executions.map(({ path }) => path),
    world,
  }
}

test('nightly-report: what is harmless is published, what is not waits for somebody', async () => {
  const night = { kind: 'schedule', event: { at: '2026-01-05T01:15:00.000Z' } } as const
  const risky =
    (risk: number): Behaviour =>
    async ({ kind, input }) => ({
      output: kind === 'prompt' ? { summary: 'Sales fell', risk } : input,
    })
  const quiet = await play('nightly-report.workflow.yaml', night, risky(2))
  assert.deepEqual([quiet.outcome, quiet.output], ['completed', { risk: 2, summary: 'Sales fell' }])
  assert.deepEqual(quiet.did, ['compute', 'read', 'publish', 'tell'])
  const bad = await play('nightly-report.workflow.yaml', night, risky(8), 'rejected')
  assert.deepEqual(bad.did, ['compute', 'read'])
})

test('fix-issue: what the agent did is handed over once somebody has seen it; other labels start nothing', async () => {
  const issue = (label: string) =>
    ({
      kind: 'webhook',
      event: {
        body: {
          action: 'labeled',
          label: { name: label },
          issue: { title: 'It breaks', body: null },
          repository: { clone_url: 'https://git.example/a.git', url: 'https://api.git.example/repos/a/a' },
        },
      },
    }) as const
  const works: Behaviour = async ({ input }) => ({ output: input })
  const done = await play('fix-issue.workflow.yaml', issue('agent'), works)
  assert.deepEqual([done.outcome, done.did], ['completed', ['fix', 'hand-over']])
  assert.equal((done.world.executions[1]!.input as { url: string }).url, 'https://api.git.example/repos/a/a/dispatches')
  assert.deepEqual((await play('fix-issue.workflow.yaml', issue('agent'), works, 'rejected')).did, ['fix'])
  const other = await play('fix-issue.workflow.yaml', issue('wontfix'), works)
  assert.deepEqual([other.outcome, other.did], ['completed', []])
  const fails: Behaviour = async ({ kind, input }) => {
    if (kind === 'agent') throw new StepFailure('INTERNAL', 'out of ideas', { known: true, mayRetry: false })
    return { output: input }
  }
  const sorry = await play('fix-issue.workflow.yaml', issue('agent'), fails)
  assert.deepEqual([sorry.outcome, sorry.did], ['completed', ['fix', 'sorry']])
})

test('train: killed at any event it goes on with the epoch that had not ended, and repeats none', async () => {
  const answers =
    (trained: number[]): Behaviour =>
    async ({ path, input }) => {
      if (!/^train\[\d+\]\.epoch$/.test(path)) return { output: input }
      const number = Number(/number=(\d+)/.exec((input as { code: string }).code)![1])
      trained.push(number)
      return { output: { loss: 0.25 / number } }
    }
  const whole = await play('train.workflow.yaml', { inputs: {} }, answers([]))
  assert.deepEqual([whole.outcome, whole.output], ['completed', { loss: 0.25 / 6, epochs: 6 }])
  assert.deepEqual(whole.did.slice(-2), ['evaluate', 'publish'])
  for (let crashAfter = 0; crashAfter < whole.world.log.length; crashAfter += 3) {
    const trained: number[] = []
    const { outcome, output, world } = await play(
      'train.workflow.yaml',
      { inputs: {} },
      answers(trained),
      'approved',
      crashAfter,
    )
    assert.deepEqual([outcome, output], ['completed', whole.output], `after ${crashAfter}`)
    // The one in whose middle it was killed may be begun again; what had ended is not.
    assert.ok(trained.length <= 7 && new Set(trained).size === 6, `after ${crashAfter}: ${trained}`)
    assert.equal(world.events.filter(({ type }) => type === 'began').length, 1)
  }
})
