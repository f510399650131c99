/**
 * One mesh: a hub, devices and browsers, the network between them, and the book of what was promised. It starts, kills
 * and watches them; what they do is decided by the shipped classes alone.
 */
import type { DocumentInfo } from '@meshbook/core/api.ts'
import type { DocumentId } from '@meshbook/core/ids.ts'
import { type Limits, scaledTimes, limits as shippedLimits } from '@meshbook/core/limits.ts'
import type { HubProcedures } from '@meshbook/hub/store/procedures.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import { SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { SyncClient } from '@meshbook/relay/sync-client.ts'
import { syncStatus } from '@meshbook/web/sync/sync-status.ts'
import * as Y from 'yjs'
import { DocumentBook } from '../checks/document-book.ts'
import { Ledger, type Mark, type Place } from '../checks/ledger.ts'
import { marksIn } from '../checks/marks.ts'
import { Agenda } from './agenda.ts'
import { BrowserHost, type OpenPage } from './browser-host.ts'
import type { Chance } from './chance.ts'
import { DeviceHost, publicKeyOf } from './device-host.ts'
import { HubHost } from './hub-host.ts'
import { Network } from './network.ts'
import type { StoreDisk } from './store-disk.ts'
import type { Process, Timeline } from './timeline.ts'
import type { Variations } from './variations.ts'

export interface Shape {
  browsers: number
  /** Of each device, whether it follows a folder. */
  devices: boolean[]
  /** Several marks on a line. */
  isDense: boolean
  latencyMs: [number, number]
  /** Small caps, so that slow readers and compaction are met often. */
  compactAfterUpdates: number
  socketBacklogBytes: number
}

export interface DeletedFile {
  device: string
  path: string
  text: string
  time: number
  /** What ran on the device then. */
  process: Process | undefined
}

const lookUpAtOnce = 3

/** What one writer has written in one document and is not known to be safe. */
interface Unsafe {
  marks: Mark[]
  deletions: Mark[]
}

export class World {
  readonly timeline: Timeline
  readonly network: Network
  readonly hub: HubHost
  readonly devices: DeviceHost[] = []
  readonly browsers: BrowserHost[] = []
  readonly ledger = new Ledger()
  readonly book = new DocumentBook()
  readonly shape: Shape
  readonly limits: Limits
  /** When another program last saved a file of a device. */
  readonly savedAt = new Map<string, number>()
  /** Texts of files that other programs have emptied and are about to fill. */
  readonly halfSaved = new Set<{ device: string; text: string }>()
  /** What other programs deleted. */
  readonly deletedFiles: DeletedFile[] = []
  /** Where a file went that another program renamed. */
  readonly renamedFrom = new Map<string, string>()
  readonly failures: string[] = []
  readonly trace: string[] = []
  readonly #chance: Chance
  readonly #variations: Variations
  readonly #unsafe = new WeakMap<OpenPage, Unsafe>()
  readonly #agenda: Agenda

  constructor(timeline: Timeline, chance: Chance, shape: Shape, variations: Variations) {
    this.timeline = timeline
    this.#agenda = new Agenda(timeline)
    this.#chance = chance
    this.#variations = variations
    this.shape = shape
    const { compactAfterUpdates } = shape
    this.limits = {
      ...scaledTimes(10),
      compactAfterUpdates,
      compactChunkUpdates: Math.max(2, Math.floor(compactAfterUpdates / 2)),
      roomIdleMs: 1_500,
      documentIdleMs: 800,
      documentsAwake: 2,
      // Everything runs in this thread.
      updateInlineBytes: shippedLimits.documentBytes,
    }
    this.network = new Network(timeline, chance.split('network'))
    this.network.latencyMs = shape.latencyMs
    const hubLimits = { ...this.limits, socketBacklogBytes: shape.socketBacklogBytes }
    this.hub = new HubHost({ timeline, network: this.network, limits: hubLimits, variations }, chance.split('hub'))
  }

  async begin(): Promise<void> {
    await this.hub.prepare()
    for (const [i, hasFolder] of this.shape.devices.entries()) await this.#addDevice(i, hasFolder)
    await this.hub.start()
    await this.timeline.run(50)
    for (const device of this.devices) await device.start()
    for (let i = 0; i < this.shape.browsers; i++) this.#addBrowser(i)
    await this.timeline.run(500)
  }

  async #addDevice(number: number, hasFolder: boolean): Promise<void> {
    const name = `device-${number}`
    const row = await this.hub.addDevice(name, publicKeyOf(number))
    const { timeline, network, limits } = this
    const setting = { timeline, network, limits, variations: this.#variations, project: this.hub.identity.project }
    this.devices.push(new DeviceHost(setting, this.#chance.split(name), row, hasFolder))
  }

  #addBrowser(number: number): void {
    const name = `browser-${number}`
    const { timeline, network } = this
    const setting = { timeline, network, variations: this.#variations }
    const browser = new BrowserHost(setting, this.#chance.split(name), name, (host, page) => this.#watch(host, page))
    browser.start()
    this.browsers.push(browser)
  }

  /** Lets time pass, and does on the way what was put off. */
  async advance(ms: number): Promise<void> {
    await this.#agenda.advance(ms)
  }

  later(ms: number, run: () => Promise<void> | void): void {
    this.#agenda.later(ms, run)
  }

  /** Everything that was put off, at once. */
  async finishAll(): Promise<void> {
    await this.#agenda.finishAll()
  }

  async startHub(): Promise<void> {
    if (!this.hub.running) await this.hub.start()
  }
  async startDevice(device: DeviceHost): Promise<void> {
    if (!device.running) await device.start()
  }
  /** The user, or the network, of a machine is back. */
  async wake(machine: string): Promise<void> {
    await this.browsers.find(({ name, running }) => name === machine && running)?.wake()
  }

  /** Whoever has something in store opens it once more. */
  async openAgain(): Promise<void> {
    await this.timeline.run(0)
    for (const browser of this.browsers)
      for (const [document, address] of browser.visited) await browser.open(document, address)
    for (const device of this.devices)
      if (device.process && device.program)
        await this.timeline.in(device.process, () => {
          for (const document of device.written) device.open(document)
        })
  }

  /** Documents and their paths as the hub lists them. */
  async knownDocuments(): Promise<DocumentInfo[]> {
    const { org, project } = this.hub.identity
    const store = this.hub.disk.look<HubProcedures>()
    return (await store.query('listDocuments', { org, project: project.id, after: '', rows: 100 })).items
  }

  // Watching: who sees what, and what they are told.

  #watch(browser: BrowserHost, page: OpenPage): void {
    this.#unsafe.set(page, { marks: [], deletions: [] })
    const text = page.link.doc.getText('content')
    text.observe((event, transaction) => {
      if (transaction.origin instanceof SyncClient)
        this.#seen(linesWrittenIn(text.toString(), event), browser.name, page.document)
    })
    page.link.facts.subscribe(facts => {
      const { kind } = syncStatus(facts)
      if (kind === 'synced' || (kind === 'offline' && facts.unsent === 0))
        this.#safe(page, 'hub', `"synced" in ${browser.name}`)
      if (kind === 'offline-saved') this.#safe(page, `browser ${browser.name}`, `"saved locally" in ${browser.name}`)
    })
  }

  /** The writer of a page is told that all of it is safe. */
  #safe(page: OpenPage, place: Place, said: string): void {
    const unsafe = this.#unsafe.get(page)
    if (!unsafe) return
    for (const mark of unsafe.marks) this.ledger.promise(mark, place, said)
    if (place !== 'hub') return
    for (const mark of unsafe.deletions) mark.deletedFrom = page.document
    unsafe.marks = []
    unsafe.deletions = []
  }

  wrote(page: OpenPage, mark: Mark): void {
    this.#unsafe.get(page)?.marks.push(mark)
  }
  deletedIn(page: OpenPage, mark: Mark): void {
    this.#unsafe.get(page)?.deletions.push(mark)
  }

  /** What somebody else shows is on the hub's disk, because all of it came from there. */
  #seen(text: string, by: string, document: DocumentId): void {
    for (const found of marksIn(text)) {
      const mark = this.ledger.markOf(found)
      if (!mark || mark.by === by) continue
      this.ledger.promise(mark, 'hub', `seen in ${by}`, document)
      // Some are looked up at once: a moment later they may have become true.
      if (mark.number % lookUpAtOnce === 0) void this.checkClaims()
    }
  }

  /** Looks up what was promised since the last time. */
  async checkClaims(): Promise<void> {
    const claims = this.ledger
      .takeClaims()
      .filter(
        ({ mark, document }) => document && !mark.isTorn && !this.#isElsewhere(mark, document) && mark.deletions === 0,
      )
    const texts = new Map<string, string>()
    for (const { mark, document, place, said } of claims) {
      const disk = this.#storeAt(place)
      if (!disk) continue
      const key = `${place} ${document}`
      if (!texts.has(key)) texts.set(key, await this.storedText(disk.store, disk.org, document!))
      if (!texts.get(key)!.includes(mark.text) && mark.safeAt.has(place))
        this.fail(`NOT DURABLE: ${said}, but ${mark.text} is not on the disk of ${place}`)
    }
  }

  /** Another program moved it away with its file and made another file in that place: it was removed from that document. */
  #isElsewhere(mark: Mark, document: DocumentId): boolean {
    return mark.copies > 1 && this.book.of(document).isContested
  }

  #storeAt(place: Place): { store: StoreDisk; org: string } | undefined {
    if (place === 'hub') return { store: this.hub.disk, org: this.hub.identity.org }
    const device = this.devices.find(({ name }) => place === `device ${name}`)
    return device && { store: device.store, org: device.org }
  }

  /** The text of a document as a disk holds it. */
  async storedText(disk: StoreDisk, org: string, document: DocumentId): Promise<string> {
    const doc = await this.storedDocument(disk, org, document)
    return doc.getText('content').toString()
  }

  async storedDocument(disk: StoreDisk, org: string, document: DocumentId): Promise<Y.Doc> {
    const store = new SqliteDocumentStore(disk.look<DocumentProcedures>())
    const { snapshot, tail } = await store.open({ org: org as never, document })
    const doc = new Y.Doc()
    for (const update of [...(snapshot ? [snapshot.data] : []), ...tail]) Y.applyUpdate(doc, update)
    return doc
  }

  fail(what: string): void {
    if (!this.failures.includes(what)) this.failures.push(what)
  }

  note(what: string): void {
    this.trace.push(`${String(Math.round(this.timeline.time)).padStart(6)}  ${what}`)
  }

  close(): void {
    this.hub.kill()
    this.hub.disk.close()
    for (const device of this.devices) {
      device.kill(false)
      device.store.close()
    }
    for (const browser of this.browsers) browser.process?.kill()
  }
}

/** The lines that an event has written into. */
function linesWrittenIn(text: string, event: Y.YTextEvent): string {
  const lines: string[] = []
  let at = 0
  for (const { retain = 0, insert } of event.delta) {
    const length = typeof insert === 'string' ? insert.length : retain
    if (typeof insert === 'string') {
      const end = text.indexOf('\n', at + length)
      lines.push(text.slice(text.lastIndexOf('\n', Math.max(0, at - 1)) + 1, end < 0 ? text.length : end))
    }
    at += length
  }
  return lines.join('\n')
}
