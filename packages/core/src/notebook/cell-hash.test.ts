import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { codeHash } from './cell-hash.ts'

test('the hash of code is the SHA-256 of its UTF-8 bytes in hex, as any other program computes it', async () => {
  for (const code of ['', 'print(1)', 'é😀\n\u0000'])
    assert.equal(await codeHash(code), createHash('sha256').update(code).digest('hex'))
})
