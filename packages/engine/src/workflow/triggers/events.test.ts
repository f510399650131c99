import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { limits } from '@meshbook/core/limits.ts'
import { ExpressionError } from '@meshbook/core/workflow/expression.ts'
import { parseWorkflow } from '@meshbook/core/workflow/parse-workflow.ts'
import type { RunEndTrigger, Workflow } from '@meshbook/core/workflow/workflow-schema.ts'
import fc from 'fast-check'
import { type Changes, eventAt, filesEvent, withChange } from './changed-files.ts'
import { eventInputs } from './event-inputs.ts'
import { type EndedRun, runAfter, runEndEvent } from './run-end.ts'

const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

const ended: EndedRun = {
  run: 'run_00000000000000000000000001' as EndedRun['run'],
  workflow: 'fetch',
  outcome: 'completed',
  endedAt: Date.parse('2026-01-01T00:00:00Z'),
  chain: 0,
}

test('WF105 the end of a run starts another where its name and outcome are meant', () => {
  const after = (on: RunEndTrigger, more: Partial<EndedRun> = {}) =>
    runAfter({ id: 'report', on }, { ...ended, ...more }, digest)
  const first = after({ of: 'fetch' })
  assert.ok(first && 'run' in first && first.chain === 1)
  assert.deepEqual(after({ of: ['clean', 'fetch'] }), first, 'told twice it is the same run')
  assert.equal(after({ of: 'clean' }), null)
  assert.equal(after({ of: 'fetch' }, { outcome: 'failed' }), null)
  assert.ok(after({ of: 'fetch', ends: ['failed'] }, { outcome: 'failed' }))
  assert.equal(after({ of: 'fetch', ends: ['failed'] }), null)
})

test('WF105 runs that start each other by their ends stop', () => {
  let run: EndedRun = ended
  let count = 0
  for (;;) {
    const next = runAfter({ id: 'again', on: { of: 'fetch' } }, run, digest)
    if (!next || !('run' in next)) {
      assert.ok(next && 'refused' in next)
      break
    }
    run = { ...ended, run: next.run, chain: next.chain, endedAt: run.endedAt + 1 }
    count++
  }
  assert.equal(count, limits.runsPerChain)
})

const csv = { paths: ['data/*.csv'], quiet: '5s' }

test('WF106 changes become one event when it has been quiet, or has gone on for too long', () => {
  let changes = withChange(null, { path: 'notes.md', at: 0 }, csv)
  assert.equal(changes, null)
  changes = withChange(changes, { path: 'data/a.csv', at: 1_000 }, csv)
  changes = withChange(changes, { path: 'data/b.csv', at: 3_000 }, csv)
  changes = withChange(changes, { path: 'notes.md', at: 7_000 }, csv)
  changes = withChange(changes, { path: 'data/a.csv', at: 2_000 }, csv)
  assert.equal(eventAt(changes!, csv), 8_000)
  assert.deepEqual([...changes!.paths], ['data/a.csv', 'data/b.csv'])
  for (let at = 4_000; at < 1_000_000; at += 1_000) changes = withChange(changes, { path: 'data/a.csv', at }, csv)
  assert.equal(eventAt(changes!, csv), 1_000 + limits.filesLongestMs)
})

test('WF107 an event names so many paths at most, and is the same run when it is told again', () => {
  let changes: Changes | null = null
  for (let i = 0; i <= limits.pathsPerEvent; i++) changes = withChange(changes, { path: `data/${i}.csv`, at: i }, csv)
  const about = { trigger: 'clean', device: 'desk' }
  const { event, run } = filesEvent(about, changes!, digest)
  assert.deepEqual([event.paths.length, event.more], [limits.pathsPerEvent, true])
  const reversed = { ...changes!, paths: new Set([...changes!.paths].reverse()) }
  assert.equal(filesEvent(about, reversed, digest).run, run)
  assert.notEqual(filesEvent({ ...about, device: 'box' }, changes!, digest).run, run)
  assert.notEqual(filesEvent(about, { ...changes!, lastAt: 5_000 }, digest).run, run)
})

test('WF106 whatever changes, and in whatever order, every path that is meant is in exactly one event', () => {
  const change = fc.record({
    path: fc.constantFrom('data/a.csv', 'data/b.csv', 'x.md', 'data/c/d.csv'),
    after: fc.nat(9_000),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), all => {
      let changes: Changes | null = null
      let at = 0
      const events: { paths: string[]; at: number }[] = []
      const send = (now: number): void => {
        if (!changes || eventAt(changes, csv) > now) return
        events.push({ ...filesEvent({ trigger: 't', device: 'd' }, changes, digest).event, at: changes.lastAt })
        changes = null
      }
      const meant: { path: string; at: number }[] = []
      for (const { path, after } of all) {
        at += after
        send(at)
        changes = withChange(changes, { path, at }, csv)
        if (/^data\/\w\.csv$/.test(path)) meant.push({ path, at })
      }
      send(Number.MAX_SAFE_INTEGER)
      for (const one of meant)
        assert.ok(
          events.some(
            event => event.paths.includes(one.path) && event.at >= one.at && event.at - one.at <= limits.filesLongestMs,
          ),
        )
      assert.ok(events.every(event => event.paths.every(path => meant.some(one => one.path === path))))
    }),
    { numRuns: 300 },
  )
})

const workflow = (on: string, inputs: string): Workflow => {
  const text = `meshbook: workflow/v1\nname: w\non: ${on}\ninputs: ${inputs}\nsteps: { a: { notify: { title: a } } }`
  const parsed = parseWorkflow(text)
  assert.ok(parsed.workflow, JSON.stringify(parsed.problems))
  return parsed.workflow
}

test('WF108 the event gives inputs, with their types; what it has not is an error', () => {
  const issue = workflow(
    "{ webhook: { secret: S, from: github, inputs: { title: '${{ event.body.issue.title }}', number: '${{ event.body.issue.number }}' } } }",
    '{ title: { type: string }, number: { type: integer }, tone: { type: string, default: kind } }',
  )
  const body = { issue: { title: 'It "breaks" ${{ secrets.S }}', number: 7 } }
  assert.deepEqual(eventInputs(issue, 'webhook', { body }), { title: body.issue.title, number: 7, tone: 'kind' })
  assert.throws(() => eventInputs(issue, 'webhook', { body: {} }), ExpressionError)
  assert.throws(
    () => eventInputs(issue, 'webhook', { body: { issue: { title: 1, number: 7 } } }),
    /"title" of w is no string/,
  )
  const after = workflow("{ run: { of: fetch, inputs: { rows: '${{ event.output }}' } } }", '{ rows: { type: list } }')
  assert.deepEqual(eventInputs(after, 'run', runEndEvent(ended, [1, 2])), { rows: [1, 2] })
  assert.deepEqual(eventInputs(workflow('{ manual: true }', '{ n: { type: number, default: 1 } }'), 'files', {}), {
    n: 1,
  })
})
