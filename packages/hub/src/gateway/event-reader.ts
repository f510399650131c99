/** The data of server-sent events, out of bytes as they pass. What is longer than a cap is passed over, not kept. */
export class EventReader {
  readonly #capBytes: number
  readonly #onData: (data: string) => void
  readonly #decoder = new TextDecoder()
  #line = ''
  #data: string[] = []
  #bytes = 0
  #isTooLong = false

  constructor(capBytes: number, onData: (data: string) => void) {
    this.#capBytes = capBytes
    this.#onData = onData
  }

  push(chunk: Uint8Array): void {
    const pieces = (this.#line + this.#decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/)
    this.#line = pieces.pop() ?? ''
    for (const line of pieces) this.#take(line)
    if (this.#line.length + this.#bytes > this.#capBytes) this.#drop()
  }

  #take(line: string): void {
    if (line === '') this.#end()
    else if (line.startsWith('data:') && !this.#isTooLong) {
      const data = line.slice(line.startsWith('data: ') ? 6 : 5)
      this.#data.push(data)
      this.#bytes += data.length
    }
  }

  #end(): void {
    if (this.#data.length > 0 && !this.#isTooLong) this.#onData(this.#data.join('\n'))
    this.#data = []
    this.#bytes = 0
    this.#isTooLong = false
  }

  #drop(): void {
    this.#line = ''
    this.#data = []
    this.#bytes = 0
    this.#isTooLong = true
  }
}
