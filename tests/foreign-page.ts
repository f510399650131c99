/**
 * A page that knows y-websocket and the map of executions and nothing of Meshbook. It does what such a page does (asks,
 * makes the output block, answers questions) and keeps a complaint for everything that it would not understand.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { waitMs } from './mesh-process.ts'

export type Entry = Record<string, unknown>

const order = ['requested', 'claimed', 'ready', 'running']
const ends = ['completed', 'error', 'cancelled', 'interrupted']
const own = ['id', 'cellId', 'code', 'language', 'runtimeUrl', 'session', 'requestedBy', 'requestedAt', 'mine']

export interface PageOptions {
  /** Entries as nested maps; plain objects otherwise. */
  nested?: boolean
  /** It leaves the output block to the monitor. */
  lazy?: boolean
}

export class ForeignPage {
  readonly doc = new Y.Doc()
  readonly text = this.doc.getText('content')
  readonly complaints: string[] = []
  readonly provider: WebsocketProvider
  readonly #map = this.doc.getMap<unknown>('executions')
  readonly #options: PageOptions
  readonly #asked = new Map<string, Entry>()
  readonly #seen = new Map<string, string>()
  #closed = false

  constructor(url: string, name: string, options: PageOptions = {}) {
    this.#options = options
    this.provider = new WebsocketProvider(url, name, this.doc, {
      WebSocketPolyfill: WebSocket as never,
      disableBc: true,
      maxBackoffTime: 200,
    })
    this.#map.observeDeep((_events, transaction) => {
      if (!transaction.local) for (const id of this.#asked.keys()) this.#look(id)
    })
  }

  async synced(): Promise<void> {
    await this.until('the page is synced', () => this.provider.synced)
  }

  async until(what: string, check: () => boolean, ms = waitMs): Promise<void> {
    for (const end = performance.now() + ms; performance.now() < end && !this.#closed; await sleep(5))
      if (check()) return
    const entries = [...this.#asked.keys()].map(id => JSON.stringify(this.entry(id)))
    throw new Error(`${what} did not happen in ${ms} ms: ${entries.join(' ')}`)
  }

  addCell(code: string): void {
    this.text.insert(this.text.length, `\`\`\`python\n${code}\n\`\`\`\n\n`)
  }

  ask(id: string, code: string, extra: Entry = {}): void {
    const unset = [
      'claimedBy',
      'claimedAt',
      'outputPosition',
      'startedAt',
      'completedAt',
      'stdinRequest',
      'stdinResponse',
    ]
    const entry: Entry = {
      ...{
        id,
        cellId: `cell-${id}`,
        code,
        language: 'python',
        runtimeUrl: 'http://127.0.0.1:9/mrp/v1',
        session: 'default',
      },
      ...{ status: 'requested', requestedBy: this.doc.clientID, requestedAt: Date.now(), mine: { of: 'this page' } },
      ...Object.fromEntries([...unset, 'result', 'error'].map(name => [name, null])),
      ...{ outputBlockReady: false, displayData: [] },
      ...extra,
    }
    this.#asked.set(id, entry)
    this.#seen.set(id, 'requested')
    this.#map.set(id, this.#options.nested ? new Y.Map(Object.entries(entry)) : entry)
  }

  entry(id: string): Entry | undefined {
    const value = this.#map.get(id)
    return value instanceof Y.Map ? (value.toJSON() as Entry) : (value as Entry | undefined)
  }

  status(id: string): unknown {
    return this.entry(id)?.status
  }

  /** As such a page does it: the whole object again, or the fields of the map. */
  set(id: string, fields: Entry): void {
    const value = this.#map.get(id)
    this.doc.transact(() => {
      if (value instanceof Y.Map) for (const [name, field] of Object.entries(fields)) value.set(name, field)
      else this.#map.set(id, { ...(value as Entry), ...fields })
    })
  }

  answer(id: string, text: string): void {
    this.set(id, { stdinResponse: { text: `${text}\n`, respondedAt: Date.now() } })
  }

  isOver(id: string): boolean {
    return ends.includes(String(this.status(id)))
  }

  async over(id: string): Promise<Entry> {
    await this.until(`the end of ${id}`, () => this.isOver(id))
    return this.entry(id)!
  }

  /** The text between the fences of the run's block, found as such a page finds it. */
  output(id: string): string | undefined {
    const text = this.text.toString()
    const at = text.indexOf(`\`\`\`output:${id}\n`)
    if (at < 0) return undefined
    const from = text.indexOf('\n', at) + 1
    if (text.startsWith('```', from)) return ''
    const to = text.indexOf('\n```', from)
    return to < 0 ? undefined : text.slice(from, to + 1)
  }

  blocks(id: string): number {
    return this.text.toString().split(`output:${id}\n`).length - 1
  }

  #look(id: string): void {
    const entry = this.entry(id)
    if (!entry) {
      this.#complain(id, 'it is gone')
      return
    }
    this.#check(id, entry)
    if (entry.status === 'claimed' && !this.#options.lazy && this.output(id) === undefined)
      setTimeout(() => this.#makeBlock(id))
  }

  #makeBlock(id: string): void {
    if (this.status(id) !== 'claimed' || this.output(id) !== undefined) return
    const cell = `\`\`\`python\n${this.#asked.get(id)!.code}\n\`\`\`\n`
    const at = this.text.toString().indexOf(cell) + cell.length
    const opening = `\n\`\`\`output:${id}\n`
    this.doc.transact(() => {
      this.text.insert(at, `${opening}\`\`\`\n`)
      const position = Y.createRelativePositionFromTypeIndex(this.text, at + opening.length)
      this.set(id, { status: 'ready', outputBlockReady: true, outputPosition: Y.relativePositionToJSON(position) })
    })
  }

  #check(id: string, entry: Entry): void {
    const asked = this.#asked.get(id)!
    for (const name of own)
      if (JSON.stringify(entry[name]) !== JSON.stringify(asked[name])) this.#complain(id, `${name} was changed`)
    if (this.#map.get(id) instanceof Y.Map !== (this.#options.nested === true))
      this.#complain(id, 'it is of another kind')
    this.#checkStatus(id, String(entry.status))
    if (entry.status !== 'requested' && typeof entry.claimedBy !== 'number') this.#complain(id, 'nobody has claimed it')
    const displays = entry.displayData as Entry[]
    if (!displays.every(({ mimeType, data, assetId }) => typeof mimeType === 'string' && (data ?? assetId)))
      this.#complain(id, `displayData ${JSON.stringify(displays)}`)
    const error = entry.error as Entry | null
    if (
      error &&
      !(typeof error.type === 'string' && typeof error.message === 'string' && Array.isArray(error.traceback))
    )
      this.#complain(id, `error ${JSON.stringify(error)}`)
    if (entry.status === 'error' && !error) this.#complain(id, 'an error without one')
  }

  /** Forward only, but for what this page sets itself. */
  #checkStatus(id: string, status: string): void {
    const before = this.#seen.get(id)!
    this.#seen.set(id, status)
    if (![...order, ...ends].includes(status)) this.#complain(id, `status ${status}`)
    if (ends.includes(before) && status !== before && !ends.includes(status))
      this.#complain(id, `${status} after ${before}`)
    if (order.indexOf(status) >= 0 && order.indexOf(status) < order.indexOf(before) - 1)
      this.#complain(id, `${status} after ${before}`)
  }

  #complain(id: string, what: string): void {
    this.complaints.push(`${id}: ${what}`)
  }

  /** Whoever still waits for something waits no longer. */
  close(): void {
    this.#closed = true
    this.provider.destroy()
    this.doc.destroy()
  }
}
