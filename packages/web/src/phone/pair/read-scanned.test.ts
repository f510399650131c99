import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readScanned, readTyped } from './read-scanned.ts'
import { scan } from './scan.ts'

const origin = 'https://mesh.example'

test('PH60 a code of this hub is taken, one of another is named, and everything else before the camera is nothing', () => {
  assert.deepEqual(readScanned(`${origin}/pair#v1.K7Q2M9XD`, origin), { is: 'code', value: 'K7Q2M9XD' })
  assert.deepEqual(readScanned(`${origin}/pair#d1.K7Q2M9XD`, origin), { is: 'grant', value: 'K7Q2M9XD' })
  const other = 'https://other.example/pair#v1.K7Q2M9XD'
  assert.deepEqual(readScanned(other, origin), { is: 'elsewhere', url: other, host: 'other.example' })
  const nothing = [
    'javascript:alert(1)//pair#v1.K7Q2M9XD',
    'http://other.example/pair#v1.K7Q2M9XD',
    'https://mesh.example@evil.example/pair#v1.K7Q2M9XD',
    `${origin}/signin#v1.K7Q2M9XD`,
    `${origin}/pair#r1.abcd`,
    'WIFI:S:net;P:secret;;',
    'K7Q2M9XD',
    '',
  ]
  for (const text of nothing) assert.equal(readScanned(text, origin), undefined, text)
})

test('PH60 a code may be typed by itself, as people read it', () => {
  assert.deepEqual(readTyped(' k7q2-m9xd ', origin, 'code'), { is: 'code', value: 'K7Q2M9XD' })
  assert.deepEqual(readTyped('K7Q2-M9XD', origin, 'grant'), { is: 'grant', value: 'K7Q2M9XD' })
  assert.deepEqual(readTyped(`${origin}/pair#v1.K7Q2M9XD`, origin, 'grant'), { is: 'code', value: 'K7Q2M9XD' })
  for (const text of ['', 'K7Q2', 'https://x.example/K7Q2M9XD'])
    assert.equal(readTyped(text, origin, 'code'), undefined)
})

test('PH60 scanning goes on over pictures without a code and codes that are no pairing, and ends when it is left', async () => {
  const seen = [[], ['WIFI:x'], new Error('not ready'), [`${origin}/pair#v1.K7Q2M9XD`], ['never looked at']]
  const look = async () => {
    const next = seen.shift()
    if (next instanceof Error) throw next
    return next ?? []
  }
  const abort = new AbortController()
  const found = await scan({ look, origin, pause: async () => undefined, signal: abort.signal })
  assert.deepEqual(found, { is: 'code', value: 'K7Q2M9XD' })
  assert.equal(seen.length, 1)
  abort.abort()
  assert.equal(await scan({ look, origin, pause: async () => undefined, signal: abort.signal }), undefined)
})
