/** Real workers from the order to the end, on each driver of this machine (TW, CP60-CP72). */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { taskUsers } from '@meshbook/hub/compute/task-users.ts'
import { git } from '../git-hosts/git-remote.ts'
import { inOrder } from '../model-server/script.ts'
import type { DriverBed, DriverKind } from './driver-beds.ts'
import { usualLimits, WorkerBed } from './worker-bed.ts'

const shell = (command: string) => ({ calls: [{ tool: 'shell', input: { command } }] })

export function taskWorkerSuite(kind: DriverKind): void {
  describe(`task workers by ${kind.name}`, { skip: kind.skip }, () => {
    let bed: DriverBed | undefined
    const enders: (() => unknown)[] = []
    before(async () => {
      bed = await kind.open({ after: end => void enders.push(end) })
    })
    after(async () => {
      for (const end of enders.reverse()) await end()
    })

    test('TW20, TW30, TW31, TW33 an agent clones, works, is saved after its turn, and ends', {
      timeout: 120_000,
    }, async t => {
      const script = inOrder(
        {
          say: 'I write.',
          calls: [{ tool: 'write', input: { path: 'hello.txt', text: 'hello\n', content: 'hello\n' } }],
        },
        shell('id -u; cat hello.txt; git status --short | head'),
        { say: 'Done.' },
      )
      const begun = performance.now()
      const worker = await WorkerBed.open(t, { driver: bed!.driver, script })
      const opened = performance.now()
      const id = await worker.start()
      const started = performance.now()
      await worker.until('the model is asked', () => worker.models.asked.length > 0)
      const asked = performance.now()
      const end = await worker.finished()
      t.diagnostic(
        `bed ${(opened - begun).toFixed()} start ${(started - opened).toFixed()} first call ${(asked - opened).toFixed()} end ${(performance.now() - opened).toFixed()} ms`,
      )
      assert.equal(end.outcome, 'done', JSON.stringify(worker.events, null, 1))
      const results = worker.all('tool-ended').map(({ content }) => content)
      assert.match(results[1]!, /10002/)
      assert.match(results[1]!, /hello/)
      const [checkpoint] = worker.all('checkpoint')
      assert.deepEqual([checkpoint?.turn, checkpoint?.files, checkpoint?.added], [1, 1, 1])
      const repository = worker.scene.repositories.find(worker.scene.org, worker.order.task)!
      assert.equal(await git(repository.gitDir, 'show', `${worker.order.branch}:hello.txt`), 'hello')
      assert.equal(await git(repository.gitDir, 'rev-parse', worker.order.branch), checkpoint?.commit)
      t.diagnostic(await worker.stop(id))
      assert.deepEqual(await bed!.driver.list(), [])
    })

    test('TW21, TW30 a worker that is killed is replaced: the next goes on from the log and the last checkpoint', {
      timeout: 120_000,
    }, async t => {
      const script = inOrder(
        { calls: [{ tool: 'write', input: { path: 'one.txt', content: 'one\n' } }] },
        shell('sleep 600'),
        shell('cat one.txt'),
        { say: 'Done.' },
      )
      const worker = await WorkerBed.open(t, { driver: bed!.driver, script })
      const first = await worker.start()
      await worker.until('the long command runs', () => worker.all('tool-began').length === 2)
      await bed!.kill(first)
      await worker.stop(first, 0)
      const second = await worker.start()
      const end = await worker.finished()
      assert.equal(end.outcome, 'done')
      const results = worker.all('tool-ended').map(({ content }) => content)
      assert.match(results[1]!, /may have happened/i)
      assert.match(results[2]!, /^one/)
      assert.equal(worker.all('workspace').length, 2)
      assert.equal(worker.all('checkpoint').length, 1)
      await worker.stop(second)
    })

    test('TW21 a channel that is cut again and again loses nothing and doubles nothing', {
      timeout: 120_000,
    }, async t => {
      const turns = Array.from({ length: 6 }, (_, turn) => shell(`for i in $(seq 200); do echo line ${turn} $i; done`))
      const script = inOrder(...turns, { say: 'Done.' })
      const worker = await WorkerBed.open(t, { driver: bed!.driver, script })
      const id = await worker.start()
      const cuts = setInterval(() => worker.cut(), 150)
      t.after(() => clearInterval(cuts))
      const end = await worker.finished().finally(() => clearInterval(cuts))
      assert.equal(end.outcome, 'done')
      const calls = worker.all('tool-ended').map(({ call }) => call)
      assert.equal(calls.length, 6)
      assert.equal(new Set(calls).size, 6)
      for (const [turn, { content }] of worker.all('tool-ended').entries())
        assert.match(content, new RegExp(`line ${turn} 200`))
      await worker.stop(id)
    })

    test('CP67, BS7 a worker that waited begins at once when it has a task', { timeout: 120_000 }, async t => {
      const worker = await WorkerBed.open(t, { driver: bed!.driver, script: () => ({ say: 'Done.' }) })
      const id = await worker.start({ warm: true })
      await sleep(6_000)
      const begun = performance.now()
      worker.serve(id)
      await worker.until('the model is asked', () => worker.models.asked.length > 0)
      t.diagnostic(`a waiting worker asks after ${(performance.now() - begun).toFixed()} ms`)
      assert.equal((await worker.finished()).outcome, 'done')
      await worker.stop(id)
    })

    test('CP64 a checkout that is given is used, whether the worker runs already or not', {
      timeout: 120_000,
    }, async t => {
      const script = inOrder(shell('cat README.md given.txt; git log --format=%s | head -1; echo more > more.txt'), {
        say: 'Done.',
      })
      const worker = await WorkerBed.open(t, { driver: bed!.driver, script })
      const id = await worker.start({ warm: true })
      const room = await bed!.driver.room(id, usualLimits.diskBytes)
      if (room === null) return t.diagnostic('this driver gives no checkouts here')
      const folder = join(room, 'checkout')
      await git(room, 'clone', '-q', worker.scene.url, 'checkout')
      await writeFile(join(folder, 'given.txt'), 'given\n')
      const { uid, gid } = taskUsers.tools
      execFileSync('chown', ['-R', `${uid}:${gid}`, folder])
      assert.equal(await bed!.driver.give(id, { from: 'folder', folder }), true)
      worker.serve(id)
      assert.equal((await worker.finished()).outcome, 'done')
      assert.match(worker.all('tool-ended')[0]!.content, /# Hello\n+given\n+first/)
      assert.equal(worker.all('checkpoint')[0]?.files, 2)
      await worker.stop(id)
      assert.deepEqual(await bed!.driver.list(), [])
    })

    test('TW3, TW22 a worker whose time is over, or whose task is another one’s, ends by itself', {
      timeout: 120_000,
    }, async t => {
      const worker = await WorkerBed.open(t, {
        driver: bed!.driver,
        script: () => shell('sleep 600'),
        limits: { wallMs: 8_000 },
      })
      const late = await worker.start()
      await worker.until('it works', () => worker.all('tool-began').length === 1)
      await worker.until('it has ended', () => false, 1).catch(() => undefined)
      const ended = async (id: string): Promise<boolean> =>
        (await bed!.driver.list()).find(found => found.id === id)?.state === 'ended'
      for (const until = performance.now() + 60_000; !(await ended(late)) && performance.now() < until; )
        await sleep(100)
      assert.ok(await ended(late))
      assert.equal(worker.all('finished').length, 0)
      await worker.stop(late)
      const other = await WorkerBed.open(t, { driver: bed!.driver, script: () => shell('sleep 1; echo again') })
      const refused = await other.start()
      await other.until('it works', () => other.all('tool-began').length === 1)
      other.refuse()
      for (const until = performance.now() + 60_000; !(await ended(refused)) && performance.now() < until; )
        await sleep(100)
      assert.ok(await ended(refused))
      await other.stop(refused)
    })
  })
}
