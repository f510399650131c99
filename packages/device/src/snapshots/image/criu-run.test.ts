import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { whyFailed } from './criu-run.ts'

test('SN10 why CRIU failed is the line that names the cause, not what it says of kernels without tunnels', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-criu-'))
  t.after(() => rm(folder, { recursive: true }))
  const log = join(folder, 'restore.log')
  await writeFile(
    log,
    [
      '(00.010000) Error (criu/tun.c:87): tun: Unable to create tun: No such file or directory',
      "(00.020000)     12: Error (criu/files-reg.c:2310): Can't open file /home/me/log.txt on restore: No such file or directory",
      '(00.030000) Error (criu/cr-restore.c:2500): Restoring FAILED.',
    ].join('\n'),
  )
  assert.equal(
    await whyFailed(log, 'ended with status 1'),
    "a file that it has open is not here (Can't open file /home/me/log.txt on restore: No such file or directory)",
  )
  await writeFile(log, '(00.010000) Error (criu/files.c:1): Something new\n')
  assert.equal(await whyFailed(log, 'ended with status 1'), 'CRIU could not: Something new')
  assert.equal(await whyFailed(join(folder, 'none'), 'ended with status 7'), 'CRIU could not: ended with status 7')
})
