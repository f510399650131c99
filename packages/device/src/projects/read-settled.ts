/** Reads a file that others may be writing right now: neither a half-written text nor a half-written character counts. */
import { asMeshError } from '@meshbook/core/errors.ts'
import type { FileStamp } from './disk.ts'
import type { FilePorts } from './folder-ports.ts'
import { type OldFile, plainStyle, type ReadFile, readNotebookFile } from './notebook-file.ts'

type ReadPorts = Pick<FilePorts, 'disk' | 'after' | 'now' | 'limits'>

/**
 * Some programs empty a file before they write it again, and write it in pieces: a young file that is shorter than
 * `base` may grow. `base` is undefined where nothing is expected to be there.
 */
export async function readSettled(
  { disk, after, now, limits }: ReadPorts,
  absolute: string,
  base: string | undefined,
): Promise<ReadFile | undefined> {
  let file = await readNotebookFile(disk, absolute, limits.fileBytes)
  for (let waitedMs = 0; file && waitedMs < limits.fileMaxWaitMs; waitedMs += limits.fileDebounceMs) {
    const isYoung = ageMs(file.stamp, now()) < limits.fileDebounceMs || (file.text === '' && waitedMs === 0)
    if (base === undefined || !isYoung || file.text.length >= base.length) break
    await new Promise<void>(resolve => after(limits.fileDebounceMs, resolve))
    file = await readNotebookFile(disk, absolute, limits.fileBytes)
  }
  return file
}

/** The same, and a file that has been no notebook for a while, which nothing can be merged with. */
export async function readAny(
  ports: ReadPorts,
  absolute: string,
  base: string | undefined,
): Promise<OldFile | undefined> {
  try {
    return await readSettled(ports, absolute, base)
  } catch (thrown) {
    const { code } = asMeshError(thrown)
    if (code !== 'BAD_NOTEBOOK' && code !== 'TOO_LARGE') throw thrown
    const found = await ports.disk.look(absolute)
    if (!found || ports.now() - Number(found.stamp.changed / 1_000_000n) < ports.limits.conflictAfterMs) throw thrown
    return { style: plainStyle, stamp: found.stamp }
  }
}

/** A file from the future is taken for old. */
export function ageMs({ modified }: FileStamp, now: number): number {
  const age = now - Number(modified / 1_000_000n)
  return age < 0 ? Number.POSITIVE_INFINITY : age
}
