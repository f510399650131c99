/** A folder that is gone when its test has ended. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-device-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
