/** The keys that docs/notebook.md names are those that the notebook obeys. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { shortcuts } from '@meshbook/web/notebook/shortcuts.ts'

test('NB1 the page about the notebook lists every shortcut, and no other', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/notebook.md'), 'utf8')
  const listed = [...text.matchAll(/^\| (`[^|]+) \|/gm)].map(([, keys]) => keys)
  const known = Object.values(shortcuts).map(({ keys }) => keys.map(key => `\`${key}\``).join(' or '))
  assert.deepEqual(listed, known)
})
