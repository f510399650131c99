/**
 * Server-sent events out of chunks of bytes, with a cap on what one event may hold (MK7). What an event means is not
 * its business.
 */
import { StringDecoder } from 'node:string_decoder'

export interface StreamEvent {
  event: string
  data: string
  /** The event was longer than allowed: `data` is how it begins. */
  cut: boolean
}

export class EventStream {
  readonly #maxChars: number
  readonly #decoder = new StringDecoder('utf8')
  #line = ''
  #lineCut = false
  /** The last character was CR: a LF that follows belongs to it. */
  #afterReturn = false
  #event = ''
  #data: string[] = []
  #chars = 0
  #cut = false

  constructor(maxChars: number) {
    this.#maxChars = maxChars
  }

  /** The events completed by `chunk`. */
  *push(chunk: Uint8Array): Generator<StreamEvent> {
    const text = this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    let from = this.#afterReturn && text.startsWith('\n') ? 1 : 0
    if (text !== '') this.#afterReturn = text.endsWith('\r')
    for (const { index, 0: end } of text.matchAll(/\r\n|\r|\n/g)) {
      if (index < from) continue
      this.#gather(text.slice(from, index))
      from = index + end.length
      const done = this.#endLine()
      if (done) yield done
    }
    this.#gather(text.slice(from))
  }

  #gather(text: string): void {
    const room = this.#maxChars + 'data: '.length - this.#line.length
    if (text.length > room) this.#lineCut = true
    this.#line += text.slice(0, Math.max(0, room))
  }

  #endLine(): StreamEvent | undefined {
    const line = this.#line
    this.#line = ''
    const isCut = this.#lineCut
    this.#lineCut = false
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#event = value
    if (field === 'data') this.#addData(value, isCut)
    return undefined
  }

  #addData(value: string, isCut: boolean): void {
    this.#cut ||= isCut || this.#chars + value.length > this.#maxChars
    this.#data.push(value.slice(0, Math.max(0, this.#maxChars - this.#chars)))
    this.#chars += value.length + 1
  }

  #dispatch(): StreamEvent | undefined {
    const done = { event: this.#event || 'message', data: this.#data.join('\n'), cut: this.#cut }
    const isEvent = this.#data.length > 0
    this.#event = ''
    this.#data = []
    this.#chars = 0
    this.#cut = false
    return isEvent ? done : undefined
  }
}
