/** Bytes as text, where they are text. Pure. */

/** The text of the beginning of a file; undefined if it is none. `isCut`: the last character may not be whole. */
export function textOf(bytes: Uint8Array, isCut: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut })
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
