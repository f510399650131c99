/** A browser with one page, in which documents are open: the web app's own link, store and sync client. */
import type { DocumentId } from '@meshbook/core/ids.ts'
import { campaignWith } from '@meshbook/web/sync/browser-tabs.ts'
import { DocumentLink, type LinkOptions } from '@meshbook/web/sync/document-link.ts'
import { IndexedDatabase } from '@meshbook/web/sync/indexed-database.ts'
import type { Dial, DocumentDatabase, LinkPorts } from '@meshbook/web/sync/link-ports.ts'
import { BrowserStorage } from './browser-storage.ts'
import type { Chance } from './chance.ts'
import { hubName } from './hub-host.ts'
import type { Network } from './network.ts'
import { NodeSocket } from './sockets.ts'
import { Process, type Timeline } from './timeline.ts'
import type { Variations } from './variations.ts'

export interface BrowserSetting {
  timeline: Timeline
  network: Network
  variations: Variations
}

export interface OpenPage {
  document: DocumentId
  address: string
  link: DocumentLink
  /** There is something to show, and so to write in. */
  isReady: boolean
}

const randomName = (): string => crypto.randomUUID()

export class BrowserHost {
  readonly name: string
  readonly storage = new BrowserStorage()
  readonly pages = new Map<DocumentId, OpenPage>()
  /** Addresses of the documents that were open here: what it keeps of them reaches the hub when they are opened again. */
  readonly visited = new Map<DocumentId, string>()
  process: Process | undefined
  readonly #setting: BrowserSetting
  readonly #chance: Chance
  readonly #opened: (browser: BrowserHost, page: OpenPage) => void
  #database: DocumentDatabase | undefined
  #starts = 0
  #wakers = new Set<() => void>()

  /** `opened` is told of each page before anything can happen in it. */
  constructor(
    setting: BrowserSetting,
    chance: Chance,
    name: string,
    opened: (browser: BrowserHost, page: OpenPage) => void,
  ) {
    this.#setting = setting
    this.#chance = chance
    this.name = name
    this.#opened = opened
  }

  get running(): boolean {
    return this.process?.alive === true
  }

  start(): void {
    this.process = new Process(`${this.name} ${++this.#starts}`, this.#chance.split('process'))
    const { variations } = this.#setting
    this.#database = variations.database(new IndexedDatabase(this.storage.factory, randomName))
    this.#wakers = new Set()
  }

  /** Opens a document in the page; `address` is where the hub said that it is. */
  async open(document: DocumentId, address: string): Promise<void> {
    await this.#setting.timeline.in(this.process!, () => this.#openNow(document, address))
  }

  #openNow(document: DocumentId, address: string, ports = this.#ports()): void {
    if (this.pages.has(document)) return
    const options: LinkOptions = {
      document,
      address,
      user: this.name,
      onUnavailable: () => undefined,
      onReplaced: (_unsent, newPorts) => {
        link.close()
        this.pages.delete(document)
        this.#openNow(document, address, newPorts)
      },
    }
    const link = new DocumentLink(options, ports)
    const page: OpenPage = { document, address, link, isReady: false }
    this.pages.set(document, page)
    this.visited.set(document, address)
    this.#opened(this, page)
    link.open().then(
      () => {
        page.isReady = true
      },
      () => {
        if (this.pages.get(document) === page) this.pages.delete(document)
      },
    )
  }

  async closePage(document: DocumentId): Promise<void> {
    const page = this.pages.get(document)
    this.pages.delete(document)
    if (page) await this.#setting.timeline.in(this.process!, () => page.link.close())
  }

  kill(): void {
    this.process?.kill()
    this.pages.clear()
    this.storage.pageDied()
  }

  async wake(): Promise<void> {
    if (this.process) await this.#setting.timeline.in(this.process, () => this.#wakeAll())
  }

  #wakeAll(): void {
    for (const wake of this.#wakers) wake()
  }

  #ports(): LinkPorts {
    const { timeline, variations } = this.#setting
    const process = this.process!
    return {
      database: this.#database!,
      dial: variations.dial(this.#dial(process)),
      // One tab: nobody else is there, and it leads.
      openTabs: () => ({ post: () => undefined, close: () => undefined }),
      campaign: campaignWith(undefined),
      after: (ms, task) => timeline.schedule(process, ms, task),
      random: () => process.chance.fraction(),
      newTab: randomName,
      browser: this.name,
      page: {
        onWake: wake => {
          this.#wakers.add(wake)
          return () => void this.#wakers.delete(wake)
        },
        onLeave: () => () => undefined,
        onHide: () => () => undefined,
      },
      onPrecious: () => undefined,
    }
  }

  #dial(process: Process): Dial {
    const { network } = this.#setting
    return (address, handlers) => {
      const socket = NodeSocket.knock(network, hubName, process, { from: this.name, address, extensions: true })
      let isOver = false
      socket.on('open', () => isOver || handlers.opened(true))
      socket.on('message', (bytes: Buffer) => isOver || handlers.frame(new Uint8Array(bytes)))
      socket.on('close', (code: number, reason: Buffer) => isOver || handlers.closed(code, reason.toString('utf8')))
      return {
        get open() {
          return socket.readyState === socket.OPEN
        },
        send: frame => socket.send(frame),
        close: () => {
          isOver = true
          socket.close()
        },
      }
    }
  }
}
