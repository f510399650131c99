/**
 * Sessions survive their machine: the desktop's plug is pulled, its disk is out, and the
 * phone's next run answers from the laptop with the same variables, though the laptop's libraries are others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canNetwork } from '../network/can-network.ts'
import { SessionsMesh, SessionsScene } from '../network/sessions-mesh.ts'
import { wholeFile } from '../whole-file.ts'

const perRepetitionMs = 600_000
const repetitions = [
  'MV1 the sessions of a desktop without power answer from the laptop, and come home (1 of 3)',
  'MV1 the sessions of a desktop without power answer from the laptop, and come home (2 of 3)',
  'MV1 the sessions of a desktop without power answer from the laptop, and come home (3 of 3)',
]

let made: Promise<SessionsScene> | undefined

/** Each repetition is another morning of the same machines and sessions, whichever of them is run. */
function theScene(): Promise<SessionsScene> {
  made ??= SessionsMesh.open(wholeFile).then(SessionsScene.make)
  return made
}

for (const name of repetitions)
  test(name, { skip: !canNetwork && 'no namespaces here', timeout: perRepetitionMs }, async () => {
    const { answers, wrong, doubleHolders } = await (await theScene()).morning()
    assert.deepEqual(wrong, [])
    assert.equal(doubleHolders, 0)
    assert.equal(answers, 10)
  })
