/**
 * A phone without a browser: pages and a worker that share a database, channels and locks, made of the app's own classes,
 * on the network of this machine. Pages can be killed; the network can be cut, and can lose the answer to what arrived.
 */
import 'fake-indexeddb/auto'
import { subprotocol } from '@meshbook/core/frames.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { codeHash } from '@meshbook/core/notebook/cell-hash.ts'
import { cellsOf, parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { systemAfter } from '@meshbook/relay/timers.ts'
import { atDocument, whenInStep } from '@meshbook/web/phone/offline/at-document.ts'
import { Outbox } from '@meshbook/web/phone/offline/outbox.ts'
import { OutboxStore } from '@meshbook/web/phone/offline/outbox-store.ts'
import { cancelAtHub, postRun } from '@meshbook/web/phone/offline/post-run.ts'
import type { QueuedRun } from '@meshbook/web/phone/offline/queued-run.ts'
import { standingIn } from '@meshbook/web/phone/offline/standing-in.ts'
import { unchanged } from '@meshbook/web/phone/worker/unchanged.ts'
import { DocumentLink } from '@meshbook/web/sync/document-link.ts'
import { IndexedDatabase } from '@meshbook/web/sync/indexed-database.ts'
import type { Campaign, Dial, LinkPorts } from '@meshbook/web/sync/link-ports.ts'
import { IDBFactory } from 'fake-indexeddb'
import { WebSocket } from 'ws'
import * as Y from 'yjs'

export interface HubAddress {
  url(): string
  token(): string
}
export interface Notebook {
  document: string
  address: string
  project: string
  path: string
}

/** How fast its timers are. */
const speed = 10
const never = new Promise<never>(() => undefined)

interface Waiting {
  page: object
  begin(): void
}

/** Web Locks: each name goes to one page at a time; a page that is killed gives up what it has. */
class Locks {
  readonly #queues = new Map<string, Waiting[]>()

  stand(name: string, page: object, begin: () => void): () => void {
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    const waiting = { page, begin }
    if (queue.push(waiting) === 1) queueMicrotask(begin)
    return () => this.#leave(queue, waiting)
  }

  forget(page: object): void {
    for (const queue of this.#queues.values())
      for (const waiting of queue.filter(each => each.page === page)) this.#leave(queue, waiting)
  }

  #leave(queue: Waiting[], waiting: Waiting): void {
    const at = queue.indexOf(waiting)
    if (at < 0) return
    queue.splice(at, 1)
    if (at === 0 && queue[0]) queueMicrotask(queue[0].begin)
  }
}

export class PhoneSide {
  readonly factory = new IDBFactory()
  readonly locks = new Locks()
  readonly hub: HubAddress
  online = true
  /** The next answers are lost on the way back. */
  losesAnswers = 0
  clock = () => Date.now()
  readonly pages = new Set<PhonePage>()
  readonly #channels = new Map<string, Map<object, (message: unknown) => void>>()
  readonly #sockets = new Set<WebSocket>()
  #names = 0

  constructor(hub: HubAddress) {
    this.hub = hub
  }

  newName = (): string => `p${++this.#names}`

  join(name: string, page: object, onMessage: (message: unknown) => void) {
    const members = this.#channels.get(name) ?? new Map()
    this.#channels.set(name, members)
    const me = { page }
    members.set(me, onMessage)
    return {
      post: (message: unknown) => {
        const copy = structuredClone(message)
        for (const [other, tell] of members) if (other !== me) setImmediate(() => members.has(other) && tell(copy))
      },
      close: () => void members.delete(me),
    }
  }

  cut(): void {
    this.online = false
    for (const socket of this.#sockets) socket.terminate()
  }

  heal(): void {
    this.online = true
    this.losesAnswers = 0
    for (const page of this.pages) page.wake()
  }

  readonly dial: Dial = (address, handlers) => {
    const path = address.split('/').map(encodeURIComponent).join('/')
    if (!this.online) {
      setImmediate(() => handlers.closed(1006, ''))
      return { open: false, send: () => undefined, close: () => undefined }
    }
    const headers = { authorization: `Bearer ${this.hub.token()}` }
    const socket = new WebSocket(`${this.hub.url().replace('http', 'ws')}/sync/${path}`, [subprotocol], { headers })
    this.#sockets.add(socket)
    socket.on('open', () => handlers.opened(socket.protocol === subprotocol))
    socket.on('message', data => handlers.frame(new Uint8Array(data as Buffer)))
    socket.on('error', () => undefined)
    socket.on('close', (code, reason) => {
      this.#sockets.delete(socket)
      handlers.closed(code, reason.toString())
    })
    return {
      get open() {
        return socket.readyState === WebSocket.OPEN
      },
      send: frame => socket.readyState === WebSocket.OPEN && socket.send(frame),
      close: () => {
        socket.removeAllListeners()
        socket.on('error', () => undefined)
        this.#sockets.delete(socket)
        socket.terminate()
      },
    }
  }

  readonly fetch: typeof fetch = async (path, options = {}) => {
    if (!this.online) throw new TypeError('there is no network')
    const headers = { ...(options.headers as Record<string, string>), authorization: `Bearer ${this.hub.token()}` }
    const { credentials: _browsers, ...rest } = options
    const answer = await fetch(`${this.hub.url()}${String(path)}`, { ...rest, headers })
    if (this.losesAnswers > 0) {
      this.losesAnswers--
      await answer.arrayBuffer()
      throw new TypeError('the answer was lost')
    }
    if (!this.online) throw new TypeError('the network is gone')
    return answer
  }
}

export interface PageWatch {
  /** It leaves now; since when it was compared, by `performance.now()`. */
  posting(run: QueuedRun, comparedAt: number): Promise<void>
}

/** A page of the app, or the worker: that has no document open. */
export class PhonePage {
  readonly phone: PhoneSide
  readonly outbox: Outbox
  readonly link: DocumentLink | undefined
  stopped = false
  readonly #wakes = new Set<() => void>()
  readonly #database: IndexedDatabase

  constructor(phone: PhoneSide, notebook: Notebook | undefined, kind: 'page' | 'worker', watch: PageWatch) {
    this.phone = phone
    phone.pages.add(this)
    this.#database = new IndexedDatabase(phone.factory, phone.newName)
    this.link = notebook && new DocumentLink({ ...this.#optionsOf(notebook), user: 'me' }, this.#ports())
    this.link?.open().catch(() => undefined)
    const store = new OutboxStore(phone.factory)
    const comparedAt = new Map<string, number>()
    this.outbox = new Outbox({
      store: {
        all: () => this.#guard(() => store.all()),
        add: run => this.#guard(() => store.add(run)),
        change: (id, make) => this.#guard(() => store.change(id, make)),
      },
      standing: run => {
        comparedAt.set(run.id, performance.now())
        return this.#guard(() => (kind === 'worker' ? this.#unchanged(run) : this.#standing(run)))
      },
      post: request =>
        this.#guard(async () => {
          const [run] = (await store.all()).filter(({ id }) => id === request.id)
          if (run) await watch.posting(run, comparedAt.get(run.id) ?? 0)
          return this.stopped ? never : await postRun(request, phone.fetch)
        }),
      cancel: id => this.#guard(() => cancelAtHub(id, phone.fetch)),
      alone: work => this.#alone(work),
      news: () => undefined,
      now: () => phone.clock(),
      newRun: async code => ({ id: newId('run', Date.now(), systemRandom), codeHash: await codeHash(code) }),
      wantedMs: 60_000,
    })
  }

  get text(): string {
    return this.link?.doc.getText('content').toString() ?? ''
  }

  /** Run is pressed at the cell with this code; resolves when the phone says that it is queued. */
  async press(
    notebook: Notebook,
    index: number,
    on: string | undefined,
    wantedMs: number,
  ): Promise<QueuedRun | undefined> {
    const link = this.link!
    const content = link.doc.getText('content')
    const text = content.toString()
    const cell = cellsOf(parseNotebook(text))[index]
    if (!cell) return undefined
    const anchor = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(content, cell.from))
    const now = this.phone.clock()
    const after = await this.#guard(() => link.stored())
    if (!after) throw new Error('the edits were not stored')
    return await this.outbox.add({
      ...notebook,
      id: newId('run', Date.now(), systemRandom),
      language: cell.language,
      code: cell.code,
      codeHash: await codeHash(cell.code),
      anchor,
      demands: on === undefined ? {} : { on: on as never },
      askedAt: now,
      expiresAt: now + wantedMs,
      after,
      textHash: await codeHash(text),
    })
  }

  wake(): void {
    for (const wake of this.#wakes) wake()
  }

  /** As a crash: nothing that it still wants to do happens. */
  kill(): void {
    this.stopped = true
    this.phone.pages.delete(this)
    this.phone.locks.forget(this)
    this.link?.close()
  }

  async #standing(run: QueuedRun) {
    const wanted = { document: run.document, address: run.address, edits: run.after }
    const look = (link: DocumentLink) => standingIn(link.doc, run)
    const found = this.link
      ? await whenInStep(this.link, wanted, { after: this.#after }, 10_000, look)
      : await atDocument(wanted, this.#ports(), 10_000, look)
    return found === 'gone' ? ({ is: 'gone' } as const) : (found ?? ({ is: 'unknown' } as const))
  }

  #unchanged(run: QueuedRun) {
    const textAtHub = async (document: string): Promise<string | undefined> => {
      const answer = await this.phone.fetch(`/api/v1/documents/${document}/content`).catch(() => undefined)
      return answer?.ok ? await answer.text() : undefined
    }
    return unchanged(this.#database, textAtHub, run)
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    let leave = (): void => undefined
    await new Promise<void>(resolve => {
      leave = this.phone.locks.stand('outbox', this, resolve)
    })
    try {
      await this.#guard(work)
    } finally {
      leave()
    }
  }

  /** What a page that was killed waits for does not come. */
  async #guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.stopped) return await never
    try {
      const result = await work()
      return this.stopped ? await never : result
    } catch (thrown) {
      if (this.stopped) return await never
      throw thrown
    }
  }

  #optionsOf({ document, address }: Notebook) {
    return { document, address, onReplaced: () => undefined, onUnavailable: () => undefined }
  }

  readonly #after: LinkPorts['after'] = (ms, task) => systemAfter(ms / speed, () => this.stopped || task())

  #ports(): LinkPorts {
    const { phone } = this
    const wakes = this.#wakes
    const database = this.#database
    const campaign: Campaign = (document, handlers) => {
      const release = phone.locks.stand(document, this, () => this.stopped || handlers.onLead())
      return { steal: () => undefined, release }
    }
    return {
      database: {
        lasting: true,
        read: document => this.#guard(() => database.read(document)),
        append: (...change) => this.#guard(() => database.append(...change)),
        rewrite: (...change) => this.#guard(() => database.rewrite(...change)),
        quarantine: (...change) => this.#guard(() => database.quarantine(...change)),
        heads: () => this.#guard(() => database.heads()),
        forget: document => this.#guard(() => database.forget(document)),
      },
      dial: (address, handlers) =>
        phone.dial(
          address,
          guarded(handlers, () => this.stopped),
        ),
      openTabs: (document, onMessage) => phone.join(document, this, message => this.stopped || onMessage(message)),
      campaign,
      after: this.#after,
      random: Math.random,
      newTab: phone.newName,
      browser: 'phone',
      page: {
        onWake: wake => {
          wakes.add(wake)
          return () => void wakes.delete(wake)
        },
        onLeave: () => () => undefined,
        onHide: () => () => undefined,
      },
      onPrecious: () => undefined,
    }
  }
}

type Handlers = Parameters<Dial>[1]
function guarded(handlers: Handlers, isStopped: () => boolean): Handlers {
  return {
    opened: extensions => void (isStopped() || handlers.opened(extensions)),
    frame: frame => void (isStopped() || handlers.frame(frame)),
    closed: (code, reason) => void (isStopped() || handlers.closed(code, reason)),
  }
}
