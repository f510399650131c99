import assert from 'node:assert/strict'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { systemRandom } from '@meshbook/core/ids.ts'
import { temporaryFolder } from '../testing/test-hub.ts'
import { MasterKey } from './master-key.ts'

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('utf8')

test('what was sealed opens with the same key about the same thing, and with nothing else (S19)', async t => {
  const dataFolder = await temporaryFolder(t)
  const open = (key: string | null = null) =>
    MasterKey.open({ dataFolder, masterKey: { key, file: null } }, systemRandom)
  const [key, again, other] = [await open(), await open(), await open('ab'.repeat(32))]
  const sealed = key.seal(Buffer.from('secret'), 'mine')
  assert.equal(text(again.open(sealed, 'mine')), 'secret')
  assert.equal(key.open(sealed, 'yours'), undefined)
  assert.equal(other.open(sealed, 'mine'), undefined)
  assert.notEqual(key.seal(Buffer.from('secret'), 'mine'), sealed)
  const bytes = Buffer.from(sealed, 'base64url')
  for (const at of [0, 12, bytes.length - 1]) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1
    assert.equal(key.open(changed.toString('base64url'), 'mine'), undefined)
  }
  assert.equal(key.open('', 'mine'), undefined)
  assert.equal((await stat(join(dataFolder, 'master.key'))).mode & 0o777, 0o600)
})

test('a key that is no key, or a file that is not there, is named and never shown', async t => {
  const dataFolder = await temporaryFolder(t)
  await mkdir(join(dataFolder, 'keys'))
  const file = join(dataFolder, 'keys/short')
  await writeFile(file, 'c2hvcnQ=')
  for (const masterKey of [
    { key: 'canary', file: null },
    { key: null, file },
    { key: null, file: join(dataFolder, 'none') },
  ])
    await assert.rejects(
      MasterKey.open({ dataFolder, masterKey }, systemRandom),
      (error: unknown) =>
        error instanceof MeshError && error.code === 'BAD_CONFIG' && !/canary|c2hvcnQ/.test(error.message),
    )
})
