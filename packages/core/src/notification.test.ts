import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { notificationOf } from './notification.ts'
import { filled } from './notify-words.ts'

const message = {
  v: 1,
  id: 'n1',
  kind: 'gate',
  title: 'Send it?',
  text: 'report.md asks for a decision',
  tag: 'gate-1',
  url: '/m/gates/1',
  at: 1,
  receipt: 'r'.repeat(43),
}

test('NT11 a message is shown with what it says', () => {
  assert.deepEqual(notificationOf(JSON.stringify(message)), {
    title: 'Send it?',
    options: {
      body: 'report.md asks for a decision',
      tag: 'gate-1',
      renotify: true,
      data: { id: 'n1', url: '/m/gates/1', receipt: 'r'.repeat(43), over: false },
    },
  })
  const { renotify, data } = notificationOf({ ...message, kind: 'over' }).options
  assert.deepEqual([renotify, data.over], [false, true])
})

test('NT11 whatever comes, something is shown, and nothing is thrown', () => {
  const throwing = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no')
      },
    },
  )
  for (const garbage of [
    undefined,
    null,
    '',
    '{',
    '[]',
    'null',
    '"text"',
    5,
    Number.NaN,
    Symbol('x'),
    () => 1,
    throwing,
    { title: '', text: '\u200b\n' },
    { title: 5, text: {} },
  ]) {
    const { title, options } = notificationOf(garbage)
    assert.deepEqual([title, options.body], ['Something changed in Meshbook', 'Open Meshbook to see what.'])
    assert.equal(options.data.url, '/m/')
  }
  fc.assert(
    fc.property(fc.anything(), fc.json(), (value, json) => {
      for (const data of [value, json, JSON.stringify(value)]) {
        const { title, options } = notificationOf(data)
        assert.ok(title.trim().length > 0 && options.body.trim().length > 0)
        assert.ok(!options.renotify || options.tag !== '', 'renotify without a tag is refused by browsers')
      }
    }),
    { numRuns: 2_000, seed: 6 },
  )
})

test('NT11 a press leads to a page of this origin, whatever the message says', () => {
  const origin = 'https://mesh.example'
  const leads = (url: unknown): string => new URL(notificationOf({ ...message, url }).options.data.url, origin).origin
  for (const url of [
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    ' //evil.example',
    '',
    7,
    null,
  ])
    assert.equal(leads(url), origin, String(url))
  assert.equal(notificationOf({ ...message, url: '/m/runs/a?b#c' }).options.data.url, '/m/runs/a?b#c')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), rest => leads(`/${rest}`) === origin && leads(rest) === origin),
    {
      numRuns: 1_000,
      seed: 7,
    },
  )
})

test('NT11 the words of a message cannot be empty, hold no control characters and no half characters', () => {
  assert.equal(filled('', 'Meshbook', 10), 'Meshbook')
  assert.equal(filled(' \u0000\u200b\u202e\r\n ', 'Meshbook', 10), 'Meshbook')
  assert.equal(filled('a\u0007b\u202ec', 'Meshbook', 10), 'a b c')
  assert.equal(filled('🎈'.repeat(9), 'Meshbook', 5), '🎈🎈🎈🎈…')
  assert.equal(filled('exactly', 'Meshbook', 7), 'exactly')
})

test('NT11 what the worker carries for it is at most 1 KB, and imports nothing', async () => {
  const text = await readFile(new URL('./notification.ts', import.meta.url), 'utf8')
  const code = stripTypeScriptTypes(text)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s+/g, ' ')
  assert.doesNotMatch(code, /\bimport\b/)
  assert.ok(code.length <= 1_024, `${code.length} bytes; ${gzipSync(code).length} compressed`)
})
