/**
 * A ring of bytes in shared memory: the user's thread writes what it prints, the wire's thread reads it. It carries the
 * back-pressure (a full ring blocks the writer), and it is right even if the writer is terminated in mid-write: a
 * record counts only once the write position has passed it.
 */
const capacity = 1 << 22
const recordBytes = 1 << 16
const headerBytes = 5
const textUnits = 16 * 1024
const slots = { written: 0, read: 1, asleep: 2 } as const

/** Records of one message: `first` begins it, `last` ends it. A message that was cut off is dropped by the next first. */
const flag = { first: 1, last: 2 } as const
export const kinds = { stdout: 1, stderr: 2, json: 3, children: 4 } as const
export type RecordKind = (typeof kinds)[keyof typeof kinds]

export interface RingMemory {
  control: SharedArrayBuffer
  data: SharedArrayBuffer
}

export function newRing(): RingMemory {
  return { control: new SharedArrayBuffer(12), data: new SharedArrayBuffer(capacity) }
}

export class RingWriter {
  #control: Int32Array
  #data: Uint8Array
  #wake: () => void

  constructor(memory: RingMemory, wake: () => void) {
    this.#control = new Int32Array(memory.control)
    this.#data = new Uint8Array(memory.data)
    this.#wake = wake
  }

  /** Text of any length, a piece at a time. A pair of surrogates is not cut; a lone one becomes U+FFFD. */
  writeText(kind: RecordKind, text: string): void {
    for (let start = 0; start < text.length; ) {
      let end = Math.min(text.length, start + textUnits)
      if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--
      this.write(kind, text.slice(start, end))
      start = end
    }
  }

  write(kind: RecordKind, text: string): void {
    const bytes = Buffer.from(text, 'utf8')
    for (let start = 0; start < bytes.length; start += recordBytes) {
      const part = bytes.subarray(start, start + recordBytes)
      const flags = (start === 0 ? flag.first : 0) | (start + part.length === bytes.length ? flag.last : 0)
      this.#record((kind << 2) | flags, part)
    }
  }

  /** Returns once the reader has taken all of it. */
  settle(): void {
    for (;;) {
      const read = Atomics.load(this.#control, slots.read)
      if (read === Atomics.load(this.#control, slots.written)) return
      Atomics.wait(this.#control, slots.read, read, 1000)
    }
  }

  #record(head: number, part: Buffer): void {
    const at = Atomics.load(this.#control, slots.written)
    this.#waitForRoom(at, headerBytes + part.length)
    const header = Buffer.alloc(headerBytes)
    header.writeUInt8(head, 0)
    header.writeUInt32BE(part.length, 1)
    this.#copy(at, header)
    this.#copy(at + headerBytes, part)
    Atomics.store(this.#control, slots.written, (at + headerBytes + part.length) | 0)
    // Terminated between the two, the writer leaves the reader asleep: who terminates, reads afterwards.
    if (Atomics.compareExchange(this.#control, slots.asleep, 1, 0) === 1) this.#wake()
  }

  #waitForRoom(at: number, bytes: number): void {
    for (;;) {
      const read = Atomics.load(this.#control, slots.read)
      if (capacity - ((at - read) >>> 0) >= bytes) return
      Atomics.wait(this.#control, slots.read, read, 1000)
    }
  }

  #copy(at: number, bytes: Buffer): void {
    const start = at & (capacity - 1)
    const fits = Math.min(bytes.length, capacity - start)
    this.#data.set(bytes.subarray(0, fits), start)
    if (fits < bytes.length) this.#data.set(bytes.subarray(fits), 0)
  }
}

export class RingReader {
  #control: Int32Array
  #data: Buffer
  #take: (kind: RecordKind, message: string) => void
  #parts: Buffer[] = []

  constructor(memory: RingMemory, take: (kind: RecordKind, message: string) => void) {
    this.#control = new Int32Array(memory.control)
    this.#data = Buffer.from(memory.data)
    this.#take = take
  }

  /** Reads what is there, but not while `mayRead` says no; then calls nothing until it is called again. */
  drain(mayRead: () => boolean): void {
    for (;;) {
      Atomics.store(this.#control, slots.asleep, 0)
      while (!this.#isEmpty()) {
        if (!mayRead()) return
        this.#next()
      }
      Atomics.store(this.#control, slots.asleep, 1)
      // The writer may have looked just before.
      if (this.#isEmpty()) return
    }
  }

  #isEmpty(): boolean {
    return Atomics.load(this.#control, slots.read) === Atomics.load(this.#control, slots.written)
  }

  #next(): void {
    const at = Atomics.load(this.#control, slots.read)
    const header = this.#copy(at, headerBytes)
    const head = header.readUInt8(0)
    const length = header.readUInt32BE(1)
    if (head & flag.first) this.#parts = []
    this.#parts.push(this.#copy(at + headerBytes, length))
    Atomics.store(this.#control, slots.read, (at + headerBytes + length) | 0)
    Atomics.notify(this.#control, slots.read)
    if (!(head & flag.last)) return
    const message = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)
    this.#parts = []
    this.#take((head >> 2) as RecordKind, message.toString('utf8'))
  }

  #copy(at: number, length: number): Buffer {
    const start = at & (capacity - 1)
    const fits = Math.min(length, capacity - start)
    const bytes = Buffer.allocUnsafe(length)
    this.#data.copy(bytes, 0, start, start + fits)
    if (fits < length) this.#data.copy(bytes, fits, 0, length - fits)
    return bytes
  }
}
