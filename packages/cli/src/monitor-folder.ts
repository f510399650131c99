/**
 * Where a monitor keeps its kernels and their journals (HM30): the same folder at the next start with the same server
 * and name, unless a monitor that still lives has it.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { identityOf, isAlive } from '@meshbook/device/kernels/process-identity.ts'
import * as v from 'valibot'

const holderSchema = v.object({ pid: v.number(), identity: v.string() })
const monitorsAtMost = 16
const holderFile = 'holder.json'

export async function claimFolder(root: string, url: string, name: string): Promise<string> {
  const id = createHash('sha256').update(`${url} ${name}`).digest('hex').slice(0, 16)
  for (let number = 1; number <= monitorsAtMost; number++) {
    const folder = join(root, 'monitors', number === 1 ? id : `${id}-${number}`)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    if (await hold(folder)) return folder
  }
  throw new MeshError('TOO_MANY', { detail: `monitors named ${name} run here for ${url}` })
}

/** Only one process makes the file; the file of one that has ended is nobody's. */
async function hold(folder: string): Promise<boolean> {
  const path = join(folder, holderFile)
  const holder = await holderOf(path)
  if (holder === 'alive') return false
  if (holder === 'ended') await rm(path, { force: true })
  try {
    const file = await open(path, 'wx', 0o600)
    await file.writeFile(JSON.stringify({ pid: process.pid, identity: (await identityOf(process.pid)) ?? '' }))
    await file.close()
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw thrown
  }
}

async function holderOf(path: string): Promise<'none' | 'alive' | 'ended'> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return 'none'
  try {
    const holder = v.parse(holderSchema, JSON.parse(text))
    return (await isAlive(holder)) ? 'alive' : 'ended'
  } catch {
    return 'ended'
  }
}
