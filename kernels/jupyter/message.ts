/**
 * Messages of the Jupyter protocol as the frames that they are on the wire (JK4): signed, checked and parsed. It knows
 * nothing of sockets, and of what a message means only its header.
 */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import * as v from 'valibot'

const delimiter = Buffer.from('<IDS|MSG>')
const mostIdentities = 8
const protocolVersion = '5.3'
const empty = Buffer.from('{}')

const text = v.string()
const record = v.record(v.string(), v.unknown())
const headerSchema = v.looseObject({ msg_id: v.pipe(text, v.minLength(1), v.maxLength(500)), msg_type: text })
const parentSchema = v.looseObject({ msg_id: v.optional(text) })

export type Header = v.InferOutput<typeof headerSchema>

export interface Message {
  header: Header
  /** The id of the request that it belongs to. */
  parent: string | undefined
  content: Record<string, unknown>
}

export type Fault = 'no delimiter' | 'frames are missing' | 'bad signature' | 'malformed'

/** What arrived is no message that can be trusted or read. */
export class BadMessage extends Error {
  readonly fault: Fault
  constructor(fault: Fault) {
    super(fault)
    this.fault = fault
  }
}

export class MessageCodec {
  readonly #key: string
  readonly #session = randomUUID()
  readonly #date: () => string

  constructor(key: string, date: () => string) {
    this.#key = key
    this.#date = date
  }

  /** The frames of a new message, and the id that answers will name. */
  encode(type: string, content: object, parent?: Header): { id: string; frames: Buffer[] } {
    const id = randomUUID()
    const header = {
      msg_id: id,
      msg_type: type,
      session: this.#session,
      username: 'meshbook',
      date: this.#date(),
      version: protocolVersion,
    }
    const parts = [asJson(header), parent ? asJson(parent) : empty, empty, asJson(content)]
    return { id, frames: [delimiter, Buffer.from(this.#sign(parts), 'latin1'), ...parts] }
  }

  decode(frames: readonly Buffer[]): Message {
    const at = frames.slice(0, mostIdentities + 1).findIndex(frame => frame.equals(delimiter))
    if (at < 0) throw new BadMessage('no delimiter')
    const [signature, ...parts] = frames.slice(at + 1, at + 6)
    if (!signature || parts.length < 4) throw new BadMessage('frames are missing')
    if (!this.#isSigned(signature, parts)) throw new BadMessage('bad signature')
    return readParts(parts as [Buffer, Buffer, Buffer, Buffer])
  }

  #sign(parts: readonly Buffer[]): string {
    const hmac = createHmac('sha256', this.#key)
    for (const part of parts) hmac.update(part)
    return hmac.digest('hex')
  }

  #isSigned(signature: Buffer, parts: readonly Buffer[]): boolean {
    const wanted = Buffer.from(this.#sign(parts), 'latin1')
    return signature.length === wanted.length && timingSafeEqual(signature, wanted)
  }
}

function readParts([header, parent, , content]: [Buffer, Buffer, Buffer, Buffer]): Message {
  try {
    return {
      header: v.parse(headerSchema, JSON.parse(header.toString('utf8'))),
      parent: v.parse(parentSchema, JSON.parse(parent.toString('utf8'))).msg_id,
      content: v.parse(record, JSON.parse(content.toString('utf8'))),
    }
  } catch {
    // Signed by the kernel, and yet no message: it is told from others by its name alone.
    throw new BadMessage('malformed')
  }
}

/** Kernels refuse what is no valid Unicode. */
function asJson(value: object): Buffer {
  return Buffer.from(JSON.stringify(value, (_, each) => (typeof each === 'string' ? each.toWellFormed() : each)))
}
