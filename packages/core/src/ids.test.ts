import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  assetsIn,
  base32,
  deviceIdOf,
  type IdKind,
  isAssetId,
  isId,
  isRunId,
  newId,
  parseAssetId,
  parseEpoch,
  parseFence,
  parseId,
  parseRunId,
  parseSeq,
  systemRandom,
} from './ids.ts'

const kinds: IdKind[] = [
  'org',
  'user',
  'device',
  'project',
  'document',
  'session',
  'head',
  'run',
  'lease',
  'token',
  'ticket',
  'gate',
]
const zeros = (length: number) => new Uint8Array(length)
const badId = { name: 'MeshError', code: 'BAD_ID' }

test('a new id parses as its own kind and as no other', () => {
  for (const kind of kinds) {
    const id = newId(kind, 1_700_000_000_000, systemRandom)
    assert.equal(parseId(kind, id), id)
    for (const other of kinds) assert.equal(isId(other, id), other === kind)
  }
})

test('ids sort by age', () => {
  const time = fc.integer({ min: 0, max: 2 ** 49 })
  fc.assert(
    fc.property(time, time, (a, b) => {
      const older = newId('run', Math.min(a, b), systemRandom)
      const newer = newId('run', Math.max(a, b) + 1, zeros)
      assert.ok(older < newer)
    }),
  )
})

test('10,000 ids of one moment differ', () => {
  assert.equal(new Set(Array.from({ length: 10_000 }, () => newId('run', 0, systemRandom))).size, 10_000)
})

test('what is not an id is refused, whatever it is', () => {
  fc.assert(fc.property(fc.anything(), value => assert.equal(isId('run', value), false)))
  for (const text of [
    '',
    'run_',
    `run_${'0'.repeat(25)}`,
    `run_${'0'.repeat(27)}`,
    `run_${'u'.repeat(26)}`,
    `RUN_${'0'.repeat(26)}`,
    `run_${'0'.repeat(26)}\n`,
  ]) {
    assert.throws(() => parseId('run', text), badId)
  }
})

test('a refused id is quoted in the error, but never at length', () => {
  assert.throws(
    () => parseId('run', 'x'.repeat(10_000)),
    (error: Error) => error.message.length < 300,
  )
})

test('run ids of foreign clients are taken: short, and of harmless characters only', () => {
  for (const text of ['exec-123', 'a', 'A.b_c-1', '0'.repeat(64)]) assert.equal(parseRunId(text), text)
  for (const text of ['', '-a', '.a', '_a', 'a b', 'a/b', 'a`', 'a\n', 'é', '0'.repeat(65), 7, null])
    assert.equal(isRunId(text), false)
  assert.throws(() => parseRunId('../x'), badId)
})

test('base32 keeps the order of bytes and needs 8 digits for 5 of them', () => {
  assert.equal(base32(zeros(5)), '00000000')
  assert.equal(base32(Uint8Array.of(255, 255, 255, 255, 255)), 'zzzzzzzz')
  assert.equal(base32(Uint8Array.of(1)), '04')
  const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 })
  fc.assert(
    fc.property(bytes, bytes, (a, b) =>
      assert.equal(Math.sign(Buffer.compare(a, b)), base32(a) < base32(b) ? -1 : base32(a) > base32(b) ? 1 : 0),
    ),
  )
})

test('the id of a device follows from its key', async () => {
  const digest = async (text: string) =>
    new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  const id = deviceIdOf(await digest('key'))
  assert.ok(isId('device', id))
  assert.equal(deviceIdOf(await digest('key')), id)
  assert.notEqual(deviceIdOf(await digest('another')), id)
})

test('asset ids are SHA-256 in lower-case hex and nothing else (S11)', () => {
  const id = `sha256-${'0a'.repeat(32)}`
  assert.equal(parseAssetId(id), id)
  for (const text of [id.toUpperCase(), `${id}0`, id.slice(1), `${id}/../x`, '']) assert.equal(isAssetId(text), false)
  assert.throws(() => parseAssetId('sha256-x'), badId)
})

test('fences, sequence numbers and epochs are whole numbers from 1', () => {
  for (const parse of [parseFence, parseSeq, parseEpoch]) {
    assert.equal(parse(1), 1)
    for (const value of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, '1', null, undefined])
      assert.throws(() => parse(value), badId)
  }
})

test('a text names assets, each once and never a part of a longer name', () => {
  const [one, other] = ['0a', '1b'].map(pair => `sha256-${pair.repeat(32)}`)
  assert.deepEqual(assetsIn(`![](asset:${one}) ${other} ${one} ${other}f`), [one, other])
})
