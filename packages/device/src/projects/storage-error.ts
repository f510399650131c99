/** What the system says went wrong with a file, as errors of the catalogue. */
import { MeshError } from '@meshbook/core/errors.ts'

const storageCodes = {
  EACCES: 'READ_ONLY_FOLDER',
  EPERM: 'READ_ONLY_FOLDER',
  EROFS: 'READ_ONLY_FOLDER',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
} as const

export async function orStorageError<T>(file: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (thrown) {
    if (thrown instanceof MeshError) throw thrown
    const code = codeOf(thrown)
    const known =
      code && Object.hasOwn(storageCodes, code) ? storageCodes[code as keyof typeof storageCodes] : 'STORAGE_FAILED'
    throw new MeshError(known, { detail: `${file} (${code ?? 'unknown error'})`, cause: thrown })
  }
}

export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
}
