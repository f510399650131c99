/** What was shared, in a real browser: placed by one tab at a time, and again whenever the hub answers (PH64). */
import { pathOfId } from '@meshbook/core/executions.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type Signal, signal } from '@preact/signals'
import type * as Y from 'yjs'
import { ApiError, asApiError } from '../../api/api-error.ts'
import { api } from '../../api/client.ts'
import { requestText } from '../../api/http.ts'
import { browserPorts } from '../../sync/browser-ports.ts'
import { type DocumentLink, openDocument } from '../../sync/document-link.ts'
import { assetCacheName } from '../asset-cache-name.ts'
import { hub } from '../first-list.ts'
import { keepUp } from '../offline/keep-up.ts'
import { shownLink } from '../offline/shown-documents.ts'
import { Refusal, type Settled, type SettlePorts, settle } from './settle-shared.ts'
import { type Goal, isImage, type Shared, type SharedFile } from './shared.ts'
import { SharedStore } from './shared-store.ts'

export const sharedStore = new SharedStore(indexedDB)
/** All that is here, placed or not. */
export const sharedHere: Signal<readonly Shared[]> = signal([])

const lock = 'meshbook:shared'
const slowestBytesPerMs = 10

const alone = <T>(work: () => Promise<T>): Promise<T> =>
  navigator.locks ? (navigator.locks.request(lock, work) as Promise<T>) : work()

export async function readShared(): Promise<void> {
  sharedHere.value = await sharedStore.all()
}

/** Resolves when what the user chose is stored and was tried once. */
export async function place(id: string, goal: Goal): Promise<Settled> {
  const chosen = await sharedStore.change(id, ({ refused: _, update: _old, written: _done, ...now }) => ({
    ...now,
    goal,
  }))
  if (!chosen) throw new ApiError('NOT_FOUND', 'It is not on this phone any more.', 'Share it once more.')
  const settled = await settleOne(id)
  // The edit goes to the hub like any other of a notebook that nobody has open.
  if (goal.is === 'end' && hub.peek() === 'open') void keepUp().catch(() => undefined)
  return settled
}

export async function discard(id: string): Promise<void> {
  await alone(() => sharedStore.change(id, () => 'drop'))
  await readShared()
}

async function settleOne(id: string): Promise<Settled> {
  try {
    return await alone(async () => {
      const shared = await sharedStore.find(id)
      return shared ? await settle(shared, ports) : 'done'
    })
  } finally {
    await readShared()
  }
}

/** Everything that has a place and waits. What cannot be done now is tried another time. */
export async function settleWaiting(): Promise<void> {
  await readShared()
  for (const { id, goal, refused } of sharedHere.peek())
    if (goal && !refused) await settleOne(id).catch(() => undefined)
}

const ports: SettlePorts = { store: sharedStore, onDocument, sendFile, makeNote }

async function onDocument(
  goal: Goal & { is: 'end' },
  work: (doc: Y.Doc) => Promise<void>,
): Promise<'stored' | 'away' | 'gone'> {
  const open = shownLink(goal.document)
  if (open) return await stored(open, work)
  const abort = new AbortController()
  const cancel = browserPorts.after(limits.documentInStepMs, () => abort.abort())
  const address = `${goal.owner}/${goal.projectName}/${pathOfId(goal.document as DocumentId)}`
  const onUnavailable = () => abort.abort()
  const onReplaced = () => abort.abort()
  try {
    const options = { document: goal.document, address, user: '', signal: abort.signal, onUnavailable, onReplaced }
    const link = await openDocument(options, browserPorts)
    try {
      return await stored(link, work)
    } finally {
      link.close()
    }
  } catch (thrown) {
    if (abort.signal.aborted) return 'away'
    const { code } = asApiError(thrown)
    if (code === 'NOT_FOUND' || code === 'FORBIDDEN') return 'gone'
    throw thrown
  } finally {
    cancel()
  }
}

async function stored(link: DocumentLink, work: (doc: Y.Doc) => Promise<void>): Promise<'stored'> {
  await work(link.doc)
  if (await link.stored()) return 'stored'
  const hint = 'Allow this site to store data, make room, or leave the private window.'
  throw new ApiError('STORAGE_FAILED', 'This browser did not store the change.', hint)
}

/** Shown from here before the hub has it. Only what can be nothing but a picture: the rest would be a page of ours. */
async function showBefore({ asset, type, data }: SharedFile): Promise<void> {
  if (!globalThis.caches || !isImage({ type }) || type.includes('svg')) return
  const headers = {
    'content-type': type,
    'content-length': String(data.size),
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  }
  await (await caches.open(assetCacheName)).put(`/api/v1/assets/${asset}`, new Response(data, { headers }))
}

async function sendFile(file: SharedFile, project: string): Promise<boolean> {
  await showBefore(file)
  if (hub.peek() !== 'open') return false
  const signal = AbortSignal.timeout(limits.requestMs + file.bytes / slowestBytesPerMs)
  const address = `/api/v1/assets/${file.asset}?project=${project}`
  const headers = { 'content-type': 'application/octet-stream' }
  const answer = await fetch(address, { method: 'PUT', headers, body: file.data, signal }).catch(() => undefined)
  await answer?.body?.cancel()
  if (answer?.ok) return true
  if (answer?.status === 413)
    throw new Refusal(`“${file.name}” is too large for the hub.`, 'Share it without that file.')
  if (answer?.status === 403 || answer?.status === 404)
    throw new Refusal('Nothing can be added to this project.', 'Choose another project.')
  return false
}

async function makeNote(goal: Goal & { is: 'new' }, text: string): Promise<'made' | 'taken' | 'away'> {
  if (hub.peek() !== 'open') return 'away'
  try {
    await api.putDocument(goal.project, goal.path, text)
    return 'made'
  } catch (thrown) {
    const { code, message, hint } = asApiError(thrown)
    if (code === 'WOULD_OVERWRITE' || code === 'CONFLICT') return (await isThere(goal, text)) ? 'made' : 'taken'
    if (final.has(code)) throw new Refusal(message, hint)
    return 'away'
  }
}

const final = new Set<string>([
  'FORBIDDEN',
  'NOT_FOUND',
  'TOO_LARGE',
  'BAD_PATH',
  'BAD_REQUEST',
  'READ_ONLY',
  'QUOTA_USED',
])

/** An earlier try has made it and its answer was lost. */
async function isThere({ owner, projectName, path }: Goal, text: string): Promise<boolean> {
  const { id } = await api.documentAt(`${owner}/${projectName}/${path}`)
  return (await requestText('GET', `/documents/${id}/content`)).includes(text.trim())
}
