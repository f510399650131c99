/**
 * Turns waiting changes of one document into versions in the store: reads the log, takes the text at the end of each
 * group, and writes all that is new in one procedure. Knows no timer and no connection.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { diffSize } from '@meshbook/core/history/line-diff.ts'
import { versionsToDrop } from '@meshbook/core/history/retention.ts'
import { assetsIn, type Now } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Database } from '../sql/database.ts'
import type { DocumentKey, DocumentStore, StoredDocument } from '../store/document-store.ts'
import type { HistoryProcedures, NewText, NewVersion, VersionHead } from '../store/history-procedures.ts'
import type { ChangeGroup } from './change-groups.ts'
import type { TextReader } from './text-reader.ts'
import { type Covered, planVersions } from './version-plan.ts'
import { type KnownText, readText, storeText } from './version-text.ts'

export interface VersionWriterPorts {
  store: DocumentStore
  versions: Database<HistoryProcedures>
  reader: TextReader
  limits: Limits
  now: Now
}

/** What retention drops is looked for every so many versions of a document. */
const versionsBetweenThinning = 16

const mostAttempts = 4

export interface Recorded {
  /** Number of the newest version. */
  version: number
  added: boolean
  /** Position up to which the document is in versions now. */
  covered: number
}

interface Written {
  versions: NewVersion[]
  texts: NewText[]
}

export class VersionWriter {
  readonly #ports: VersionWriterPorts

  constructor(ports: VersionWriterPorts) {
    this.#ports = ports
  }

  /** Writes what of the groups is new; tries again when another process recorded the document meanwhile. */
  async write(key: DocumentKey, groups: readonly ChangeGroup[]): Promise<Recorded> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryWrite(key, groups)
      } catch (thrown) {
        if (!(thrown instanceof MeshError) || thrown.code !== 'CONFLICT' || attempt >= mostAttempts) throw thrown
      }
    }
  }

  async #tryWrite(key: DocumentKey, groups: readonly ChangeGroup[]): Promise<Recorded> {
    const { store, versions, limits } = this.#ports
    const head = await versions.query('historyHead', key)
    const before = head?.version ?? 0
    const stored = await store.open(key)
    const plan = planVersions(head ?? undefined, stored, groups, limits)
    const last = plan.at(-1)
    if (!last) return { version: before, added: false, covered: head?.position ?? 0 }
    const texts = await this.#textsOf(stored, plan)
    const written = await this.#compose(key, head, stored.epoch, plan, texts)
    const covered: Covered = { epoch: stored.epoch, position: last.to }
    const version = await versions.call('addVersions', { ...key, after: before, covered, ...written })
    if (crossed(before, version)) await this.#thin(key)
    return { version, added: version > before, covered: last.to }
  }

  async #textsOf({ snapshot, tail }: StoredDocument, plan: readonly ChangeGroup[]): Promise<string[]> {
    const pieces = snapshot ? [snapshot.data, ...tail] : tail
    const before = (snapshot?.position ?? 0) - (snapshot ? 1 : 0)
    return this.#ports.reader.texts({ pieces, ends: plan.map(group => group.to - before) })
  }

  async #compose(
    key: DocumentKey,
    head: VersionHead | null,
    epoch: number,
    plan: readonly ChangeGroup[],
    texts: readonly string[],
  ): Promise<Written> {
    const written: Written = { versions: [], texts: [] }
    let base = head ? await this.#knownText(key, head.hash) : undefined
    for (const [i, group] of plan.entries()) {
      const text = texts[i]!
      const changed = text !== (base?.text ?? '')
      if (!changed && !group.mark) continue
      const size = diffSize(base?.text ?? '', text)
      if (changed || !base) {
        const stored = await storeText(text, base)
        written.texts.push({ ...stored, assets: assetsIn(text) })
        base = { hash: stored.hash, depth: stored.depth, text }
      }
      written.versions.push(versionOf(group, epoch, base.hash, text.length, size))
    }
    return written
  }

  async #knownText(key: DocumentKey, hash: string): Promise<KnownText> {
    const chain = await this.#ports.versions.query('historyText', { ...key, hash })
    return { hash, depth: chain.length - 1, text: await readText(chain) }
  }

  async #thin(key: DocumentKey): Promise<void> {
    const { versions, limits, now } = this.#ports
    const outline = await versions.query('historyOutline', key)
    const drop = versionsToDrop(outline, now(), limits.versionsPerDocument)
    if (drop.length > 0) await versions.call('dropVersions', { ...key, drop })
  }
}

function crossed(from: number, to: number): boolean {
  return Math.floor(from / versionsBetweenThinning) !== Math.floor(to / versionsBetweenThinning)
}

function versionOf(
  { to, lastAt, authors, unattributed, mark }: ChangeGroup,
  epoch: number,
  hash: string,
  chars: number,
  size: { added: number; removed: number },
): NewVersion {
  return {
    at: lastAt,
    kind: mark?.kind ?? 'edit',
    of: mark?.of ?? null,
    request: mark?.request ?? null,
    epoch,
    position: to,
    hash,
    chars,
    ...size,
    authors,
    unattributed,
  }
}
