/** Looks through a camera until there is a pairing code before it. Knows no browser. */
import { readScanned, type Scanned } from './read-scanned.ts'

export interface ScanPorts {
  /** The codes in the picture of now. */
  look(): Promise<readonly string[]>
  origin: string
  pause(): Promise<void>
  signal: AbortSignal
}

/** Undefined if it was left before. */
export async function scan({ look, origin, pause, signal }: ScanPorts): Promise<Scanned | undefined> {
  while (!signal.aborted) {
    // A picture that is not there yet is looked at again.
    const texts = await look().catch(() => [])
    const found = texts.map(text => readScanned(text, origin)).find(scanned => scanned !== undefined)
    if (found && !signal.aborted) return found
    await pause()
  }
  return undefined
}
