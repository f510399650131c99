/** The queue of runs in a real browser: one for all tabs, sent as soon as the hub answers. */
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { codeHash } from '@meshbook/core/notebook/cell-hash.ts'
import { effect } from '@preact/signals'
import { runs as runsOfHub } from '../../state/known.ts'
import { browserPorts } from '../../sync/browser-ports.ts'
import { hub } from '../first-list.ts'
import { asAtHub } from './as-at-hub.ts'
import { askForSync } from './ask-for-sync.ts'
import { atDocument } from './at-document.ts'
import { Outbox } from './outbox.ts'
import { OutboxStore } from './outbox-store.ts'
import { cancelAtHub, postRun } from './post-run.ts'
import { queued } from './queue.ts'
import type { QueuedRun, Standing } from './queued-run.ts'
import { settleSent } from './settle-sent.ts'
import { standingIn } from './standing-in.ts'

/** The lock and the channel are the worker's too. */
const name = 'meshbook:outbox'
const clock = Date.now
const retryMs = 5_000
/** How often it is looked what has expired while the hub does not answer. */
const expiryLookMs = 60_000

async function standing(run: QueuedRun): Promise<Standing> {
  if (hub.peek() !== 'open') return { is: 'unknown' }
  const wanted = { document: run.document, address: run.address, edits: run.after }
  const waitMs = limits.documentInStepMs
  const found = await atDocument(wanted, browserPorts, waitMs, async link => {
    const doc = await asAtHub(link, run.address, browserPorts, waitMs)
    const standing = doc && standingIn(doc, run)
    doc?.destroy()
    return standing
  })
  return found === 'gone' ? { is: 'gone' } : (found ?? { is: 'unknown' })
}

const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(name)

export const outbox = new Outbox({
  store: new OutboxStore(indexedDB),
  standing,
  post: request => postRun(request),
  cancel: id => cancelAtHub(id),
  // Absent on a page without HTTPS: then every tab sends, under the same id.
  alone: work => (navigator.locks ? navigator.locks.request(name, work) : work()),
  news: () => channel?.postMessage('changed'),
  now: Date.now,
  newRun: async code => ({ id: newId('run', clock(), systemRandom), codeHash: await codeHash(code) }),
  wantedMs: limits.runWaitMs,
})

let retry: (() => void) | undefined
/** Sends what may be sent, and goes on for as long as the hub answers and something is left. */
export async function sendQueued(): Promise<void> {
  retry?.()
  retry = undefined
  if (!queued.peek().some(isToSend)) return
  if (hub.peek() === 'signed-out') return
  const isLeft = await outbox.send()
  if (!isLeft) return
  const isOpen = hub.peek() === 'open'
  if (!isOpen) void askForSync()
  retry ??= browserPorts.after(isOpen ? retryMs : expiryLookMs, () => void sendSafely())
}

const isToSend = ({ state }: QueuedRun): boolean => state.is === 'queued' || state.is === 'sending'

/** What cannot be stored or read is shown where it is asked for; here the next try follows. */
async function sendSafely(): Promise<void> {
  await sendQueued().catch(() => {
    retry ??= browserPorts.after(retryMs, () => void sendSafely())
  })
}

let started: Promise<void> | undefined
/** Reads what is queued and begins to follow the hub. */
export function startOutbox(): Promise<void> {
  started ??= start().catch(thrown => {
    started = undefined
    throw thrown
  })
  return started
}

async function start(): Promise<void> {
  effect(() => {
    queued.value = outbox.runs.value
  })
  if (channel) channel.onmessage = () => void outbox.read().catch(() => undefined)
  await outbox.read()
  effect(() => {
    if (hub.value === 'open') void sendSafely()
  })
  browserPorts.page.onWake(() => void sendSafely())
  settleSent(outbox, runsOfHub, hub)
}

/** Resolves when it is stored; then it is on its way. */
export async function queueRun(run: Parameters<typeof outbox.add>[0]): Promise<QueuedRun> {
  await startOutbox()
  const stored = await outbox.add(run)
  void sendSafely()
  if (hub.peek() !== 'open') void askForSync()
  return stored
}

/** The user has answered a question, or taken something back. */
export async function answerQueued(id: string, answer: 'as it was' | 'new code' | 'drop'): Promise<boolean> {
  await startOutbox()
  if (answer === 'drop') return await outbox.takeBack(id)
  if (answer === 'new code') await outbox.runNewCode(id)
  else await outbox.runAsItWas(id)
  void sendSafely()
  return true
}
