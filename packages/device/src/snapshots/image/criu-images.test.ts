import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  connectionsOf,
  ghostsOf,
  mappedFilesOf,
  messagesOf,
  namedFilesOf,
  openIdsOf,
  pageMapOf,
  treeOf,
} from './criu-images.ts'
import { MalformedImage } from './wire-message.ts'

const readers = { connectionsOf, ghostsOf, mappedFilesOf, messagesOf, namedFilesOf, openIdsOf, pageMapOf, treeOf }

for (const [name, read] of Object.entries(readers))
  test(`SN21: ${name} reads any bytes, or says that they are malformed`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, marked) => {
        const head = Buffer.alloc(8)
        head.writeUInt32LE(0x54564319)
        try {
          read(marked ? Buffer.concat([head, bytes]) : Buffer.from(bytes))
        } catch (error) {
          assert.ok(error instanceof MalformedImage, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })
