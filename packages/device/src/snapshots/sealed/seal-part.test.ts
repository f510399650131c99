import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import fc from 'fast-check'
import { partKeys } from './part-keys.ts'
import { PartSealer } from './part-sealer.ts'
import { nameOfPart, openPart, sealBytes, sealPart } from './seal-part.ts'

const keys = partKeys(randomBytes(32))
const others = partKeys(randomBytes(32))
const refused = (thrown: unknown): boolean => thrown instanceof MeshError && thrown.code === 'SNAPSHOT_REFUSED'
const sealer = new PartSealer(2)
after(() => sealer.close())

test('SN1 SN2 equal bytes have one name and one sealed form; other keys give other ones', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      const name = nameOfPart(keys, bytes)
      assert.match(name, /^[0-9a-f]{64}$/)
      const sealed = sealPart(keys, name, bytes)
      assert.equal(sealed.byteLength, bytes.byteLength + sealBytes)
      assert.deepEqual(sealPart(keys, nameOfPart(keys, bytes.slice()), bytes.slice()), sealed)
      assert.deepEqual(Buffer.from(openPart(keys, name, sealed)), Buffer.from(bytes))
      assert.notEqual(nameOfPart(others, bytes), name)
    }),
  )
})

test('SN1 what is sealed shows nothing of what is in it', () => {
  const secret = Buffer.from('password = "correct horse battery staple"'.repeat(4_000))
  const name = nameOfPart(keys, secret)
  assert.equal(Buffer.from(sealPart(keys, name, secret)).includes('correct horse'), false)
})

test('SN3 any bit that differs, any length, any other name or key is refused', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
      (bytes, place, flip, more) => {
        const name = nameOfPart(keys, bytes)
        const sealed = sealPart(keys, name, bytes)
        const altered = new Uint8Array(sealed)
        const at = place % sealed.byteLength
        altered[at] = altered[at]! ^ flip
        assert.throws(() => openPart(keys, name, altered), refused)
        assert.throws(() => openPart(keys, name, sealed.subarray(0, at)), refused)
        assert.throws(() => openPart(keys, name, Buffer.concat([sealed, more])), refused)
        assert.throws(() => openPart(others, name, sealed), refused)
        const other = new Uint8Array([...bytes, 1])
        assert.throws(() => openPart(keys, nameOfPart(keys, other), sealed), refused)
      },
    ),
  )
})

test('SN3 a part whose name was given to other bytes by somebody who has the key is refused', () => {
  const name = nameOfPart(keys, Buffer.from('what it says'))
  assert.throws(() => openPart(keys, name, sealPart(keys, name, Buffer.from('what it is'))), refused)
})

test('threads do the same as this one, several parts at a time, and leave the given bytes as they are', async () => {
  const all = Array.from({ length: 6 }, (_, i) => randomBytes(200_000 + i))
  await Promise.all(
    all.map(async bytes => {
      const before = Buffer.from(bytes)
      const named = await sealer.name(keys, bytes)
      assert.equal(named.part, nameOfPart(keys, before))
      const sealed = await sealer.seal(keys, named.part, named.bytes)
      assert.deepEqual(Buffer.from(sealed), Buffer.from(sealPart(keys, named.part, before)))
      const altered = new Uint8Array(sealed)
      altered[90_000] = altered[90_000]! ^ 1
      assert.deepEqual(Buffer.from(await sealer.open(keys, named.part, sealed)), before)
      await assert.rejects(sealer.open(keys, named.part, altered), refused)
      assert.deepEqual(Buffer.from(bytes), before)
    }),
  )
})
