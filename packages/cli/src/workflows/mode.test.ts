import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explained, type ModeAsked, type ModeKept, resolveMode } from './mode.ts'

const nothing: ModeKept = { account: null, machine: null }
const linked = (mode: ModeKept['machine'], machine: ModeKept['machine'] = null): ModeKept => ({
  account: { hub: 'https://hub.example', mode },
  machine,
})

/** Asked, kept, and then where steps run, who pays, and how many rules were tried for each. */
const table: [string, ModeAsked, ModeKept, string, string, number, number][] = [
  ['nothing is said', {}, nothing, 'local', 'byok', 5, 5],
  ['an account is linked, and changes nothing', {}, linked(null), 'local', 'byok', 5, 5],
  ['the machine keeps cloud', {}, { ...nothing, machine: 'cloud' }, 'cloud', 'byok', 4, 4],
  ['the machine keeps managed', {}, { ...nothing, machine: 'managed' }, 'cloud', 'managed', 4, 4],
  ['the account goes before the machine', {}, linked('cloud', 'local'), 'cloud', 'byok', 3, 3],
  ['an account without one asks the machine', {}, linked(null, 'managed'), 'cloud', 'managed', 4, 4],
  ['--mode goes before the account', { mode: 'local' }, linked('managed', 'managed'), 'local', 'byok', 2, 2],
  ['--mode managed', { mode: 'managed' }, nothing, 'cloud', 'managed', 2, 2],
  ['--mode cloud', { mode: 'cloud' }, linked('managed'), 'cloud', 'byok', 2, 2],
  ['--execution alone answers one', { execution: 'local' }, linked('managed'), 'local', 'managed', 1, 3],
  ['--inference alone answers one', { inference: 'managed' }, nothing, 'local', 'managed', 5, 1],
  ['--execution goes before --mode', { execution: 'local', mode: 'managed' }, nothing, 'local', 'managed', 1, 2],
  ['both flags', { execution: 'cloud', inference: 'byok', mode: 'local' }, linked('managed'), 'cloud', 'byok', 1, 1],
]

for (const [name, asked, kept, execution, inference, triedFirst, triedSecond] of table)
  test(`WF97 ${name}: ${execution} and ${inference}`, () => {
    const mode = resolveMode(asked, kept)
    assert.deepEqual([mode.execution, mode.inference], [execution, inference])
    assert.deepEqual([mode.tried.execution.length, mode.tried.inference.length], [triedFirst, triedSecond])
  })

test('WF97 each rule that was tried is told, in order, up to the one that answers', () => {
  assert.deepEqual(explained(resolveMode({ execution: 'local' }, linked('managed'))), [
    'steps run: local',
    '  --execution: local',
    'models are paid: managed',
    '  --inference: not given',
    '  --mode: not given',
    '  the account at https://hub.example: managed',
  ])
})
