/** What this phone holds of documents, and what goes when there is too much of it (PH14). Pure. */

export interface HeldDocument {
  /** When it was opened or fetched last. */
  usedAt: number
  bytes: number
  /** Of the hub's document when it was fetched; absent if it was only opened. */
  updatedAt?: number
  /** The assets that it names, with the room that they take here; 0 of what is not here. */
  assets: Readonly<Record<string, number>>
}
export type Held = Readonly<Record<string, HeldDocument>>

export interface Bounds {
  /** Asked to be kept: the last to be thought of, and never dropped here. */
  kept: ReadonlySet<string>
  /** Not to be touched: with unsent edits, or open. */
  safe: ReadonlySet<string>
  bytes: number
}

export function heldBytes(held: Held): number {
  const assets = new Map(Object.values(held).flatMap(({ assets }) => Object.entries(assets)))
  const texts = Object.values(held).reduce((sum, { bytes }) => sum + bytes, 0)
  return [...assets.values()].reduce((sum, bytes) => sum + bytes, texts)
}

export interface Room {
  /** What documents that were only opened take. */
  opened: number
  /** What the browser says that it gives. */
  quotaBytes: number
  /** What is used of it, if it has just refused to store more: then it gives no more than that, whatever it says. */
  fullAt?: number | undefined
}

/** How much of what was only opened may stay; less than there is of it when there is no room. */
export function boundOf({ opened, quotaBytes, fullAt }: Room, mostBytes: number): number {
  const given = Math.min(mostBytes, quotaBytes / 2)
  return fullAt === undefined ? given : Math.max(0, Math.min(given, fullAt / 2, opened - 1))
}

/** What is to be dropped, the longest unused first, until what was kept by use alone is within its bound. */
export function toDrop(held: Held, { kept, safe, bytes }: Bounds): string[] {
  const byUse = Object.entries(held)
    .filter(([document]) => !kept.has(document))
    .sort(([, a], [, b]) => a.usedAt - b.usedAt)
  let left: Held = Object.fromEntries(byUse)
  const dropped: string[] = []
  for (const [document] of byUse) {
    if (heldBytes(left) <= bytes) break
    if (safe.has(document)) continue
    left = without(left, [document])
    dropped.push(document)
  }
  return dropped
}

export function without(held: Held, documents: readonly string[]): Held {
  return Object.fromEntries(Object.entries(held).filter(([document]) => !documents.includes(document)))
}

/** The assets that only these documents name. */
export function assetsOnlyOf(held: Held, documents: readonly string[]): string[] {
  const others = new Set(Object.values(without(held, documents)).flatMap(({ assets }) => Object.keys(assets)))
  const theirs = documents.flatMap(document => Object.keys(held[document]?.assets ?? {}))
  return [...new Set(theirs)].filter(asset => !others.has(asset))
}

/** Whether fetching may cost the user money, as far as the browser tells. */
export function isMetered(connection: { saveData?: boolean; type?: string } | undefined): boolean {
  return connection?.saveData === true || connection?.type === 'cellular'
}
