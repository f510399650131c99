import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partsOf } from './bundle.ts'
import { toCharacters, toUnits } from './cursor.ts'

test('a bundle is kept whole, with the plain text last (JK9)', () => {
  const bundle = {
    'text/plain': ['a\n', 'b'],
    'application/vnd.plotly.v1+json': { data: [1] },
    'image/svg+xml': '<svg/>',
    'image/jpeg': 'AA\nAA\n',
    'application/json': 7,
  }
  assert.deepEqual(partsOf(bundle, 1000), [
    { mimeType: 'application/vnd.plotly.v1+json', data: '{"data":[1]}' },
    { mimeType: 'image/svg+xml', data: '<svg/>' },
    { mimeType: 'image/jpeg', data: 'AAAA', base64: true },
    { mimeType: 'application/json', data: '7' },
    { mimeType: 'text/plain', data: 'a\nb' },
  ])
})

test('a picture keeps the size that it is meant to be shown in, and nonsense there changes nothing (JK9)', () => {
  const sizes = (about: unknown) => {
    const [{ width, height } = {} as never] = partsOf({ 'image/png': 'AAAA' }, 1000, { 'image/png': about })
    return [width, height]
  }
  assert.deepEqual(sizes({ width: 640, height: 480.4 }), [640, 480])
  assert.deepEqual(sizes({ width: 0.2 }), [1, undefined])
  for (const about of [7, null, 'wide', [], { width: '50%', height: -1 }, { width: 1e9, height: null }])
    assert.deepEqual(sizes(about), [undefined, undefined], JSON.stringify(about))
})

test('what is larger than a display may be is said in its place (JK9)', () => {
  const parts = partsOf({ 'image/png': 'A'.repeat(100), 'text/plain': 'small' }, 50)
  assert.deepEqual(
    parts.map(({ data }) => data),
    ['[image/png of 100 bytes is larger than a display may be]', 'small'],
  )
})

test('cursors are counted in characters there and in UTF-16 units here (JK11, KN9)', () => {
  const code = 'a😀b'
  assert.deepEqual(
    [0, 1, 3, 4].map(units => toCharacters(code, units)),
    [0, 1, 2, 3],
  )
  assert.deepEqual(
    [0, 1, 2, 3, 9].map(characters => toUnits(code, characters)),
    [0, 1, 3, 4, 4],
  )
})
