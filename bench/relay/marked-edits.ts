/** Edits that can be told from each other in the bytes of an update, so that a reader need not keep a document. */
import * as Y from 'yjs'

export const textName = 'content'
const marker = /#(\d{6});/g

/** What edit number `n` writes: 10 characters. */
export const markOf = (n: number): string => `#${`${n}`.padStart(6, '0')};  `

/** The numbers of the edits in bytes or a text. */
export function marksIn(text: string | Uint8Array): number[] {
  const plain =
    typeof text === 'string' ? text : Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1')
  return Array.from(plain.matchAll(marker), match => Number(match[1]))
}

/** The updates of someone who types at the end of a text, or, with `random`, all over it. */
export function typing(count: number, random = false): Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText(textName)
  let seed = 1
  for (let n = 0; n < count; n++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    text.insert(random ? (seed >>> 4) % (text.length + 1) : text.length, markOf(n))
  }
  return updates
}

export const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Resolves when `done` holds or the time is over, and says whether it holds. */
export async function within(ms: number, done: () => boolean): Promise<boolean> {
  const end = performance.now() + ms
  while (!done() && performance.now() < end) await sleep(2)
  return done()
}
