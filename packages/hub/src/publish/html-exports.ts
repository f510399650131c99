/**
 * A document as one file of HTML with its pictures inside (FM44). The page is made in the thread that makes pages, with
 * marks where pictures go; they are put in while the answer is sent, one at a time, so that none of them is held.
 */
import type { AssetId, OrgId, RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { DocumentKey, DocumentStore } from '@meshbook/relay/store/document-store.ts'
import type { AssetRow } from '../store/assets.ts'
import { bytesOf, type KeptOutputsPorts, pageWithOutputs } from './kept-outputs.ts'
import type { PageContent, PageSettings } from './render-job.ts'

export interface HtmlExportsPorts extends KeptOutputsPorts {
  documents: DocumentStore
  random: RandomBytes
}

export interface HtmlExport {
  pieces: AsyncIterable<Uint8Array>
  styleHash: string
  /** Pictures and outputs that the hub does not have, or that are too many. */
  missing: AssetId[]
}

export class HtmlExports {
  readonly #ports: HtmlExportsPorts

  constructor(ports: HtmlExportsPorts) {
    this.#ports = ports
  }

  async of(key: DocumentKey, { title, outputs }: { title: string; outputs: boolean }): Promise<HtmlExport> {
    const { documents, random } = this.#ports
    const { snapshot, tail } = await documents.open(key)
    const content: PageContent = { pieces: snapshot ? [snapshot.data, ...tail] : tail }
    // Nobody knows the mark before, so no text of a document is taken for one.
    const mark = `data:image/png;base64,${Buffer.from(random(16)).toString('hex')}.`
    const settings = { title, whole: true, withoutOutputs: !outputs, assets: { before: mark, after: '' } }
    return this.#made(key.org, content, settings, mark)
  }

  /** Made again where pictures are missing, so that the page says so in their place. */
  async #made(org: OrgId, content: PageContent, settings: PageSettings, mark: string): Promise<HtmlExport> {
    const first = await pageWithOutputs(this.#ports, org, content, settings)
    const { rows, absent } = await this.#rowsFor(org, markedIn(first.html, mark))
    const assets = { ...settings.assets, absent }
    const page =
      absent.length === 0 ? first : await this.#ports.maker.page(content, { ...settings, kept: first.kept, assets })
    const missing = [...absent, ...page.wanted]
    return { pieces: this.#filled(page.html, mark, rows), styleHash: page.styleHash, missing }
  }

  /** A picture counts as often as it is shown. */
  async #rowsFor(org: OrgId, shown: ReadonlyMap<AssetId, number>) {
    const rows = new Map<AssetId, AssetRow>()
    const absent: AssetId[] = []
    let left: number = limits.exportPictureBytes
    for (const [id, times] of shown) {
      const row = await this.#ports.store.query('findAsset', { org, id })
      const isFitting = row && row.bytes <= limits.displayBytes && row.bytes * times <= left
      if (!isFitting) absent.push(id)
      else rows.set(id, row)
      left -= isFitting ? row.bytes * times : 0
    }
    return { rows, absent }
  }

  async *#filled(html: string, mark: string, rows: ReadonlyMap<AssetId, AssetRow>): AsyncGenerator<Uint8Array> {
    const [start, ...rest] = html.split(mark)
    yield Buffer.from(start!)
    for (const piece of rest) {
      const row = rows.get(piece.slice(0, idChars) as AssetId)
      if (row) yield Buffer.from(await this.#dataUrl(row))
      yield Buffer.from(piece.slice(idChars))
    }
  }

  /** In an image nothing runs, whatever the type says. */
  async #dataUrl({ object, mimeType }: AssetRow): Promise<string> {
    const type = /^image\/[\w.+-]+$/.test(mimeType) ? mimeType : 'application/octet-stream'
    const bytes = await bytesOf(await this.#ports.objects.get(object))
    return `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
  }
}

const idChars = 'sha256-'.length + 64

/** How often each is shown. */
function markedIn(html: string, mark: string): Map<AssetId, number> {
  const shown = new Map<AssetId, number>()
  for (const piece of html.split(mark).slice(1)) {
    const id = piece.slice(0, idChars) as AssetId
    shown.set(id, (shown.get(id) ?? 0) + 1)
  }
  return shown
}
