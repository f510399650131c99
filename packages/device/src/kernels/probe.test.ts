import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { probe } from './languages.ts'

test('KH32 an interpreter that is too busy to answer is still there, one that fails or never answered is not', async () => {
  const folder = await temporaryFolder()
  const script = (body: string) => writeFile(join(folder, 'lang'), `#!/bin/sh\n${body}\n`, { mode: 0o755 })
  const ask = (timeoutMs: number) =>
    probe(
      ['lang'],
      ['--version'],
      /(?<=lang )[\d.]+/,
      { ...process.env, PATH: `${folder}:${process.env.PATH}` },
      timeoutMs,
    )
  await script('exec sleep 60')
  assert.equal(await ask(100), undefined)
  await script('echo lang 1.2')
  assert.equal((await ask(20_000))?.version, '1.2')
  await script('exec sleep 60')
  assert.equal((await ask(100))?.version, '1.2')
  await script('echo lang 1.2; exit 1')
  assert.equal(await ask(20_000), undefined)
})
