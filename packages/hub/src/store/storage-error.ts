/** What the disk said, as an error that tells a person what to do. */
import { MeshError } from '@meshbook/core/errors.ts'

export function storageError(thrown: unknown): unknown {
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ENOSPC' || code === 'EDQUOT') return new MeshError('DISK_FULL', { cause: thrown })
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM')
    return new MeshError('READ_ONLY_FOLDER', { cause: thrown })
  return code === 'EIO' ? new MeshError('STORAGE_FAILED', { cause: thrown }) : thrown
}
