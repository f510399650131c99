import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  digitsOf,
  fingerprintOf,
  newPairingCode,
  pairingUrl,
  readPairingCode,
  readPairingFragment,
  shownCode,
  transcriptText,
} from './pairing.ts'

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('PR1 a code of forty bits is read however it is written', () => {
  void fc.assert(
    fc.property(fc.uint8Array({ minLength: 5, maxLength: 5 }), random => {
      const code = newPairingCode(() => random)
      assert.match(code, /^[0-9A-HJKMNP-TV-Z]{8}$/)
      for (const written of [code, shownCode(code), code.toLowerCase(), ` ${code.split('').join(' ')} `])
        assert.equal(readPairingCode(written), code)
      assert.equal(readPairingCode(pairingUrl('https://mesh.example', 'code', code)), code)
    }),
  )
  assert.equal(readPairingCode('OILO-oilo'), '01100110')
  for (const wrong of ['', 'K7Q2-M9X', 'K7Q2-M9XDD', 'UUUU-UUUU', 'K7Q2/M9XD'])
    assert.equal(readPairingCode(wrong), undefined)
})

test('PR4 the digits change with the code, the pairing and either key', () => {
  const transcript = { pairing: 'par_1', code: 'K7Q2M9XD', publicKey: 'a', sealKey: 'age1' }
  const texts = [transcript, ...Object.keys(transcript).map(name => ({ ...transcript, [name]: 'other' }))].map(
    transcriptText,
  )
  assert.equal(new Set(texts).size, 5)
  void fc.assert(fc.property(bytes, digest => /^\d\d$/.test(digitsOf(digest))))
  assert.match(fingerprintOf(new Uint8Array(32)), /^0000 0000 0000 0000$/)
})

test('PR2 the code stands behind the # of an address, and nothing else is taken for one', () => {
  const { hash } = new URL(pairingUrl('https://mesh.example', 'grant', 'K7Q2M9XD'))
  assert.deepEqual(readPairingFragment(hash), { kind: 'grant', value: 'K7Q2M9XD' })
  for (const wrong of ['', '#', '#v1.', '#v2.K7Q2M9XD', '#v1.a/b', '#K7Q2M9XD'])
    assert.equal(readPairingFragment(wrong), undefined, wrong)
})
