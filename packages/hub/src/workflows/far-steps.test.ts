/** Steps that are done elsewhere: on devices, by agents, by telling people, by publishing (WQ41, WQ43–WQ47). */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import type { Lease } from '@meshbook/core/messages.ts'
import type { MadeWay } from '@meshbook/core/notify-api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { TaskEvent } from '@meshbook/core/task-events.ts'
import type { Task } from '@meshbook/core/tasks-api.ts'
import { startWebhook } from '../../../../tests/notify-servers.ts'
import { atEnd } from '../testing/at-end.ts'
import { checkpoint, commit, ScriptedSandboxes, turnBegan } from '../testing/scripted-tasks.ts'
import { completed, started, stdout, TestDevice } from '../testing/test-device.ts'
import { addTestUser, makeMember } from '../testing/test-user.ts'
import { until } from '../testing/until.ts'
import { type WorkflowScene, workflowScene } from '../testing/workflow-scene.ts'

const at = 1_700_000_000_000
const failed: RunEvent = {
  ...{ type: 'failed', at, durationMs: 1 },
  error: { name: 'ValueError', message: 'bad', traceback: [] },
}
const cancelled: RunEvent = { type: 'cancelled', at, durationMs: 1, reason: 'told' }
const notebook = '---\nsession: lab\n---\n# a\n\n```python\nx = 1\n```\n\n```python\nx + 1\n```\n'

interface Scene extends WorkflowScene {
  device: TestDevice
  sandboxes: ScriptedSandboxes
  cells(): Promise<Run[]>
  /** Takes the next run and says what it comes to. */
  does(...events: RunEvent[]): Promise<Lease>
}

async function scene(t: TestContext): Promise<Scene> {
  const sandboxes = new ScriptedSandboxes()
  const limits = { workerLookMs: 200, noticeLookMs: 50, taskStopMs: 500 }
  const hub = await workflowScene(t, { taskWork: sandboxes.work, limits })
  await hub.document('a.md', notebook)
  const device = new TestDevice('Desk')
  await hub.hub.registerDevice(device.publicKey, 'Desk', 'desktop')
  await device.join(t, hub.hub, [hub.project.id])
  return Object.assign(hub, {
    device,
    sandboxes,
    cells: async () => (await hub.json<{ items: Run[] }>('GET', '/runs')).items.filter(({ kind }) => kind === 'cell'),
    async does(...events: RunEvent[]) {
      const { lease } = await device.next('LEASE')
      await device.emit(lease, 1, [started, ...events])
      return lease
    },
  })
}

test('WQ44 WQ45 a cell runs on a device in the name of whoever began the workflow; the JSON that it showed is its output', async t => {
  const hub = await scene(t)
  const id = await hub.run(
    "  a: { cell: { language: python, session: training, code: 'epoch(${{ 2 + 1 }})' }, runs-on: { device: Desk } }\noutput: '${{ steps.a.output.loss }}'\n",
  )
  const lease = await hub.does(stdout('epoch 3\n{"loss": 0.25}\n'), completed)
  assert.deepEqual(
    [lease.code, lease.sessionName, lease.requestedBy, lease.language],
    ['epoch(3)', 'training', 'me', 'python'],
  )
  await hub.ended(id)
  assert.equal(await hub.output(id), 0.25)
})

test('WQ45 the cells of a notebook run in order, in its session; the first that fails ends the step', async t => {
  const hub = await scene(t)
  const steps = "  a: { notebook: { document: a.md } }\noutput: '${{ steps.a.output }}'\n"
  const id = await hub.run(steps)
  const first = await hub.does(stdout('one\n'), completed)
  assert.deepEqual([first.code, first.sessionName], ['x = 1', 'lab'])
  const second = await hub.does(stdout('2'), completed)
  assert.equal(second.code, 'x + 1')
  await hub.ended(id)
  assert.deepEqual(await hub.output(id), { text: 'one\n2', value: 2, cells: 2, device: 'Desk' })
  const again = await hub.run(steps)
  await hub.does(failed)
  const { error } = await hub.ended(again, 'failed')
  assert.equal(error!.code, 'RUN_FAILED')
  assert.equal((await hub.cells()).length, 3)
  const none = await hub.run('  a: { notebook: { document: b.md } }\n')
  assert.equal((await hub.ended(none, 'failed')).error!.code, 'NOT_FOUND')
})

test('WQ44 WF66 a hub that goes on finds the run that its predecessor began, and it is asked for once', async t => {
  const hub = await scene(t)
  const id = await hub.run("  a: { cell: { language: python, code: 'long()' } }\noutput: '${{ steps.a.output }}'\n")
  const { lease } = await hub.device.next('LEASE')
  await hub.device.emit(lease, 1, [started])
  await hub.restart()
  const { run, fence, session, head } = lease
  const held = { heads: [{ session, head, fence }], runs: [{ run, fence, seq: 1 }] }
  await hub.device.join(t, hub.hub, [hub.project.id], held)
  await hub.device.emit(lease, 2, [stdout('after\n'), completed])
  await hub.ended(id)
  assert.equal(await hub.output(id), 'after')
  assert.equal((await hub.cells()).length, 1)
  const interrupted = (await hub.log(id)).filter(
    one => one.type === 'workflow' && one.event.type === 'attempt-interrupted',
  )
  assert.deepEqual(interrupted, [])
})

test('WQ44 a workflow that is cancelled cancels its run, and so does a time-out; the next attempt is a run of its own', async t => {
  const hub = await scene(t)
  const id = await hub.run("  a: { cell: { language: python, code: 'long()' } }\n")
  const { lease } = await hub.device.next('LEASE')
  await hub.device.emit(lease, 1, [started])
  await hub.json('POST', `/workflow-runs/${id}/cancel`, {})
  const told = await hub.device.next('RUN_CANCEL')
  assert.equal(told.run, lease.run)
  await hub.ended(id, 'cancelled')
  await hub.device.emit(lease, 2, [cancelled])
  const late = await hub.run(
    "  a: { timeout: 1500ms, retry: { attempts: 2, initial: 10ms }, cell: { language: python, code: 'slow()' } }\n",
  )
  const one = (await hub.device.next('LEASE')).lease
  await hub.device.emit(one, 1, [started])
  await hub.device.next('RUN_CANCEL', ({ run }) => run === one.run)
  await hub.device.emit(one, 2, [cancelled])
  const two = (await hub.device.next('LEASE', ({ lease: next }) => next.run !== one.run)).lease
  await hub.device.emit(two, 1, [started, completed])
  await hub.ended(late)
})

test('WQ41 who may not write in a project runs its notebooks, and no other code; keys of the vault are not theirs', async t => {
  const hub = await scene(t)
  const guest = await addTestUser(hub, 'guest')
  await makeMember(hub, guest, ['runner'])
  const begin = async (steps: string) => {
    const text = `meshbook: workflow/v1\nname: demo\nsteps:\n${steps}`
    const body = { project: hub.project.id, file: 'a.yaml', files: { 'a.yaml': text } }
    return (await guest.json<{ id: string }>('POST', '/workflow-runs', body)).id
  }
  const refused = async (id: string) => (await hub.ended(id, 'failed')).error!.code
  assert.equal(await refused(await begin("  a: { cell: { language: python, code: 'steal()' } }\n")), 'FORBIDDEN')
  assert.equal(await refused(await begin('  a: { publish: { document: a.md } }\n')), 'FORBIDDEN')
  await hub.json('PUT', '/keys/TOKEN', { kind: 'secret', value: 'canary-0815' }).catch(() => undefined)
  const asks = "  a: { http: { url: 'https://example.org/', headers: { authorization: '${{ secrets.TOKEN }}' } } }\n"
  assert.equal(await refused(await begin(asks)), 'FORBIDDEN')
  assert.equal((await hub.cells()).length, 0)
})

test('WQ43 notify tells whoever began the run once, by the ways that it names', async t => {
  const hub = await scene(t)
  let secret = ''
  const hook = await startWebhook({ after: (undo: () => unknown) => atEnd(t, undo) }, () => secret)
  const made = await hub.json<MadeWay>('POST', '/push/ways', { kind: 'webhook', url: `${hook.origin}/in` })
  secret = made.secret!
  const id = await hub.run(
    "  a: { notify: { title: 'Done with ${{ run.name }}', text: 'All is well', ways: [push] } }\n  b: { notify: { title: 'Nobody hears', ways: [email] } }\noutput: '${{ steps.a.output.title }}'\n",
  )
  await hub.ended(id)
  assert.equal(await hub.output(id), 'Done with demo')
  await until(() => hook.told.length > 0)
  const { kind, title, text } = hook.told[0]!.body as { kind: string; title: string; text: string }
  assert.deepEqual([kind, title, text], ['workflow', 'Done with demo', 'All is well'])
  assert.ok(!hook.told.some(({ body }) => body.title === 'Nobody hears'))
  const printed = (await hub.log(id)).filter(one => one.type === 'workflow' && one.event.type === 'printed')
  assert.match(JSON.stringify(printed), /nobody was told/)
})

test('WQ46 a step gives a task to an agent once, also over a restart; its end is the output, and cancelling stops it', async t => {
  const hub = await scene(t)
  const steps =
    "  fix: { agent: { models: [claude-sonnet-4-6], repo: 'https://git.example/me/code.git', prompt: 'Mend it' } }\noutput: '${{ steps.fix.output }}'\n"
  const tasks = async () => (await hub.json<{ items: Task[] }>('GET', '/tasks')).items
  const id = await hub.run(steps, { head: 'budget: { usd: 50.00 }' })
  await until(async () => (await tasks()).length === 1)
  await hub.restart()
  const [task] = await tasks()
  const worker = await (await hub.sandboxes.workerOf(task!.id)).join()
  await worker.write(turnBegan, checkpoint, { type: 'finished', outcome: 'done', summary: 'Mended.' } as TaskEvent)
  await hub.ended(id)
  const { task: known, summary, branch, commit: made, pullRequest } = (await hub.output(id)) as Record<string, unknown>
  assert.deepEqual([known, summary, branch, made], [task!.id, 'Mended.', task!.branch, commit])
  assert.ok(pullRequest !== null)
  assert.equal((await tasks()).length, 1)
  const other = await hub.run(steps)
  await until(async () => (await tasks()).length === 2)
  const second = (await tasks()).find(({ id }) => id !== task!.id)!
  const working = await (await hub.sandboxes.workerOf(second.id)).join()
  await hub.json('POST', `/workflow-runs/${other}/cancel`, {})
  await until(() => working.told.some(told => told.type === 'control' && told.action === 'stop'))
  await working.write({ type: 'cancelled', at: 1, durationMs: 1, reason: 'stopped' })
  await hub.ended(other, 'cancelled')
  assert.ok((await tasks()).every(({ endedAt }) => endedAt !== null))
})

test('WQ47 publish makes the document as it is public, in the name of an owner', async t => {
  const hub = await scene(t)
  const id = await hub.run("  a: { publish: { document: a.md } }\noutput: '${{ steps.a.output.url }}'\n")
  await hub.ended(id)
  const url = String(await hub.output(id))
  assert.equal((await fetch(url)).status, 200)
})
