/**
 * Sessions survive their machine: the desktop's plug is pulled, its disk is out, and the
 * phone's next run answers from the laptop with the same variables, though the laptop's libraries are others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canNetwork } from '../network/can-network.ts'
import { SessionsMesh, sessionsScene } from '../network/sessions-mesh.ts'

const perRepetitionMs = 600_000
const repetitions = [
  'MV1 the sessions of a desktop without power answer from the laptop, and come home (1 of 3)',
  'MV1 the sessions of a desktop without power answer from the laptop, and come home (2 of 3)',
  'MV1 the sessions of a desktop without power answer from the laptop, and come home (3 of 3)',
]

for (const name of repetitions)
  test(name, { skip: !canNetwork && 'no namespaces here', timeout: perRepetitionMs }, async t => {
    const mesh = await SessionsMesh.open(t)
    const { answers, wrong, doubleHolders } = await sessionsScene(mesh)
    assert.deepEqual(wrong, [])
    assert.equal(doubleHolders, 0)
    assert.equal(answers, 10)
  })
