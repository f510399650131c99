/**
 * Messages of a server as bytes on the socket (RFC 6455: final, binary, not masked), so that many messages for many
 * readers are encoded once and written in one piece. It knows nothing of what a message means.
 */
const finalBinary = 0x82
const length16 = 126
const length64 = 127

/** One after the other, each in a frame of its own. */
export function websocketFrames(messages: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(
    messages.reduce((sum, { byteLength }) => sum + headBytes(byteLength) + byteLength, 0),
  )
  let at = 0
  for (const message of messages) {
    at = putHead(bytes, at, message.byteLength)
    bytes.set(message, at)
    at += message.byteLength
  }
  return bytes
}

function headBytes(length: number): number {
  if (length < length16) return 2
  return length <= 0xffff ? 4 : 10
}

function putHead(bytes: Buffer, at: number, length: number): number {
  bytes[at] = finalBinary
  if (length < length16) {
    bytes[at + 1] = length
    return at + 2
  }
  if (length <= 0xffff) {
    bytes[at + 1] = length16
    return bytes.writeUInt16BE(length, at + 2)
  }
  bytes[at + 1] = length64
  return bytes.writeBigUInt64BE(BigInt(length), at + 2)
}

/** Remembers the bytes of the last array of messages: whoever gets the same array next gets the same bytes. */
export class LastFrames {
  #messages: readonly Uint8Array[] | undefined
  #bytes: Buffer | undefined

  bytesOf(messages: readonly Uint8Array[]): Buffer {
    if (messages !== this.#messages || !this.#bytes) {
      this.#bytes = websocketFrames(messages)
      this.#messages = messages
    }
    return this.#bytes
  }
}
