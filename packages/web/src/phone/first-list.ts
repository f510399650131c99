/**
 * The first thing that is shown: projects and notebooks, as this phone knew them last, then as the hub says (PH3). Only
 * plain checks here, so that it is small; what follows the hub afterwards is loaded after the list is drawn.
 */
import type { DocumentInfo, Project } from '@meshbook/core/api.ts'
import { protocolVersion } from '@meshbook/core/protocol.ts'
import { batch, computed, signal } from '@preact/signals'
import { keep, readKept } from './kept.ts'

export interface Lists {
  projects: Project[]
  documents: DocumentInfo[]
}
interface KeptLists extends Lists {
  at: number
}
interface Answer {
  status: number
  /** What the hub speaks; NaN where somebody else answered. */
  protocol: number
  body?: { items?: unknown[]; next?: string }
}
declare global {
  var early: { projects: Promise<Answer>; documents: Promise<Answer> } | undefined
}

/** Undefined until something is known. */
export const lists = signal<Lists | undefined>(undefined)
/** When the hub said so; undefined if nothing is known. */
export const listsAt = signal<number | undefined>(undefined)
/** Whether the hub answers; `signed-out` when it does and nobody is signed in. */
export const hub = signal<'asking' | 'open' | 'down' | 'signed-out'>('asking')
/** The hub speaks a protocol that this version does not know: nothing is asked of it before the update (PH12). */
export const isTooOld = signal(false)

const name = 'lists'

export async function startLists(now: () => number): Promise<void> {
  const kept = readKept<KeptLists>(name).then(found => {
    if (!found || listsAt.peek() !== undefined) return
    batch(() => {
      lists.value = found
      listsAt.value = found.at
    })
  })
  await Promise.all([kept, takeEarly(now)])
}

async function takeEarly(now: () => number): Promise<void> {
  try {
    const { projects, documents } = globalThis.early!
    const { status, body, protocol } = await projects
    isTooOld.value = protocol > protocolVersion
    if (isTooOld.peek()) return
    if (status === 401) hub.value = 'signed-out'
    if (!body) throw new Error(`answered ${status}`)
    const found = await documents
    if (!found.body) throw new Error(`answered ${found.status}`)
    showLists({ projects: items(body, isProject), documents: items(found.body, isDocument) }, now())
  } catch {
    if (hub.peek() === 'asking') hub.value = 'down'
  }
}

export function showLists(next: Lists, at: number): void {
  batch(() => {
    lists.value = next
    listsAt.value = at
    // Later it is known from the connection.
    if (hub.peek() === 'asking') hub.value = 'open'
  })
  void keep(name, { ...next, at } satisfies KeptLists)
}

const items = <T>(body: Answer['body'], is: (value: unknown) => value is T): T[] =>
  Array.isArray(body?.items) ? body.items.filter(is) : []

const has = (value: unknown, names: readonly string[]): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  names.every(key => typeof (value as Record<string, unknown>)[key] === 'string')
const isProject = (value: unknown): value is Project => has(value, ['id', 'name', 'owner', 'tree'])
const isDocument = (value: unknown): value is DocumentInfo => has(value, ['id', 'project', 'path'])

/** The notebooks of all projects, what was changed last first. */
export const recent = computed(() =>
  (lists.value?.documents ?? [])
    .filter(({ path }) => !path.startsWith('.meshbook/'))
    .toSorted((a, b) => b.updatedAt - a.updatedAt),
)
