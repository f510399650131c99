/**
 * The browser woke the worker because there is a network again: sends what was queued and needs no look into a document
 * (PH25). The rest waits for the app, whose queue and lock these are.
 */
import { IndexedDatabase } from '../../sync/indexed-database.ts'
import { Outbox } from '../offline/outbox.ts'
import { OutboxStore } from '../offline/outbox-store.ts'
import { cancelAtHub, postRun } from '../offline/post-run.ts'
import { unchanged } from './unchanged.ts'

const name = 'meshbook:outbox'
const textMs = 30_000

/** Rejects if something is left that another try may send: the browser then comes back. */
export async function sendQueued(): Promise<void> {
  const documents = new IndexedDatabase(indexedDB, () => crypto.randomUUID())
  const channel = new BroadcastChannel(name)
  const outbox = new Outbox({
    store: new OutboxStore(indexedDB),
    standing: run => unchanged(documents, textAtHub, run),
    post: request => postRun(request),
    cancel: id => cancelAtHub(id),
    alone: work => navigator.locks.request(name, work),
    news: () => channel.postMessage('changed'),
    now: Date.now,
    newRun: () => Promise.reject(new Error('nobody asks the worker')),
    wantedMs: 0,
  })
  try {
    if (await outbox.send()) throw new Error('some runs wait')
  } finally {
    channel.close()
  }
}

async function textAtHub(document: string): Promise<string | undefined> {
  try {
    const options = { cache: 'no-store', signal: AbortSignal.timeout(textMs) } as const
    const answer = await fetch(`/api/v1/documents/${document}/content`, options)
    return answer.ok ? await answer.text() : undefined
  } catch {
    return undefined
  }
}
