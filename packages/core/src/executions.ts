/**
 * The names inside a document that peers share: the text, and the map of executions (the visible intent and result of
 * each run). A run's entry is a nested Y.Map with the fields of `ExecutionEntry`; foreign clients may write a plain
 * object with the same fields and are answered in kind. A `runtimeUrl` in an entry is ignored (I6).
 */
import { type DocumentId, isId } from './ids.ts'
import type { MimePart, RunError } from './run.ts'

export const sharedNames = { content: 'content', executions: 'executions', files: 'files', claims: 'claims' } as const

export const executionStatuses = [
  'requested',
  'claimed',
  'ready',
  'running',
  'completed',
  'error',
  'cancelled',
  'interrupted',
  'refused',
] as const
export type ExecutionStatus = (typeof executionStatuses)[number]

export interface StdinRequest {
  id: string
  prompt: string
  password: boolean
  requestedAt: number
}

export interface DisplayDatum {
  id?: string
  parts: MimePart[]
  /** Where what stands for it in the text of the output block begins, and its length, in UTF-16 units. */
  at?: number
  chars?: number
}

/** Times are milliseconds since 1970. */
export interface ExecutionEntry {
  id: string
  status: ExecutionStatus
  code: string
  language: string
  /** Name of the session; `default` if absent. */
  session?: string
  /** Y.RelativePosition (JSON) of the first character of the cell's opening fence. */
  cell?: unknown
  requestedBy?: number
  requestedAt?: number
  claimedBy?: number | string
  claimedAt?: number
  /** Who makes the output block: the requester once it sees `claimed` (also if absent), or the monitor at once. */
  outputBy?: 'requester' | 'monitor'
  outputBlockReady?: boolean
  /** Y.RelativePosition (JSON) of the end of the output text, just before the closing fence. */
  outputPosition?: unknown
  startedAt?: number
  completedAt?: number
  durationMs?: number
  /** Who ran it, for the pill below the output. */
  ranOn?: { device: string; name: string }
  /** Why it waits or was refused, in words for a person. */
  reason?: string
  /** Something to know of the kernel that ran it: said once by each kernel, beside the output. */
  notice?: string
  stdinRequest?: StdinRequest | null
  stdinResponse?: { id?: string; text: string; respondedAt: number } | null
  result?: Omit<DisplayDatum, 'id'> | null
  error?: RunError | null
  displayData?: DisplayDatum[]
  /** Who ran it, where monitors that could not see each other both did. */
  ranBy?: { name: string; at: number }[]
  /** Output beyond the cap of the document. */
  fullOutput?: { asset: string; bytes: number } | null
}

/** Entry of the file tree, `getMap('files')` in `<user>/<project>/.meshbook/tree`, keyed by DocumentId. */
export interface TreeEntry {
  path: string
  kind: 'document' | 'asset'
  /** For kind asset: the blob, and its size in bytes. */
  asset?: string
  bytes?: number
  /** For kind asset: the device that wrote the entry and has the bytes, when, and what the entry held before (newest last). */
  by?: string
  at?: number
  past?: string[]
  /** When it was deleted; a deleted entry stays as a tombstone. */
  deletedAt?: number
}

export const treePath = '.meshbook/tree'
/** The path under which a document is synced whatever it is named: a client that comes back after a rename means this one. */
export const pathOfId = (id: DocumentId): string => `${idFolder}${id}`
/** The id in such a path. */
export function idInPath(path: string): DocumentId | undefined {
  const id = path.startsWith(idFolder) ? path.slice(idFolder.length) : undefined
  return isId('document', id) ? id : undefined
}
const idFolder = '.meshbook/documents/'
