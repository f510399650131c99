import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { DeviceProject } from '@meshbook/core/messages.ts'
import { normalPath } from '@meshbook/core/tree.ts'
import fc from 'fast-check'
import { folderNames, usableName } from './folder-name.ts'

const project = (name: string, owner = 'me', shared = false): DeviceProject => ({
  id: newId('project', 1, systemRandom),
  tree: newId('document', 1, systemRandom),
  name,
  owner,
  ...(shared && { shared: true as const }),
})

test('DV101 a folder is called as its project; a shared one leaves the name to an own one, in any case', () => {
  const [own, theirs] = [project('Thesis'), project('thesis', 'ada', true)]
  assert.deepEqual(folderNames(own, [own, theirs]).slice(0, 3), ['Thesis', 'me-Thesis', 'me-Thesis 2'])
  assert.deepEqual(folderNames(theirs, [own, theirs]).slice(0, 2), ['ada-thesis', 'ada-thesis 2'])
  assert.deepEqual(folderNames(theirs, [theirs]).slice(0, 2), ['thesis', 'ada-thesis'])
})

test('DV101 what not every machine can hold of a name is replaced, and no name leads out of the folder (S11)', () => {
  const names = [
    'CON',
    'nul.txt',
    'a/b',
    '../x',
    '..',
    '.git',
    'end.',
    'end ',
    'a:b*?',
    'tab\tx',
    '',
    'Übung 1',
    'x'.repeat(500),
  ]
  const made = names.map(usableName)
  assert.deepEqual(made.slice(0, 12), [
    '_CON',
    '_nul.txt',
    'a_b',
    '__x',
    '_',
    '_git',
    'end_',
    'end',
    'a_b__',
    'tab_x',
    '_',
    'Übung 1',
  ])
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
      const name = usableName(text)
      assert.ok(normalPath(name) === name && !name.includes('/') && !name.startsWith('.'), JSON.stringify([text, name]))
    }),
  )
})
