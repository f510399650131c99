/** Mounts of this machine, by its own programs. Whether this process may make any is found out once. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

const run = promisify(execFile)
const programs = {
  env: { PATH: '/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin', LC_ALL: 'C' },
  timeout: limits.engineAnswerMs,
}
/** CAP_SYS_ADMIN */
const administers = 21n

export const canMount = process.platform === 'linux' && process.getuid?.() === 0 && hasCapability(administers)

function hasCapability(bit: bigint): boolean {
  const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return found !== undefined && ((BigInt(`0x${found}`) >> bit) & 1n) === 1n
}

export async function tool(name: string, args: readonly string[]): Promise<void> {
  try {
    await run(name, [...args], programs)
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string }
    const words = stderr.trim().split('\n')[0]?.slice(0, 300) || 'it is not there'
    throw new MeshError('COMPUTE_UNAVAILABLE', { detail: `${name}: ${words}`, cause })
  }
}

/** In the order in which they were mounted. */
export async function mountedBelow(folder: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n')
  const written = (path: string): string =>
    path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
  return lines.map(line => written(line.split(' ')[1] ?? '')).filter(path => path.startsWith(`${folder}/`))
}

/** With what is mounted below; what somebody else takes away at the moment is gone all the same. */
export async function unmountBelow(folder: string): Promise<void> {
  for (const path of (await mountedBelow(folder)).reverse())
    await tool('umount', ['-l', path]).catch(async (thrown: unknown) => {
      if ((await mountedBelow(folder)).includes(path)) throw thrown
    })
}
