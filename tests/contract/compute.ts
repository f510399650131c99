/**
 * What everything that makes workers must do (CP1–CP5). A worker of the suite writes `ready`, and on being asked to end
 * writes `bye` and does; one that is `stubborn` does not.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import { newId, systemRandom, type WorkerId } from '@meshbook/core/ids.ts'
import type { ComputeDriver, FoundWorker, WorkerSpec } from '@meshbook/hub/compute/port.ts'

export interface ComputeUnderTest<Spec extends { id: WorkerId } = WorkerSpec> {
  driver: ComputeDriver<Spec>
  /** On the same engine, for another hub. */
  ofAnotherHub: ComputeDriver<Spec>
  /** One that begins workers that do not end when they are asked to. */
  stubborn: ComputeDriver<Spec>
  /** Where nothing can be started yet, though the engine answers. */
  unready: ComputeDriver<Spec>
  /** Where no engine answers. */
  silent: ComputeDriver<Spec>
  /** An order for another worker. */
  spec(): Promise<Spec>
  /** What it writes last cannot be had. */
  isMute?: boolean
  /** It has written `ready`. */
  ready(id: WorkerId): Promise<boolean>
  /** Ends it as if it had failed by itself. */
  kill(id: WorkerId): Promise<void>
  /** What the engine still has of any worker: containers, volumes. */
  leftovers(): Promise<string[]>
}

export const sessionSpec = async (): Promise<WorkerSpec> => ({
  id: newId('worker', Date.now(), systemRandom),
  token: 'mw_once',
  restores: false,
  limits: { memoryBytes: 64 * 1024 ** 2, cpus: 0.5, processes: 64 },
})

export async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 20_000; !(await look()); await sleep(50))
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`)
}

export function computeContract<Spec extends { id: WorkerId }>(
  name: string,
  make: (t: TestContext) => Promise<ComputeUnderTest<Spec>>,
  skip: string | false,
): void {
  const opt = { skip, timeout: 120_000 }
  const stateOf = async (driver: ComputeDriver<Spec>, id: WorkerId): Promise<FoundWorker['state'] | undefined> =>
    (await driver.list()).find(worker => worker.id === id)?.state

  describe(`workers by ${name}`, () => {
    test(
      `CP1 ${name}: the same order again, at once or later, makes no second worker and gives none a second life`,
      opt,
      async t => {
        const { driver, kill, spec } = await make(t)
        const order = await spec()
        await Promise.all([driver.start(order), driver.start(order), driver.start(order)])
        await driver.start(order)
        assert.deepEqual(await driver.list(), [{ id: order.id, state: 'running' }])
        await kill(order.id)
        await until('it has ended', async () => (await stateOf(driver, order.id)) === 'ended')
        await driver.start(order)
        assert.equal(await stateOf(driver, order.id), 'ended')
        await driver.stop(order.id, 1_000)
      },
    )

    test(
      `CP2 ${name}: a worker is asked to end first, and nothing is left of it; one that is not there is stopped`,
      opt,
      async t => {
        const { driver, leftovers, spec, ready, isMute = false } = await make(t)
        const order = await spec()
        await driver.start(order)
        await until('it is ready', () => ready(order.id))
        const [first, second] = await Promise.all([driver.stop(order.id, 10_000), driver.stop(order.id, 10_000)])
        if (!isMute) assert.match(first.said + second.said, /bye/)
        assert.deepEqual(await driver.list(), [])
        assert.deepEqual(await leftovers(), [])
        assert.deepEqual(await driver.stop(order.id, 10_000), { said: '' })
      },
    )

    test(`CP2 ${name}: one that does not end is ended by force, in the time that was given`, opt, async t => {
      const { stubborn, leftovers, spec, ready } = await make(t)
      const order = await spec()
      await stubborn.start(order)
      await until('it is ready', () => ready(order.id))
      const begun = performance.now()
      await stubborn.stop(order.id, 1_000)
      const took = performance.now() - begun
      assert.ok(took >= 900 && took < 15_000, `${took} ms`)
      assert.deepEqual(await leftovers(), [])
    })

    test(`CP3 ${name}: each hub sees its own workers, ended ones too, and no other's`, opt, async t => {
      const { driver, ofAnotherHub, kill, spec } = await make(t)
      const [mine, ended, other] = [await spec(), await spec(), await spec()]
      await Promise.all([driver.start(mine), driver.start(ended), ofAnotherHub.start(other)])
      await kill(ended.id)
      await until('one has ended', async () => (await stateOf(driver, ended.id)) === 'ended')
      const seen = (await driver.list()).sort((a, b) => a.id.localeCompare(b.id))
      const wanted = [
        { id: mine.id, state: 'running' },
        { id: ended.id, state: 'ended' },
      ].sort((a, b) => a.id.localeCompare(b.id))
      assert.deepEqual(seen, wanted)
      assert.deepEqual(await ofAnotherHub.list(), [{ id: other.id, state: 'running' }])
      for (const { id } of [mine, ended]) await driver.stop(id, 1_000)
      await ofAnotherHub.stop(other.id, 1_000)
    })

    test(`CP4 ${name}: says which languages there are, or what is missing and what to do`, opt, async t => {
      const { driver, unready, spec } = await make(t)
      const described = await driver.describe()
      assert.ok(described.ready)
      assert.ok(described.languages.length > 0)
      const missing = await unready.describe()
      assert.ok(!missing.ready && missing.problem.length > 10 && missing.fix.length > 10)
      await assert.rejects(unready.start(await spec()), isUnavailable)
    })

    test(`CP5 ${name}: where nothing answers, every call says so`, opt, async t => {
      const { silent, spec } = await make(t)
      const order = await spec()
      const calls = [silent.describe(), silent.list(), silent.start(order), silent.stop(order.id, 10)]
      for (const call of calls) call.catch(() => undefined)
      for (const call of calls) await assert.rejects(call, isUnavailable)
    })
  })
}

export const isUnavailable = (error: unknown): boolean =>
  error instanceof MeshError && error.code === 'COMPUTE_UNAVAILABLE'
