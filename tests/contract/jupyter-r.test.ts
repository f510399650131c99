/** The kernel contract on IRkernel, and its weak moment. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { irkernel } from './jupyter-r.ts'
import { bed, execute, kernelContract, order, outcome, when } from './kernel.ts'

kernelContract(irkernel)

test('ir (Jupyter): an interrupt at any moment ends the run, never the kernel (JK11)', async t => {
  const it = await bed(t, irkernel)
  const session = await it.sessions.start(it.spec)
  await execute(session, irkernel.setVariable)
  for (let delay = 0; delay < 60; delay += 4) {
    const run = await order(session, irkernel.sleep)
    await when(session, run, event => event.type === 'started')
    await sleep(delay)
    await session.cancel(run, 'enough')
    const { last } = await outcome(session, run)
    assert.ok(last.type === 'cancelled' && last.reason === 'enough', JSON.stringify(last))
  }
  assert.equal((await execute(session, irkernel.printVariable)).stdout, '42')
})
