/** Real workers from the order to the end, on each driver of this machine (TW, CP60-CP72). */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { git } from '../git-hosts/git-remote.ts'
import { inOrder } from '../model-server/script.ts'
import type { DriverBed, DriverKind } from './driver-beds.ts'
import { WorkerBed } from './worker-bed.ts'

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
  })
}
