/** Who else is in a document, from the awareness states of strangers: each browser once. Pure. */
export interface Peer {
  client: number
  name: string
  /** Of a colour, in degrees; the same name has the same everywhere. */
  hue: number
}

const mostNameChars = 60

/** Leaves out this tab, this browser's other tabs, and further tabs of a browser that is listed. */
export function peersOf(states: ReadonlyMap<number, unknown>, own: number, ownBrowser: string): Peer[] {
  const browsers = new Set([ownBrowser])
  const peers: Peer[] = []
  for (const [client, state] of [...states].sort(([a], [b]) => a - b)) {
    const { name, browser } = userOf(state)
    if (client === own || (browser !== undefined && browsers.has(browser))) continue
    if (browser !== undefined) browsers.add(browser)
    peers.push({ client, ...look(name) })
  }
  return peers
}

/** Where somebody's cursor is: positions of the shared text as they sent them, not checked yet. */
export interface PeerCursor extends Peer {
  anchor: unknown
  head: unknown
}

/** The cursors in all other pages that show one, this browser's too; in the form that other Yjs editors use. */
export function cursorsOf(states: ReadonlyMap<number, unknown>, own: number): PeerCursor[] {
  return [...states].flatMap(([client, state]) => {
    const cursor = client === own ? undefined : (state as { cursor?: unknown } | null)?.cursor
    if (typeof cursor !== 'object' || cursor === null) return []
    const { anchor, head } = cursor as Record<string, unknown>
    return [{ client, ...look(userOf(state).name), anchor, head }]
  })
}

function userOf(state: unknown): { name: string; browser: string | undefined } {
  const user = typeof state === 'object' && state !== null ? (state as { user?: unknown }).user : undefined
  const { name, browser } = typeof user === 'object' && user !== null ? (user as Record<string, unknown>) : {}
  return {
    name: typeof name === 'string' && name.trim() !== '' ? name.trim().slice(0, mostNameChars) : 'Guest',
    browser: typeof browser === 'string' && browser !== '' ? browser : undefined,
  }
}

function look(name: string): { name: string; hue: number } {
  let hash = 0
  for (const char of name) hash = (hash * 31 + char.codePointAt(0)!) % 360
  return { name, hue: hash }
}
