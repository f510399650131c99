/**
 * One notebook file on disk: read whole and checked, written atomically. The document has LF line endings and no byte
 * order mark; the file keeps its own. Knows nothing of documents or of what is merged.
 */
import { type BigIntStats, constants, fstatSync, lstatSync, renameSync } from 'node:fs'
import { chmod, chown, type FileHandle, link, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { codeOf } from './safe-join.ts'

export interface FileStyle {
  eol: '\n' | '\r\n'
  bom: boolean
}

/** What tells whether a file is still the one that was read. */
export interface FileStamp {
  inode: string
  size: bigint
  modified: bigint
  changed: bigint
}

export interface ReadFile {
  text: string
  style: FileStyle
  stamp: FileStamp
  mode: number
  owner: { uid: number; gid: number }
}

export const plainStyle: FileStyle = { eol: '\n', bom: false }

/** Undefined if there is no file. Throws BAD_PATH for links and the like, TOO_LARGE and BAD_NOTEBOOK. */
export async function readNotebookFile(file: string, maxBytes: number): Promise<ReadFile | undefined> {
  const handle = await openToRead(file)
  if (!handle) return undefined
  try {
    const stat = fstatSync(handle.fd, { bigint: true })
    if (!stat.isFile()) throw new MeshError('BAD_PATH', { detail: `${file} is not a regular file` })
    if (stat.size > maxBytes)
      throw new MeshError('TOO_LARGE', { detail: `${file} has ${stat.size} bytes; a notebook may have ${maxBytes}` })
    const bytes = await readWhole(handle, maxBytes)
    return {
      ...decode(bytes, file),
      stamp: stampOf(stat),
      mode: Number(stat.mode) & 0o7777,
      owner: { uid: Number(stat.uid), gid: Number(stat.gid) },
    }
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
    const { bytesRead, buffer } = await handle.read({ buffer: Buffer.allocUnsafe(256 * 1024) })
    if (bytesRead === 0) return Buffer.concat(chunks)
    bytes += bytesRead
    if (bytes > maxBytes) throw new MeshError('TOO_LARGE', { detail: `the file grew beyond ${maxBytes} bytes` })
    chunks.push(buffer.subarray(0, bytesRead))
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Buffer, file: string): { text: string; style: FileStyle } {
  let raw: string
  try {
    raw = utf8.decode(bytes)
  } catch (cause) {
    throw new MeshError('BAD_NOTEBOOK', { detail: `${file} is not UTF-8 text`, cause })
  }
  if (raw.includes('\0')) throw new MeshError('BAD_NOTEBOOK', { detail: `${file} holds binary data` })
  const bom = raw.startsWith('\ufeff')
  const text = bom ? raw.slice(1) : raw
  const windows = (text.match(/\r\n/g) ?? []).length
  const all = (text.match(/\n/g) ?? []).length
  return { text: text.replaceAll('\r\n', '\n'), style: { eol: windows * 2 > all ? '\r\n' : '\n', bom } }
}

function encode(text: string, { eol, bom }: FileStyle): Buffer {
  return Buffer.from((bom ? '\ufeff' : '') + (eol === '\n' ? text : text.replaceAll('\n', eol)), 'utf8')
}

export function stampOf(stat: BigIntStats): FileStamp {
  return { inode: `${stat.dev}:${stat.ino}`, size: stat.size, modified: stat.mtimeNs, changed: stat.ctimeNs }
}

export function sameStamp(a: FileStamp | undefined, b: FileStamp | undefined): boolean {
  return a?.inode === b?.inode && a?.size === b?.size && a?.modified === b?.modified && a?.changed === b?.changed
}

/** Writes the text to a new file and makes it durable; the file gets the mode and owner of the one it will replace. */
export async function writeTemporary(temporary: string, text: string, like: ReadFile | undefined): Promise<void> {
  await orStorageError(temporary, async () => {
    const handle = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      like?.mode ?? 0o666,
    )
    try {
      await handle.writeFile(encode(text, like?.style ?? plainStyle))
      if (like) await copyRights(temporary, like)
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
}

async function copyRights(temporary: string, { mode, owner }: ReadFile): Promise<void> {
  const self = { uid: process.geteuid?.(), gid: process.getegid?.() }
  if (owner.uid !== self.uid || owner.gid !== self.gid) {
    // Only root may give files away; for all others the file becomes theirs, as with any editor.
    await chown(temporary, owner.uid, owner.gid).catch(thrown => {
      if (codeOf(thrown) !== 'EPERM') throw thrown
    })
  }
  await chmod(temporary, mode)
}

/**
 * Puts the temporary file in the place of `file`, durably. False if `file` is no longer the one with this stamp
 * (undefined: none): nothing has happened then. The look and the rename follow each other without a pause.
 */
export async function replaceFile(temporary: string, file: string, expected: FileStamp | undefined): Promise<boolean> {
  return orStorageError(file, async () => {
    if (expected) {
      if (!sameStamp(currentStamp(file), expected)) return false
      renameSync(temporary, file)
    } else {
      const made = await link(temporary, file).then(
        () => true,
        thrown => {
          if (codeOf(thrown) === 'EEXIST') return false
          throw thrown
        },
      )
      if (!made) return false
      await unlink(temporary)
    }
    await syncFolder(dirname(file))
    return true
  })
}

export function currentStamp(file: string): FileStamp | undefined {
  const stat = lstatSync(file, { bigint: true, throwIfNoEntry: false })
  return stat && stampOf(stat)
}

export async function moveFile(from: string, to: string): Promise<void> {
  await orStorageError(to, async () => {
    await rename(from, to)
    await syncFolder(dirname(to))
    if (dirname(from) !== dirname(to)) await syncFolder(dirname(from))
  })
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

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
