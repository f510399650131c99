import './world/take-over.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KernelMachine } from './runs/kernel-machine.ts'
import { manyWorlds } from './runs/many-worlds.ts'
import { simulateRuns } from './runs/simulate-runs.ts'
import { HubHost } from './world/hub-host.ts'

test('NW24 the same seed makes the same world with runs', async () => {
  const [first, second] = [await simulateRuns(5), await simulateRuns(5)]
  assert.deepEqual(second, first)
  assert.ok(first.runs > 0)
})

test('NW20 NW21 NW22 NW24 in 500 random partitions every run is started once and ends once, and no line is lost or repeated (I4, I5)', async t => {
  const { failed, ends, worlds, partitions } = await manyWorlds({ from: 0, partitions: 500, workers: 2 })
  t.diagnostic(`${partitions} partitions in ${worlds} worlds: ${JSON.stringify(ends)}`)
  assert.deepEqual(failed, [])
  assert.ok(ends.completed! > 100)
})

/** Whether one of the first worlds finds what was made wrong, in the way that it must. */
async function finds(kind: string, seeds: number): Promise<boolean> {
  for (let seed = 0; seed < seeds; seed++)
    if ((await simulateRuns(seed)).failures.some(failure => failure.startsWith(kind))) return true
  return false
}

test('NW24 a device that does not find its kernels after a restart, and kernels that begin a known run again, are found', async t => {
  const { execute, list } = KernelMachine.prototype
  t.after(() => {
    Object.assign(KernelMachine.prototype, { execute, list })
  })
  KernelMachine.prototype.list = () => []
  KernelMachine.prototype.execute = function (session, order) {
    session.runs.delete(order.run)
    execute.call(this, session, order)
  }
  assert.ok(await finds('STARTS', 60))
})

test('NW24 a hub that shows a viewer the same part of a log again is found', async t => {
  const { start } = HubHost.prototype
  t.after(() => {
    HubHost.prototype.start = start
  })
  HubHost.prototype.start = async function () {
    await start.call(this)
    const timer = setInterval(() => {
      const { parts } = this
      if (!parts) return
      clearInterval(timer)
      const query = parts.store.query.bind(parts.store) as (name: string, args: { after?: number }) => Promise<unknown>
      const again = (name: string, args: { after?: number }) =>
        query(name, name === 'readEvents' ? { ...args, after: Math.max(0, args.after! - 1) } : args)
      Object.assign(parts.store, { query: again })
      // Every viewer reads the log, also one that could be told from memory.
      const grew = parts.feeds.grew.bind(parts.feeds)
      parts.feeds.grew = (org, run) => grew(org, run)
    }, 1)
  }
  assert.ok(await finds('', 3))
})
