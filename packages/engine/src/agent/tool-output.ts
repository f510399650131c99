/** What of a tool's output the model is shown: all of it, or its beginning and its end (AL43). Pure. */
import { limits } from '@meshbook/core/limits.ts'

export function shortened(text: string, asset: string | undefined, most: number = limits.toolOutputBytes): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= most) return text
  const where = asset === undefined ? '' : `, all of it is kept as ${asset}`
  const note = (left: number) => `\n\n[… ${left} bytes are left out here${where} …]\n\n`
  const room = most - Buffer.byteLength(note(bytes.length))
  const head = wholeCharacters(bytes.subarray(0, Math.floor(room * 0.6)), 'end')
  const tail = wholeCharacters(bytes.subarray(bytes.length - Math.floor(room * 0.4)), 'begin')
  return head + note(bytes.length - Buffer.byteLength(head) - Buffer.byteLength(tail)) + tail
}

/** Without the halves of a character at the place of the cut. */
function wholeCharacters(bytes: Uint8Array, cutAt: 'begin' | 'end'): string {
  const isInside = (at: number) => ((bytes[at] ?? 0) & 0xc0) === 0x80
  if (cutAt === 'begin') {
    let from = 0
    while (from < bytes.length && isInside(from)) from++
    return Buffer.from(bytes.subarray(from)).toString('utf8')
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true })
}
