/**
 * A CRIU that works with this kernel, set up once for all tests of this machine. Who finds another at work waits for it.
 */
import { mkdir, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findCriu, installCriu } from '@meshbook/device/snapshots/image/criu-setup.ts'

const folder = join(homedir(), '.cache/meshbook-tests/criu')
const installMs = 600_000
const lookMs = 500
let ready: Promise<string> | undefined

/** The folder for `createImageBackend`; throws with the reason if none can be had here. */
export function criuFolder(): Promise<string> {
  ready ??= setUp()
  return ready
}

async function setUp(): Promise<string> {
  const signal = AbortSignal.timeout(installMs)
  const lock = join(folder, '.turn')
  await mkdir(folder, { recursive: true })
  if ((await findCriu(folder, signal)).ok) return folder
  while (!(await taken(lock))) {
    signal.throwIfAborted()
    await sleep(lookMs)
  }
  try {
    const found = await installCriu(folder, { signal, say: line => process.stderr.write(`• ${line}\n`) })
    if (!found.ok) throw new Error(`no CRIU that works here: ${found.why}. ${found.next}`)
    return folder
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

/** One that is older than an installation may take was left by somebody who ended. */
async function taken(lock: string): Promise<boolean> {
  const since = await stat(lock).catch(() => undefined)
  if (since && Date.now() - since.mtimeMs > installMs) await rm(lock, { recursive: true, force: true })
  return mkdir(lock).then(
    () => true,
    () => false,
  )
}
