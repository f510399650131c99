import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { HookAnswer } from '@meshbook/core/hooks-api.ts'
import type { Trigger, TriggerOutcome } from '@meshbook/core/workflow/trigger-info.ts'
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { openDocument } from '../testing/open-document.ts'
import { startTestHub, type TestHub } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

const hour = 3_600_000

interface Scene extends TestHub {
  pin(
    on: string,
    more?: { name?: string; inputs?: string; steps?: string; file?: string; kind?: string; enabled?: boolean },
  ): Promise<Trigger>
  trigger(id: string): Promise<Trigger>
  outcomes(id: string): Promise<TriggerOutcome[]>
  runs(id: string): Promise<WorkflowRun[]>
  output(run: string): Promise<unknown>
  ended(run: string): Promise<void>
  deliver(id: string, body: unknown, more?: { secret?: string; at?: number; number?: string }): Promise<Response>
}

async function scene(t: TestContext): Promise<Scene> {
  const hub = await startTestHub(t, { limits: { workflowDueMs: 100, changesGatherMs: 50 } })
  const textOf = (on: string, { name = 'demo', inputs = '', steps = "  a: { transform: '1' }\n" }) =>
    `meshbook: workflow/v1\nname: ${name}\non: ${on}\n${inputs}steps:\n${steps}`
  return Object.assign(hub, {
    pin: (on: string, { file = 'a.yaml', kind, enabled, ...more }: Parameters<Scene['pin']>[1] = {}) =>
      hub.json<Trigger>('POST', '/triggers', {
        ...{ project: hub.project.id, file, files: { [file]: textOf(on, more) }, kind, enabled },
      }),
    trigger: (id: string) => hub.json<Trigger>('GET', `/triggers/${id}`),
    outcomes: async (id: string) =>
      (await hub.json<{ items: TriggerOutcome[] }>('GET', `/triggers/${id}/outcomes`)).items,
    runs: async (id: string) => (await hub.json<{ items: WorkflowRun[] }>('GET', `/triggers/${id}/runs`)).items,
    async output(run: string) {
      const text = await (await hub.api('GET', `/runs/${run}/events`)).text()
      return JSON.parse(/"type":"ended".*?"output":\{"value":(.*?)\}\}/.exec(text)?.[1] ?? 'null')
    },
    ended: (run: string) =>
      until(async () => (await hub.json<WorkflowRun>('GET', `/workflow-runs/${run}`)).endedAt !== null),
    deliver(
      id: string,
      body: unknown,
      { secret = 'swordfish', at = Date.now(), number }: Parameters<Scene['deliver']>[2] = {},
    ) {
      const [text, seconds] = [JSON.stringify(body), Math.floor((at + hub.clock.offsetMs) / 1_000)]
      const signature = createHmac('sha256', secret).update(`${seconds}.${text}`).digest('hex')
      return fetch(`${hub.hub.url}/hooks/${id}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-meshbook-signature': `t=${seconds},v1=${signature}`,
          ...(number && { 'idempotency-key': number }),
        },
        body: text,
      })
    },
  })
}

const answerOf = async (response: Response): Promise<HookAnswer> => {
  assert.equal(response.status, 202)
  return (await response.json()) as HookAnswer
}

const hourly = "{ schedule: { cron: '0 * * * *', missed: all } }"

test('WQ60 the same file is the same trigger, whatever its text becomes; what it was about before is settled', async t => {
  const { pin, trigger, json, project, api } = await scene(t)
  const first = await pin(hourly)
  const { on, name, file, kind, enabled, madeBy, last } = first
  assert.deepEqual(on, { schedule: { cron: '0 * * * *', timezone: 'UTC', missed: 'all' } })
  assert.deepEqual([name, file, kind, enabled, madeBy, last], ['demo', 'a.yaml', 'schedule', true, 'me', null])
  assert.equal(first.nextAt! % hour, 0)
  const again = await pin(hourly, { steps: "  b: { transform: '2' }\n" })
  assert.equal(again.id, first.id)
  assert.notEqual(again.definition, first.definition)
  const off = await json<Trigger>('PATCH', `/triggers/${first.id}`, { enabled: false })
  assert.deepEqual([off.enabled, off.nextAt], [false, null])
  assert.deepEqual((await json<{ items: number[] }>('GET', `/triggers/${first.id}/next`)).items, [])
  assert.equal((await pin(hourly)).enabled, false)
  assert.equal((await pin(hourly, { enabled: true })).enabled, true)
  const { items } = await json<{ items: number[] }>('GET', `/triggers/${first.id}/next?count=3`)
  assert.deepEqual(
    items.map(at => at - items[0]!),
    [0, hour, 2 * hour],
  )
  assert.equal((await json<{ items: Trigger[] }>('GET', `/triggers?project=${project.id}`)).items.length, 1)
  await json('DELETE', `/triggers/${first.id}`)
  assert.equal((await api('GET', `/triggers/${first.id}`)).status, 404)
  await assert.rejects(trigger(first.id))
})

test('WQ61 what is wrong is told before anything is kept', async t => {
  const { pin, json } = await scene(t)
  const two = "{ schedule: { cron: '0 * * * *' }, webhook: { secret: HOOK } }"
  await assert.rejects(pin('{ manual: true }'), /names nothing under/)
  await assert.rejects(pin(two), /say which kind: schedule, webhook/)
  await assert.rejects(pin(two, { kind: 'files' }), /has no files under/)
  await assert.rejects(pin("{ schedule: { cron: 'never' } }"), /a\.yaml:3/)
  assert.deepEqual((await json<{ items: Trigger[] }>('GET', '/triggers')).items, [])
  assert.equal((await pin(two, { kind: 'webhook' })).kind, 'webhook')
})

test('WQ62 WQ64 each time of a schedule starts one run, also after a restart; missed ones are made up for as the file says', async t => {
  const hub = await scene(t)
  const { pin, runs, outcomes, clock, ended } = hub
  const all = await pin(hourly)
  const skip = await pin("{ schedule: { cron: '0 * * * *' } }", { file: 'b.yaml' })
  clock.offsetMs += 3 * hour
  await until(async () => (await runs(all.id)).length === 3)
  const [newest] = await runs(all.id)
  assert.deepEqual([newest!.trigger, newest!.requestedBy], [all.id, 'me (schedule)'])
  await ended(newest!.id)
  await until(async () => (await outcomes(skip.id)).length > 0)
  const minutes = Math.floor((Date.now() % hour) / 60_000)
  // Within five minutes of the hour, its time is not missed.
  if (minutes > 6) {
    const dropped = await outcomes(skip.id)
    assert.deepEqual([dropped.length, dropped[0]!.outcome, dropped[0]!.run], [1, 'dropped', null])
    assert.match(dropped[0]!.reason!, /^times from .*Z to .*Z were missed$/)
  }
  await hub.restart()
  assert.equal((await runs(all.id)).length, 3)
  clock.offsetMs += hour
  await until(async () => (await runs(all.id)).length === 4)
})

test('WQ65 a signed delivery starts one run with its body; the same bytes or number again are the same run', async t => {
  const { pin, json, deliver, runs, output, ended, outcomes, trigger } = await scene(t)
  const hook = "{ webhook: { secret: HOOK, inputs: { n: '${{ event.body.n }}' } } }"
  const made = await pin(hook, {
    inputs: 'inputs: { n: { type: integer } }\noutput: "${{ steps.a.output }}"\n',
    steps: "  a: { transform: 'inputs.n * 2' }\n",
  })
  assert.deepEqual(made.on, { webhook: { from: 'meshbook', secret: 'HOOK', path: `/hooks/${made.id}` } })
  // There is no key of that name yet.
  assert.equal((await deliver(made.id, { n: 1 })).status, 401)
  await json('PUT', '/keys/HOOK', { kind: 'secret', value: 'swordfish' })
  const at = Date.now()
  const first = await answerOf(await deliver(made.id, { n: 21 }, { at, number: 'one' }))
  assert.equal(first.outcome, 'started')
  await ended(first.run!)
  assert.equal(await output(first.run!), 42)
  for (const more of [
    { at, number: 'one' },
    { at, number: 'two' },
    { at: at - 5_000, number: 'one' },
  ])
    assert.deepEqual(await answerOf(await deliver(made.id, { n: 21 }, more)), { outcome: 'repeated', run: first.run })
  const [one, two] = await Promise.all([1, 2].map(() => deliver(made.id, { n: 3 }, { at })))
  const both = [await answerOf(one!), await answerOf(two!)]
  assert.deepEqual(both.map(({ outcome }) => outcome).toSorted(), ['repeated', 'started'])
  assert.equal(both[0]!.run, both[1]!.run)
  assert.equal((await deliver(made.id, { n: 1 }, { secret: 'other' })).status, 401)
  assert.equal((await deliver('trg_01k00000000000000000000000', { n: 1 })).status, 401)
  const old = await answerOf(await deliver(made.id, { n: 4 }, { at: at - hour }))
  assert.deepEqual([old.outcome, old.run], ['ignored', undefined])
  // What has not the inputs is told, and may be sent again.
  const wrong = await answerOf(await deliver(made.id, { m: 1 }, { at }))
  assert.equal(wrong.outcome, 'ignored')
  assert.equal((await answerOf(await deliver(made.id, { m: 1 }, { at }))).outcome, 'ignored')
  await json('PATCH', `/triggers/${made.id}`, { enabled: false })
  const off = await answerOf(await deliver(made.id, { n: 5 }, { at }))
  assert.deepEqual(off, { outcome: 'ignored', reason: 'the trigger is off' })
  assert.equal((await runs(made.id)).length, 2)
  const kinds = (await outcomes(made.id)).map(({ outcome }) => outcome)
  assert.deepEqual(kinds, ['ignored', 'failed', 'failed', 'ignored', 'started', 'started', 'refused'])
  assert.equal((await trigger(made.id)).last!.outcome, 'ignored')
})

test('WQ66 the end of a run starts those that name it, with its output, once, and a chain has an end', async t => {
  const hub = await scene(t)
  const { pin, json, runs, output, ended, project, outcomes } = hub
  const after = (of: string) => `{ run: { of: ${of}, inputs: { n: '\${{ event.output + 1 }}' } } }`
  const add = {
    inputs: 'inputs: { n: { type: integer } }\noutput: "${{ steps.a.output }}"\n',
    steps: "  a: { transform: 'inputs.n' }\n",
  }
  const second = await pin(after('first'), { ...add, name: 'second', file: 'second.yaml' })
  const third = await pin(after('[second, first]'), { ...add, name: 'third', file: 'third.yaml' })
  const failing = await pin('{ run: { of: first, ends: [failed] } }', { name: 'alarm', file: 'alarm.yaml' })
  // They start each other, until there were enough.
  const ping = await pin('{ run: { of: [second, pong] } }', { name: 'ping', file: 'ping.yaml' })
  const pong = await pin('{ run: { of: ping } }', { name: 'pong', file: 'pong.yaml' })
  const text =
    "meshbook: workflow/v1\nname: first\noutput: '${{ steps.a.output }}'\nsteps:\n  a: { transform: '40 + 1' }\n"
  const run = await json<WorkflowRun>('POST', '/workflow-runs', {
    project: project.id,
    file: 'f.yaml',
    files: { 'f.yaml': text },
  })
  assert.equal(run.trigger, null)
  await until(async () => (await runs(third.id)).length === 2)
  const started = [...(await runs(second.id)), ...(await runs(third.id))]
  for (const { id } of started) await ended(id)
  const outputs = await Promise.all(started.map(({ id }) => output(id)))
  assert.deepEqual(outputs.toSorted(), [42, 42, 43])
  await until(async () => {
    const last = [...(await outcomes(ping.id)), ...(await outcomes(pong.id))]
    return last.some(({ outcome }) => outcome === 'refused')
  })
  assert.equal((await runs(ping.id)).length + (await runs(pong.id)).length, 9)
  assert.deepEqual(await outcomes(failing.id), [])
  assert.equal((await runs(second.id)).length, 1)
})

test('WQ67 edits of documents that are meant become one run once they rest; others start none', async t => {
  const hub = await scene(t)
  const { pin, runs, document, output, ended, json } = hub
  const made = await pin(
    "{ files: { paths: ['notes/*.md'], quiet: 400ms, inputs: { paths: '${{ event.paths }}' } } }",
    {
      inputs: 'inputs: { paths: { type: list } }\noutput: "${{ steps.a.output }}"\n',
      steps: "  a: { transform: 'inputs.paths' }\n",
    },
  )
  const onDevice = await pin("{ files: { paths: ['**'], device: laptop, quiet: 100ms } }", { file: 'b.yaml' })
  await document('notes/a.md', 'text')
  await document('other.md', 'text')
  await until(async () => (await runs(made.id)).length === 1)
  const [first] = await runs(made.id)
  await ended(first!.id)
  assert.deepEqual(await output(first!.id), ['notes/a.md'])
  const doc = openDocument(t, hub, 'notes/a.md')
  await until(() => doc.getText('content').length > 0)
  for (const text of ['one ', 'two ', 'three ']) {
    doc.getText('content').insert(0, text)
    await new Promise(done => setTimeout(done, 100))
  }
  await until(async () => (await runs(made.id)).length === 2)
  await new Promise(done => setTimeout(done, 800))
  assert.equal((await runs(made.id)).length, 2)
  assert.deepEqual(await runs(onDevice.id), [])
  assert.deepEqual((await json<Trigger>('GET', `/triggers/${made.id}`)).on.files, {
    ...{ paths: ['notes/*.md'], device: null, quietMs: 400 },
  })
})
