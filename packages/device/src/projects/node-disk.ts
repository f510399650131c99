/** The disk of this machine. It opens nothing through a link (S11) and makes durable whatever it says is written. */
import {
  type BigIntStats,
  constants,
  type Dirent,
  fstatSync,
  linkSync,
  lstatSync,
  renameSync,
  type Stats,
  unlinkSync,
  watch,
} from 'node:fs'
import {
  chmod,
  chown,
  copyFile,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  unlink,
} from 'node:fs/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import {
  type Disk,
  type EntryKind,
  type Exchange,
  type FileContent,
  type FileRights,
  type FileStamp,
  type Looked,
  sameStamp,
  type Watch,
} from './disk.ts'
import { codeOf, orStorageError } from './storage-error.ts'

/** What file systems without hard links answer, such as FAT. */
const withoutLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])
const readChunkBytes = 256 * 1024

export class NodeDisk implements Disk {
  async read(file: string, maxBytes: number): Promise<FileContent | undefined> {
    const handle = await openToRead(file)
    if (!handle) return undefined
    try {
      const stat = fstatSync(handle.fd, { bigint: true })
      if (!stat.isFile()) throw new MeshError('BAD_PATH', { detail: `${file} is not a regular file` })
      if (stat.size > maxBytes)
        throw new MeshError('TOO_LARGE', { detail: `${file} has ${stat.size} bytes; a notebook may have ${maxBytes}` })
      const bytes = await orStorageError(file, () => readWhole(handle, maxBytes))
      return { bytes, stamp: stampOf(stat), ...rightsOf(stat) }
    } finally {
      await handle.close()
    }
  }

  write(file: string, bytes: Uint8Array, rights: Partial<FileRights> = {}): Promise<FileStamp> {
    return orStorageError(file, async () => {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
      const handle = await open(file, flags, rights.mode ?? 0o666)
      try {
        await handle.writeFile(bytes)
        await copyRights(file, rights)
        await handle.sync()
        return stampOf(fstatSync(handle.fd, { bigint: true }))
      } finally {
        await handle.close()
      }
    })
  }

  look(path: string): Promise<Looked | undefined> {
    return orStorageError(path, async () => {
      const stat = await lstat(path, { bigint: true }).catch(unlessAbsent)
      return stat && { kind: kindOf(stat), stamp: stampOf(stat), names: Number(stat.nlink) }
    })
  }

  list(folder: string): Promise<{ name: string; kind: EntryKind }[] | undefined> {
    return orStorageError(folder, async () => {
      try {
        const entries = await readdir(folder, { withFileTypes: true })
        return entries.map(entry => ({ name: entry.name, kind: kindOf(entry) }))
      } catch (thrown) {
        if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(codeOf(thrown) ?? '')) return undefined
        throw thrown
      }
    })
  }

  realPath(path: string): Promise<string | undefined> {
    return orStorageError(path, () => realpath(path).catch(unlessAbsent))
  }

  makeFolder(folder: string): Promise<void> {
    return orStorageError(folder, () =>
      mkdir(folder).catch(thrown => {
        if (codeOf(thrown) !== 'EEXIST') throw thrown
      }),
    )
  }

  async makeFolders(folder: string, isPrivate: boolean): Promise<void> {
    await orStorageError(folder, () => mkdir(folder, { recursive: true, mode: isPrivate ? 0o700 : 0o777 }))
  }

  exchange(temporary: string, file: string, aside: string, expected: FileStamp): Promise<Exchange> {
    return orStorageError(file, async () => {
      if (!sameStamp(stampNow(file), expected)) return 'changed'
      // No call that waits stands between the two: for so long the name is nobody's.
      renameSync(file, aside)
      return takeName(temporary, file, aside)
    })
  }

  place(temporary: string, file: string): Promise<boolean> {
    return orStorageError(file, async () => {
      try {
        await link(temporary, file)
      } catch (thrown) {
        if (codeOf(thrown) === 'EEXIST') return false
        if (!withoutLinks.has(codeOf(thrown) ?? '')) throw thrown
        if (stampNow(file) !== undefined) return false
        renameSync(temporary, file)
        return true
      }
      await unlink(temporary)
      return true
    })
  }

  move(from: string, to: string): Promise<void> {
    return orStorageError(to, async () => {
      try {
        await rename(from, to)
      } catch (thrown) {
        if (codeOf(thrown) !== 'EXDEV') throw thrown
        await copyFile(from, to)
        await unlink(from)
      }
    })
  }

  remove(file: string): Promise<void> {
    return orStorageError(file, () => rm(file, { force: true }))
  }

  syncFolder(folder: string): Promise<void> {
    return orStorageError(folder, () => syncFolder(folder))
  }

  watch(folder: string, changed: (name: string | undefined) => void, failed: () => void): Watch | undefined {
    try {
      const watcher = watch(folder, { persistent: false })
      watcher.on('change', (_event, name) => changed(typeof name === 'string' ? name : undefined))
      watcher.on('error', failed)
      return watcher
    } catch {
      return undefined
    }
  }
}

function takeName(temporary: string, file: string, aside: string): 'done' | 'taken' {
  try {
    linkSync(temporary, file)
    unlinkSync(temporary)
    return 'done'
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'EEXIST') return 'taken'
    if (withoutLinks.has(code ?? '') && stampNow(file) === undefined) {
      renameSync(temporary, file)
      return 'done'
    }
    if (stampNow(file) === undefined) renameSync(aside, file)
    throw thrown
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function openToRead(file: string): Promise<FileHandle | undefined> {
  try {
    // Without O_NONBLOCK a named pipe would hang here until somebody writes to it.
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'ELOOP' || code === 'EMLINK') throw new MeshError('BAD_PATH', { detail: `${file} is a link` })
    throw new MeshError('STORAGE_FAILED', { detail: `${file} cannot be read (${code})`, cause: thrown })
  }
}

async function readWhole(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for (;;) {
    const { bytesRead, buffer } = await handle.read({ buffer: Buffer.allocUnsafe(readChunkBytes) })
    if (bytesRead === 0) return Buffer.concat(chunks)
    bytes += bytesRead
    if (bytes > maxBytes) throw new MeshError('TOO_LARGE', { detail: `the file grew beyond ${maxBytes} bytes` })
    chunks.push(buffer.subarray(0, bytesRead))
  }
}

async function copyRights(file: string, { mode, owner }: Partial<FileRights>): Promise<void> {
  if (owner && (owner.uid !== process.geteuid?.() || owner.gid !== process.getegid?.())) {
    // Only root may give files away; for all others the file becomes theirs, as with any editor.
    await chown(file, owner.uid, owner.gid).catch(thrown => {
      if (codeOf(thrown) !== 'EPERM') throw thrown
    })
  }
  if (mode !== undefined) await chmod(file, mode)
}

function stampNow(file: string): FileStamp | undefined {
  const stat = lstatSync(file, { bigint: true, throwIfNoEntry: false })
  return stat && stampOf(stat)
}

export function stampOf(stat: BigIntStats): FileStamp {
  return { inode: `${stat.dev}:${stat.ino}`, size: stat.size, modified: stat.mtimeNs, changed: stat.ctimeNs }
}

function rightsOf(stat: BigIntStats): FileRights {
  return { mode: Number(stat.mode) & 0o7777, owner: { uid: Number(stat.uid), gid: Number(stat.gid) } }
}

function kindOf(entry: Stats | BigIntStats | Dirent): EntryKind {
  if (entry.isFile()) return 'file'
  return entry.isDirectory() ? 'folder' : 'other'
}

function unlessAbsent(thrown: unknown): undefined {
  if (codeOf(thrown) !== 'ENOENT' && codeOf(thrown) !== 'ENOTDIR') throw thrown
}
