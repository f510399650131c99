/**
 * Descriptors that somebody above the daemon forgot to close: kernels would inherit them in turn, and no image of a session
 * could be restored without whatever is at their other end (KN3). Node marks its own to be closed with the program.
 */
import { closeSync, readdirSync, readFileSync } from 'node:fs'

const closeOnExec = 0o2000000

/** Linux; elsewhere no images are taken. */
export function closeInherited(): void {
  for (const fd of numbersOf('/proc/self/fdinfo')) {
    const flags = fd > 2 ? flagsOf(fd) : undefined
    if (flags !== undefined && (flags & closeOnExec) === 0) closeSync(fd)
  }
}

function numbersOf(folder: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync(folder).map(Number)
}

/** Undefined for the one that the folder was read by. */
function flagsOf(fd: number): number | undefined {
  try {
    return Number.parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '', 8)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
