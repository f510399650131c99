/**
 * The pages of published documents, ready to be sent: made when somebody asks, kept while the document stands where it
 * stood, made anew at most every few seconds while it goes on changing (PB15). Whether anything is published is asked of
 * the store each time, so that what is taken back is gone at once, whichever hub it was taken back at (PB12).
 */
import { createHash } from 'node:crypto'
import type { AssetId, Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DocumentStore } from '@meshbook/relay/store/document-store.ts'
import type { History } from '../history/history.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { PublishedRow } from '../store/publications.ts'
import { type EncodedPage, encodedPage } from './encoded-page.ts'
import { type KeptOutputsPorts, pageWithOutputs } from './kept-outputs.ts'
import { addressOf, assetFolderOf } from './page-address.ts'
import { indexPage } from './render/index-page.ts'
import type { RenderedPage } from './render/page.ts'
import type { PageContent } from './render-job.ts'

export interface Page {
  html: Buffer
  encoded: EncodedPage
  styleHash: string
  /** Names its bytes; the tag of an answer adds how it is sent. */
  etag: string
  assets: ReadonlySet<AssetId>
  /** HTML of outputs that have a page of their own (PB20). */
  programs: ReadonlyMap<string, string>
  /** When what it shows was last changed. */
  changedAt: number
}

interface Kept extends Page {
  /** How it was published, and under which address. */
  published: string
  /** Where the document stood. */
  position: string
  madeAt: number
  /** How long that took. */
  tookMs: number
}

export interface PublishedPagesPorts extends KeptOutputsPorts {
  store: HubStore
  documents: DocumentStore
  history: History
  now: Now
  limits: Limits
}

export class PublishedPages {
  readonly #ports: PublishedPagesPorts
  /** The least recently used first. */
  readonly #kept = new Map<string, Kept>()
  readonly #making = new Map<string, Promise<Kept>>()
  #bytes = 0

  constructor(ports: PublishedPagesPorts) {
    this.#ports = ports
  }

  find(at: { owner: string; project: string; path: string }): Promise<PublishedRow | null> {
    return this.#ports.store.query('findPublished', at)
  }

  /** The list of a project; undefined where nothing is published (PB19). */
  async index(at: { owner: string; project: string }): Promise<(RenderedPage & { indexed: boolean }) | undefined> {
    const [first, ...rest] = await this.#ports.store.query('publishedList', at)
    return first && { ...indexPage([first, ...rest]), indexed: [first, ...rest].every(({ indexed }) => indexed) }
  }

  async page(row: PublishedRow): Promise<Page> {
    const { now, limits } = this.#ports
    const key = keyOf(row)
    const kept = this.#kept.get(key)
    if (kept) this.#kept.delete(key)
    if (kept) this.#kept.set(key, kept)
    if (kept?.published !== publishedOf(row)) return this.#made(key, row)
    if (kept.position === positionOf(row)) return kept
    // Making a page must not take more than a part of the time, however fast the document changes.
    const restMs = Math.max(limits.publishFollowMs, 10 * kept.tookMs)
    return now() - kept.madeAt < restMs ? kept : this.#made(key, row)
  }

  /** The published document of a project that shows an asset; it is looked for in `first` before the others. */
  async showing(
    at: { owner: string; project: string; first: string },
    asset: AssetId,
  ): Promise<PublishedRow | undefined> {
    for (const row of await this.#ports.store.query('publishedIn', at))
      if ((await this.page(row)).assets.has(asset)) return row
    return undefined
  }

  /** One at a time for a document published in one way: who asks meanwhile gets the same. */
  #made(key: string, row: PublishedRow): Promise<Kept> {
    const job = `${key} ${publishedOf(row)}`
    const making = this.#making.get(job)
    if (making) return making
    const made = this.#make(row)
      .then(page => this.#keep(key, page))
      .finally(() => this.#making.delete(job))
    this.#making.set(job, made)
    return made
  }

  async #make(row: PublishedRow): Promise<Kept> {
    const { now, limits } = this.#ports
    const { content, changedAt } = await this.#contentOf(row)
    const made = await pageWithOutputs(this.#ports, row.org, content, {
      title: titleOf(row.path),
      note: noteOf(row, changedAt),
      indexed: row.indexed,
      assets: { before: assetFolderOf(row), after: `?of=${row.document}` },
    })
    const html = Buffer.from(made.html)
    const encoded = await encodedPage(html)
    const etag = tagOf(html)
    const tookMs = made.plain ? limits.publishRenderMs : made.tookMs
    const { styleHash, programs } = made
    const facts = { published: publishedOf(row), position: positionOf(row), changedAt, madeAt: now(), tookMs }
    return { html, encoded, styleHash, programs, etag, assets: new Set(made.assets), ...facts }
  }

  async #contentOf(row: PublishedRow): Promise<{ content: PageContent; changedAt: number }> {
    const { documents, history } = this.#ports
    const key = { org: row.org, document: row.document }
    if (row.version !== null) {
      const { at } = await history.version(key, row.version)
      return { content: { text: await history.text(key, row.version), entries: row.entries }, changedAt: at }
    }
    const { snapshot, tail } = await documents.open(key)
    return { content: { pieces: snapshot ? [snapshot.data, ...tail] : tail }, changedAt: row.updatedAt }
  }

  #keep(key: string, page: Kept): Kept {
    this.#drop(key)
    this.#kept.set(key, page)
    this.#bytes += bytesOf(page)
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#ports.limits.publishedCacheBytes || oldest === key) break
      this.#drop(oldest)
    }
    return page
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key)
    if (kept) this.#bytes -= bytesOf(kept)
    this.#kept.delete(key)
  }
}

function bytesOf({ html, encoded, programs }: Page): number {
  const texts = [...programs.values()].reduce((sum, text) => sum + 2 * text.length, 0)
  return html.byteLength + encoded.br.byteLength + encoded.gzip.byteLength + texts
}

/** Without the quotes of an ETag. */
const tagOf = (html: Buffer): string => createHash('sha256').update(html).digest('base64url').slice(0, 27)

const keyOf = ({ org, document, mode, version }: PublishedRow): string => `${org} ${document} ${mode} ${version ?? ''}`

const publishedOf = (row: PublishedRow): string => [row.changedAt, row.indexed, addressOf(row)].join(' ')

/** What a continuous page depends on beside how it is published; a pinned one is named by its version. */
const positionOf = ({ mode, epoch, position }: PublishedRow): string =>
  mode === 'pinned' ? '' : `${epoch}.${position}`

export const titleOf = (path: string): string => path.split('/').at(-1)!.replace(/\.md$/, '')

function noteOf(row: PublishedRow, changedAt: number): string {
  const when = new Date(changedAt).toISOString()
  const day = `${when.slice(0, 10)}, ${when.slice(11, 16)} UTC`
  const state = row.version === null ? `Last changed ${day}` : `Version ${row.version}, ${day}`
  return `${row.owner}/${row.projectName}/${row.path} · ${state} · Published with Meshbook`
}
