/**
 * Brings the shared files of a folder to what the tree says: moves, replaces, sets aside and discards local files, and
 * says which are to be fetched. What changed here first goes into the tree elsewhere.
 */
import type { DocumentId } from '@meshbook/core/ids.ts'
import type { AssetFileRow } from '../store/asset-files.ts'
import { knows, type PlacedAsset } from './asset-entry.ts'
import type { AssetPlaces } from './asset-places.ts'
import { type AssetView, markOf } from './asset-view.ts'
import { type FileStamp, sameStamp } from './disk.ts'

export class AssetFollower {
  readonly #view: AssetView
  readonly #places: AssetPlaces
  readonly #bring: (id: DocumentId, entry: PlacedAsset) => void

  constructor(view: AssetView, places: AssetPlaces, bring: (id: DocumentId, entry: PlacedAsset) => void) {
    this.#view = view
    this.#places = places
    this.#bring = bring
  }

  /** The entry is gone: so is an unchanged file, unless it is what another entry wants here. */
  async followDeletion(row: AssetFileRow): Promise<void> {
    const stamp = this.#view.files.get(row.path)
    const [other, entry] = this.#view.entryAt(row.path) ?? []
    if (other && row.asset !== null && entry?.asset === row.asset && !this.#view.rows.get(other)?.asset)
      await this.#view.rows.save({ ...row, id: other })
    else if (stamp && row.stamp && !sameStamp(stamp, row.stamp)) return
    else if (stamp && row.stamp && !this.#view.rows.isShared(row)) {
      if (!sameStamp((await this.#places.look(row.path))?.stamp, row.stamp)) return
      await this.#places.discard(row.path)
    } else if (!stamp && (await this.#places.look(row.path))) return
    await this.#view.rows.remove(row.id)
  }

  /** `isWanted`: the file is to be here although it never was. */
  async follow(id: DocumentId, entry: PlacedAsset, isWanted: boolean): Promise<void> {
    let row = this.#view.rows.get(id)
    if (row && row.path !== entry.path) row = await this.#moveTo(row, entry.path)
    if (row?.asset === entry.asset || (row && row.path !== entry.path)) return
    const stamp = this.#view.files.get(entry.path)
    if (stamp) return this.#followContent(row, id, entry, stamp)
    if (row?.asset || (await this.#places.look(entry.path))) return
    if (row || isWanted) this.#bring(id, entry)
  }

  /** Undefined or another path if the file cannot be moved now: whatever is in the way is dealt with first. */
  async #moveTo(row: AssetFileRow, path: string): Promise<AssetFileRow> {
    if (row.asset !== null) {
      const stamp = this.#view.files.get(row.path)
      if (!stamp) return row
      const inTheWay = this.#view.rows.at(path)
      if (inTheWay) await this.#stepAside(inTheWay)
      if (!(await this.#places.move(row.path, path))) return row
      this.#view.sawMove(row.path, path, (await this.#places.look(path))?.stamp)
    }
    const moved = { ...row, path, stamp: row.stamp && restamped(row.stamp, this.#view.files.get(path)) }
    await this.#view.rows.save(moved)
    return moved
  }

  /** Two files that swap their names: one gets a name of its own first, from where its own move takes it. */
  async #stepAside(row: AssetFileRow): Promise<void> {
    const aside = row.path.replace(/(\.\w+)?$/, ` (${row.id})$1`)
    if (this.#view.tree.assets().get(row.id)?.path === row.path || !this.#view.files.has(row.path)) return
    if (!(await this.#places.move(row.path, aside))) return
    const from = row.path
    this.#view.sawMove(from, aside, (await this.#places.look(aside))?.stamp)
    await this.#view.rows.save({
      ...row,
      path: aside,
      stamp: row.stamp && restamped(row.stamp, this.#view.files.get(aside)),
    })
  }

  /** The entry has other content than the file here: the older of the two gives way, and of two new ones both stay. */
  async #followContent(
    row: AssetFileRow | undefined,
    id: DocumentId,
    entry: PlacedAsset,
    stamp: FileStamp,
  ): Promise<void> {
    // What it holds is not known yet: it is read first.
    if (!row?.asset || !sameStamp(row.stamp ?? undefined, stamp)) return
    if (!row.own || knows(entry, row.asset) || this.#view.isKept(row.asset, entry.path)) this.#bring(id, entry)
    else await this.conflict(id, entry.path)
  }

  /** The row lets go of the file first: a crash in between finds an unknown file, and sets it aside then. */
  async conflict(id: DocumentId, path: string): Promise<void> {
    await this.#view.rows.save({ id, path, stamp: null, asset: null, own: false })
    const copy = await this.#places.setAside(path)
    this.#view.sawMove(path, copy, (await this.#places.look(copy))?.stamp)
  }

  /** Gives fetched content its name, if all is still as it was when it was asked for. */
  async land(id: DocumentId, entry: PlacedAsset, temporary: string): Promise<void> {
    const now = this.#view.tree.assets().get(id)
    const row = this.#view.rows.get(id)
    if (now?.asset !== entry.asset || now.path !== entry.path) return
    if (row?.asset && (row.path !== entry.path || row.asset === entry.asset)) return
    const local = await this.#places.look(entry.path)
    if (!local && row?.asset) return
    const stamp = local
      ? await this.#replace(row, entry, id, temporary, local.stamp)
      : await this.#places.make(entry.path, temporary)
    if (stamp) await this.#view.rows.save({ id, path: entry.path, stamp, asset: entry.asset, own: false })
  }

  async #replace(
    row: AssetFileRow | undefined,
    entry: PlacedAsset,
    id: DocumentId,
    temporary: string,
    stamp: FileStamp | undefined,
  ): Promise<FileStamp | undefined> {
    if (!stamp || !row?.asset || !row.stamp || !sameStamp(row.stamp, stamp)) return undefined
    if (row.own && !knows(entry, row.asset) && !this.#view.isKept(row.asset, entry.path)) return undefined
    return this.#places.replace(entry.path, id, temporary, stamp)
  }
}

/** The stamp after a rename of a file that was unchanged before it; the old one, which says "read it again", if it was not. */
function restamped(before: FileStamp, after: FileStamp | undefined): FileStamp {
  return after && markOf(after) === markOf(before) ? after : before
}
