import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '@meshbook/core/api.ts'
import { hasEnded, type NumberedEvent } from '@meshbook/core/run.ts'
import { eventually } from '../mesh-process.ts'
import { canNetwork } from './can-network.ts'
import { DirectMesh, linesOf, medianDelay } from './direct-mesh.ts'

const options = canNetwork ? {} : { skip: 'no network namespaces here' }
const lines = 30
const oneWayMs = 300
/** Shorter than a hub of these tests takes a device for gone. */
const stallMs = 2_500

/** Every line once and in order in both files, in the document at the hub and in the log. */
async function nothingLost(direct: DirectMesh, run: string): Promise<void> {
  const { phone } = direct.mesh
  await eventually('the run has ended', async () => hasEnded((await phone.ask<Run>({ do: 'run', run })).status))
  const log = await phone.ask<NumberedEvent[]>({ do: 'log', run })
  const printed = log.map(({ event }) => (event.type === 'stdout' ? event.text : '')).join('')
  const expected = printed.trimEnd().split('\n')
  assert.equal(expected.length, lines)
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, i) => i + 1),
  )
  for (const [where, read] of [
    ['laptop', () => direct.onLaptop()],
    ['desk', () => direct.onDesk()],
    ['hub', () => direct.atHub()],
  ] as const) {
    await eventually(`all of it is at the ${where}`, async () => linesOf(await read(), run).length >= lines)
    assert.deepEqual(linesOf(await read(), run), expected, where)
    assert.equal((await read()).split(`output:${run}`).length, 2, `${where}: one block`)
  }
}

test('LAN21 LAN22 the direct path of a desktop and a laptop, then without the hub, then cut', options, async t => {
  const direct = await DirectMesh.open(t, { lan: true, lines })
  const { proxy } = direct.mesh

  await t.test(
    'LAN21 what a run prints reaches the other file over their bridge, sooner than through the hub',
    async t => {
      const bridge = direct.countBridge()
      const before = bridge()
      await proxy.ask({ do: 'fault', router: 'home', fault: { kind: 'latency', ms: oneWayMs } })
      const run = await direct.run()
      const delay = medianDelay(await direct.seenOnLaptop(run, lines, 60_000))
      const bytes = bridge().toLaptop - before.toLaptop
      t.diagnostic(`median from print to the other file: ${delay} ms; ${bytes} bytes over the bridge`)
      assert.ok(delay < 2 * oneWayMs, `${delay} ms`)
      assert.ok(bytes > 2_000, `${bytes} bytes`)
      await proxy.ask({ do: 'fault', router: 'home', fault: { kind: 'latency', ms: 0 } })
      await nothingLost(direct, run)
    },
  )

  await t.test(
    'LAN22 with no way to the hub in mid-run the output still comes, and the log has it all afterwards',
    async t => {
      const run = await direct.run()
      const early = await direct.seenOnLaptop(run, 3, 30_000)
      const from = performance.now()
      await proxy.ask({ do: 'fault', router: 'home', fault: { kind: 'stall', ms: stallMs } })
      const seen = await direct.seenOnLaptop(run, early.size + 5, 20_000)
      const tookMs = performance.now() - from
      t.diagnostic(
        `${seen.size - early.size} lines came ${Math.round(tookMs)} ms after the last way to the hub was gone`,
      )
      assert.ok(tookMs < stallMs, 'while nothing passed the proxy')
      await nothingLost(direct, run)
    },
  )

  await t.test('LAN22 cut in mid-run (packets dropped): no line is lost and none repeated', async () => {
    await direct.connected()
    const run = await direct.run()
    await direct.seenOnLaptop(run, 5, 30_000)
    direct.cut('drop')
    await nothingLost(direct, run)
  })
})

test(
  'LAN4 LAN5 LAN22 the direct path is cut, comes back, and ends when one of the two is revoked',
  options,
  async t => {
    const direct = await DirectMesh.open(t, { lan: true, lines })

    await t.test('LAN22 cut in mid-run (connections reset): no line is lost and none repeated', async () => {
      const run = await direct.run()
      await direct.seenOnLaptop(run, 5, 30_000)
      direct.cut('reject')
      await nothingLost(direct, run)
    })

    await t.test('LAN5 once the two reach each other again they are connected again', async () => {
      await eventually('the cut is noticed', () => direct.standing() === 0)
      direct.mend('reject')
      await direct.connected()
      assert.equal(direct.standing(), 1)
    })

    await t.test('LAN4 a device that is revoked is cut off from the others at once', async t => {
      const laptop = (await direct.devices()).find(({ name }) => name === 'Laptop')!.id
      const from = performance.now()
      await direct.mesh.phone.ask({ do: 'revoke', device: laptop })
      await eventually('the connection is gone', () => direct.standing() === 0)
      const tookMs = performance.now() - from
      t.diagnostic(`gone ${Math.round(tookMs)} ms after it was asked for`)
      assert.ok(tookMs < 900, 'by the word of the hub, not by the end of a grant')
    })
  },
)

test('LAN1 a device that does not want it has no port open, and nobody connects with it', options, async t => {
  const direct = await DirectMesh.open(t, { lan: false, lines })
  const bridge = direct.countBridge()
  const listening = direct.mesh.lab.run('desk', 'sh', '-c', 'cat /proc/net/tcp /proc/net/tcp6')
  const open = listening
    .split('\n')
    .map(row => row.trim().split(/\s+/))
    .filter(([, , , state]) => state === '0A')
    .map(([, local]) => local!.split(':')[0]!)
  assert.ok(open.length > 0, 'its control socket is there')
  assert.deepEqual(
    open.filter(address => !address.endsWith('7F')),
    [],
    'only on loopback',
  )
  const run = await direct.run()
  await nothingLost(direct, run)
  assert.deepEqual(bridge(), { fromLaptop: 0, toLaptop: 0 })
  assert.deepEqual(
    (await direct.devices()).map(({ direct: peers }) => peers),
    [undefined, undefined],
  )
})
