/**
 * One notebook file: read whole and checked, written atomically. The document has LF line endings and no byte order
 * mark; the file keeps its own. Knows nothing of documents or of what is merged.
 */
import { dirname } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Disk, FileRights, FileStamp } from './disk.ts'

export interface FileStyle {
  eol: '\n' | '\r\n'
  bom: boolean
}

/** A file that stands where a document's text belongs; without a text nothing can be merged with it. */
export interface OldFile extends Partial<FileRights> {
  text?: string
  style: FileStyle
  stamp: FileStamp
}

export type ReadFile = OldFile & FileRights & { text: string }

export const plainStyle: FileStyle = { eol: '\n', bom: false }

/** Undefined if there is no file. Throws BAD_PATH for links and the like, TOO_LARGE and BAD_NOTEBOOK. */
export async function readNotebookFile(disk: Disk, file: string, maxBytes: number): Promise<ReadFile | undefined> {
  const content = await disk.read(file, maxBytes)
  if (!content) return undefined
  const { bytes, stamp, mode, owner } = content
  return { ...decode(bytes, file), stamp, mode, owner }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array, file: string): { text: string; style: FileStyle } {
  let raw: string
  try {
    raw = utf8.decode(bytes)
  } catch (cause) {
    throw new MeshError('BAD_NOTEBOOK', { detail: `${file} is not UTF-8 text`, cause })
  }
  if (raw.includes('\0')) throw new MeshError('BAD_NOTEBOOK', { detail: `${file} holds binary data` })
  const bom = raw.startsWith('\ufeff')
  const text = bom ? raw.slice(1) : raw
  if (!text.includes('\r')) return { text, style: { eol: '\n', bom } }
  const windows = (text.match(/\r\n/g) ?? []).length
  const all = (text.match(/\n/g) ?? []).length
  return { text: text.replaceAll('\r\n', '\n'), style: { eol: windows * 2 > all ? '\r\n' : '\n', bom } }
}

function encode(text: string, { eol, bom }: FileStyle): Buffer {
  return Buffer.from((bom ? '\ufeff' : '') + (eol === '\n' ? text : text.replaceAll('\n', eol)), 'utf8')
}

/** Writes the text to a new durable file, with the style, mode and owner of the one that it will replace. */
export function writeTemporary(
  disk: Disk,
  temporary: string,
  text: string,
  like: OldFile | undefined,
): Promise<FileStamp> {
  const { style = plainStyle, mode, owner }: Partial<OldFile> = like ?? {}
  return disk.write(temporary, encode(text, style), mode !== undefined && owner ? { mode, owner } : {})
}

export async function moveFile(disk: Disk, from: string, to: string): Promise<void> {
  await disk.move(from, to)
  await disk.syncFolder(dirname(to))
  if (dirname(from) !== dirname(to)) await disk.syncFolder(dirname(from))
}
