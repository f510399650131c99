/** What this device says of the saving of its sessions, put together from what its parts know (SN97). */
import type { HeadId, SnapshotId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { LostItem, SnapshotUse } from '@meshbook/core/snapshot.ts'
import type { SavedHere, SessionHere, SnapshotAbility, SnapshotsHere } from '@meshbook/core/snapshots-here.ts'
import type { LiveHead } from '../monitor/session-table.ts'
import { readTree, whatIsLost } from './examine-process.ts'
import type { KindState, SessionSaver } from './session-saver.ts'

export interface HerePorts {
  use: SnapshotUse
  abilities: SnapshotAbility[]
  heads: LiveHead[]
  /** Where the session is called otherwise than its kernel was started as. */
  nameOf(head: LiveHead): string | undefined
  saver(head: HeadId): Pick<SessionSaver, 'behind' | 'kinds'> | undefined
  atHub(snapshot: SnapshotId): boolean
}

export async function describeHere(ports: HerePorts): Promise<SnapshotsHere> {
  const { use, abilities, heads } = ports
  const sessions = await Promise.all(heads.slice(0, 1_000).map(head => sessionHere(head, ports)))
  return { use, abilities, sessions }
}

async function sessionHere(found: LiveHead, ports: HerePorts): Promise<SessionHere> {
  const { session, head, kernel } = found
  const { project, language, name } = kernel.spec
  const saver = ports.saver(head)
  return {
    session,
    head,
    project,
    name: ports.nameOf(found) ?? name,
    language,
    behind: saver?.behind ?? 0,
    saved: (saver?.kinds() ?? []).map(kind => savedHere(kind, ports)),
    cannot: await cannotBeSaved(found),
  }
}

function savedHere({ kind, record, tookMs, error, unfit }: KindState, { atHub }: HerePorts): SavedHere {
  return {
    kind,
    ...(unfit !== undefined && { unfit: cut(unfit) }),
    snapshot: record?.id ?? null,
    asOf: record?.asOf ?? null,
    bytes: record?.bytes ?? 0,
    addedBytes: record?.addedBytes ?? 0,
    pauseMs: record?.pauseMs ?? 0,
    tookMs: Math.round(tookMs),
    atHub: record !== undefined && atHub(record.id),
    lost: record?.lost ?? [],
    ...(error && { error: cut(error.message) }),
  }
}

/** A kernel that has just ended has nothing to lose. */
async function cannotBeSaved({ kernel }: LiveHead): Promise<LostItem[]> {
  try {
    const { pid, address, port } = await kernel.shape()
    return whatIsLost(await readTree(pid), { address, port })
  } catch {
    return []
  }
}

function cut(words: string): string {
  return words.slice(0, limits.problemTextChars).toWellFormed()
}
