/** Who else is in a document, from the awareness states of strangers. Pure. */
export interface Peer {
  client: number
  name: string
  /** Of a colour, in degrees; the same name has the same everywhere. */
  hue: number
}

const mostNameChars = 60

export function peersOf(states: ReadonlyMap<number, unknown>, own: number): Peer[] {
  return [...states].filter(([client]) => client !== own).map(([client, state]) => ({ client, ...look(nameOf(state)) }))
}

function nameOf(state: unknown): string {
  const user = typeof state === 'object' && state !== null ? (state as { user?: unknown }).user : undefined
  const name = typeof user === 'object' && user !== null ? (user as { name?: unknown }).name : undefined
  return typeof name === 'string' && name.trim() !== '' ? name.trim().slice(0, mostNameChars) : 'Guest'
}

function look(name: string): { name: string; hue: number } {
  let hash = 0
  for (const char of name) hash = (hash * 31 + char.codePointAt(0)!) % 360
  return { name, hue: hash }
}
