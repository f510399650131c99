/**
 * The private names beside a file while it is replaced: the text on its way in (`.tmp`), and what it takes the place of
 * (`.old`). Whoever finds one after a crash knows its document and the number of the write by the name.
 */
import { dirname, join } from 'node:path'
import { type DocumentId, isId } from '@meshbook/core/ids.ts'
import type { Disk } from './disk.ts'

export interface Leftover {
  /** Absolute. */
  path: string
  version: number
  kind: 'tmp' | 'old'
}

export function privateName(file: string, document: DocumentId, version: number, kind: Leftover['kind']): string {
  return join(dirname(file), `.meshbook-${document}-${version}.${kind}`)
}

export function parseLeftover(folder: string, name: string): { document: DocumentId; leftover: Leftover } | undefined {
  const [, document, version, kind] = /^\.meshbook-([a-z]+_[0-9a-z]+)-(\d{1,15})\.(tmp|old)$/.exec(name) ?? []
  if (!isId('document', document)) return undefined
  return { document, leftover: { path: join(folder, name), version: Number(version), kind: kind as Leftover['kind'] } }
}

/** The private names beside a file that is fetched: the new content, and what it takes the place of. */
export function arrivalName(file: string, entry: DocumentId, kind: Leftover['kind']): string {
  return join(dirname(file), `.meshbook-asset-${entry}.${kind}`)
}

/** The entry that a private name of a fetched file belongs to. */
export function parseArrival(folder: string, name: string): Arrival | undefined {
  const [, id, kind] = /^\.meshbook-asset-([a-z]+_[0-9a-z]+)\.(tmp|old)$/.exec(name) ?? []
  return isId('document', id) ? { id, path: join(folder, name), kind: kind as Leftover['kind'] } : undefined
}

export interface Arrival {
  id: DocumentId
  /** Absolute. */
  path: string
  kind: Leftover['kind']
}

/** Those of one document. */
export async function leftoversOf(disk: Disk, folder: string, document: DocumentId): Promise<Leftover[]> {
  const found = ((await disk.list(folder)) ?? []).map(({ name }) => parseLeftover(folder, name))
  return found.flatMap(it => (it?.document === document ? [it.leftover] : []))
}
