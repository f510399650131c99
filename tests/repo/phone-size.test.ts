/** The phone's app as built is as small as `.size-limit.js` says (PH1). */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '../..')

test('PH1 the first list weighs at most 25 KB, gzipped, and reading a notebook 75 KB in all', async () => {
  const { stdout } = await promisify(execFile)('npx', ['--no-install', 'size-limit', '--json'], { cwd: root }).catch(
    (failed: { stdout?: string; stderr?: string }) => ({ stdout: failed.stdout || assert.fail(failed.stderr) }),
  )
  const sizes = JSON.parse(stdout) as { name: string; passed: boolean; size: number }[]
  assert.ok(sizes.length >= 2)
  for (const { name, passed, size } of sizes) assert.ok(passed, `${name} weighs ${size} bytes`)
})
