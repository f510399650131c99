import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beginsSequence, chordsOf, commandOf, keysOf, type PressedKey, shortcuts } from './shortcuts.ts'

const press = (key: string, held: Partial<PressedKey> = {}): PressedKey => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...held,
})

test('NB1 no two commands share keys in one mode, and none begins with another in the same mode', () => {
  const seen = new Map<string, string>()
  for (const [id, { keys, mode }] of Object.entries(shortcuts))
    for (const key of keys)
      for (const other of mode === 'page' ? ['item', 'editor'] : [mode === 'body' ? 'item' : mode]) {
        assert.equal(seen.get(`${other} ${key}`), undefined, `${id} and ${seen.get(`${other} ${key}`)} share ${key}`)
        seen.set(`${other} ${key}`, id)
      }
  for (const key of ['D', '0']) assert.ok(beginsSequence(key) && !seen.has(`item ${key}`))
})

test('NB1 a pressed key finds its command by the table alone, on every keyboard', () => {
  assert.equal(commandOf(press('Enter', { shiftKey: true }), undefined, 'item'), 'run-advance')
  assert.equal(commandOf(press('f', { ctrlKey: true }), undefined, 'elsewhere'), 'find')
  assert.equal(commandOf(press('f', { metaKey: true }), undefined, 'elsewhere'), 'find')
  assert.equal(commandOf(press('C', { ctrlKey: true, shiftKey: true }), undefined, 'elsewhere'), 'interrupt')
  assert.equal(commandOf(press('C', { metaKey: true, shiftKey: true }), undefined, 'item'), undefined)
  assert.equal(commandOf(press('J', { shiftKey: true }), undefined, 'item'), 'move-down')
  assert.equal(commandOf(press('j'), undefined, 'item'), 'next')
  assert.deepEqual(chordsOf(press('z', { ctrlKey: true, shiftKey: true })), ['Mod Shift Z', 'Ctrl Shift Z'])
})

test('NB2 a letter outside of an item is no command, and a sequence needs both of its keys', () => {
  assert.equal(commandOf(press('a'), undefined, 'elsewhere'), undefined)
  assert.equal(commandOf(press('Z'), undefined, 'elsewhere'), undefined)
  assert.equal(commandOf(press('z', { ctrlKey: true }), undefined, 'elsewhere'), 'undo')
  assert.equal(commandOf(press('z', { ctrlKey: true }), undefined, 'writing'), undefined)
  assert.equal(commandOf(press('a', { ctrlKey: true }), undefined, 'elsewhere'), undefined)
  assert.equal(commandOf(press('d'), undefined, 'item'), undefined)
  assert.equal(commandOf(press('d'), 'D', 'item'), 'delete')
  assert.equal(commandOf(press('0'), '0', 'item'), 'restart')
  assert.equal(commandOf(press('d'), '0', 'item'), undefined)
  assert.equal(beginsSequence('Shift'), false)
})

test('NB1 what is shown is what is obeyed', () => {
  assert.equal(keysOf('undo'), 'Z / Mod Z')
  assert.equal(keysOf('no-such'), undefined)
})
