/** Programs of somebody else as agents of real workers (TW40-TW44), with the strict model server. */
import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import type { TaskOrder } from '@meshbook/core/broker.ts'
import { acpTaskArgv, acpTaskFiles } from '../agents/acp-task-repository.ts'
import { git } from '../git-hosts/git-remote.ts'
import type { Script } from '../model-server/script.ts'
import { bubblewrap, type DriverBed, docker } from './driver-beds.ts'
import { WorkerBed } from './worker-bed.ts'

const program = { argv: acpTaskArgv, env: {} }
const asked: Script = ask => ({ say: /answer = 41/.test(JSON.stringify(ask.messages)) ? '42' : 'What?' })

for (const kind of [bubblewrap, docker])
  describe(`agents of others by ${kind.name}`, { skip: kind.skip }, () => {
    let driver: DriverBed | undefined
    const enders: (() => unknown)[] = []
    before(async () => {
      driver = await kind.open({ after: end => void enders.push(end) })
    })
    after(async () => {
      for (const end of enders.reverse()) await end()
    })

    const bed = (t: TestContext, prompt: string, more: { script?: Script; order?: Partial<TaskOrder> } = {}) =>
      WorkerBed.open(t, {
        driver: driver!.driver,
        script: more.script ?? asked,
        files: acpTaskFiles,
        order: { agent: 'acp:test', program, prompt, ...more.order },
      })

    test('TW40, TW41, TW43 it asks its model, edits by ACP, runs the test, and its work is saved', {
      timeout: 120_000,
    }, async t => {
      const worker = await bed(t, 'What is the answer?')
      const id = await worker.start()
      const end = await worker.finished()
      assert.deepEqual([end.outcome, end.summary], ['done', 'pass, exit 0'], JSON.stringify(worker.events, null, 1))
      assert.equal(worker.models.billed.length, 1)
      const [checkpoint] = worker.all('checkpoint')
      assert.deepEqual([checkpoint?.turn, checkpoint?.files, checkpoint?.added], [1, 1, 1])
      const repository = worker.scene.repositories.find(worker.scene.org, worker.order.task)!
      assert.equal(await git(repository.gitDir, 'show', `${worker.order.branch}:answer.js`), 'export const answer = 42')
      assert.deepEqual(
        worker.all('tool-began').map(({ tool }) => tool),
        ['write'],
      )
      assert.doesNotMatch(await worker.stop(id), /the-real-key/)
    })

    test('TW41, TW42 it comes to its model alone, in one wire format, and no further', {
      timeout: 120_000,
    }, async t => {
      const worker = await bed(t, 'look around')
      const id = await worker.start()
      const { summary } = await worker.finished()
      const told = 'socket closed; channel closed; other path 404; other wire 404; user 10002; '
      assert.equal(
        summary.replaceAll(/ENOENT|EACCES/g, 'closed'),
        `${told}status 0000000000000000; key the-broker-has-it`,
      )
      assert.equal(worker.models.asked.length, 0)
      await worker.stop(id)
    })

    // The rest is the program's own, and the same everywhere.
    if (kind !== bubblewrap) return

    test('TW42 at the cap its prompt is ended, and the task says that the budget is used up', {
      timeout: 120_000,
    }, async t => {
      const worker = await bed(t, 'spend', {
        script: ask => (ask.number > 3 ? { fault: 'budget' } : { say: 'There.' }),
      })
      const id = await worker.start()
      const end = await worker.finished()
      assert.deepEqual([end.outcome, end.code], ['failed', 'BUDGET_REACHED'], JSON.stringify(end))
      assert.equal(worker.models.asked.length, 4, 'nothing is asked after the cap')
      await worker.stop(id)
    })

    test('TW44 a worker that replaces another begins it anew, tells it what was said, and says so', {
      timeout: 120_000,
    }, async t => {
      const worker = await bed(t, 'wait')
      const first = await worker.start()
      await worker.until('it waits', () => worker.all('said').length > 0)
      await driver!.kill(first)
      await worker.stop(first, 0)
      const second = await worker.start()
      const end = await worker.finished()
      assert.deepEqual([end.outcome, end.summary], ['done', 'I know that I waited.'], JSON.stringify(worker.events))
      assert.match(worker.all('notice').at(-1)?.text ?? '', /begun anew/)
      await worker.stop(second)
    })

    test('TW43 interrupt cancels its prompt, a message is its next, and stop ends it; its work is saved', {
      timeout: 120_000,
    }, async t => {
      const worker = await bed(t, 'wait')
      const id = await worker.start()
      await worker.until('it waits', () => worker.all('said').length > 0)
      await worker.tell({ type: 'control', action: 'interrupt', by: 'ada' })
      await worker.until('it stands still', () => worker.all('paused').length === 1)
      await worker.tell({ type: 'message', id: 'message-1', by: 'ada', text: 'wait again' })
      await worker.until('it waits again', () => worker.all('said').length > 1)
      await worker.tell({ type: 'control', action: 'stop', by: 'ada' })
      assert.equal((await worker.finished()).outcome, 'stopped')
      const repository = worker.scene.repositories.find(worker.scene.org, worker.order.task)!
      assert.equal(await git(repository.gitDir, 'show', `${worker.order.branch}:half.txt`), 'half')
      await worker.stop(id)
    })

    test('TW40 what the hub does not know any more ends the task with its reason', { timeout: 120_000 }, async t => {
      const worker = await bed(t, 'anything', { order: { program: undefined } })
      const id = await worker.start()
      const end = await worker.finished()
      assert.deepEqual([end.outcome, end.code], ['failed', 'AGENT_UNKNOWN'])
      await worker.stop(id)
    })
  })
