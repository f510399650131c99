/**
 * Reads a V1 update struct by struct without building it: what each struct builds on and how long it is, while its
 * content is only checked and skipped. Yjs's own decoder makes an object of every two bytes, and a document, array or
 * value of what is inside: a stranger's update of 16 MiB could take more memory than the process has (S2, S14).
 * The reading must agree with Yjs's; tests compare the two.
 */
import { limits } from '@meshbook/core/limits.ts'
import * as decoding from 'lib0/decoding'

/** What no Yjs client writes. */
export class HostileUpdate extends Error {}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])
const hasOrigin = 128
const hasRightOrigin = 64
const hasKey = 32
const skipInfo = 10
/** Of XML elements and hooks, whose type is followed by their name. */
const namedTypes = new Set([3, 5])
const lastType = 6
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class UpdateReader {
  /** Of the struct read last: is it a gap left open, how many clocks does it take, what does it build on. */
  isSkip = false
  length = 0
  /** Client and clock, in turn. */
  readonly needs: number[] = []
  readonly #decoder: decoding.Decoder

  constructor(update: Uint8Array, offset = 0) {
    this.#decoder = decoding.createDecoder(update)
    this.#decoder.pos = offset
  }

  get offset(): number {
    return this.#decoder.pos
  }
  get atEnd(): boolean {
    return this.#decoder.pos === this.#decoder.arr.length
  }

  readNumber(): number {
    return decoding.readVarUint(this.#decoder)
  }

  readStruct(): void {
    const info = this.#readByte()
    this.needs.length = 0
    this.isSkip = info === skipInfo
    if (this.isSkip || (info & 31) === 0) {
      this.length = this.readNumber()
      return
    }
    if (info & hasOrigin) this.#readNeed()
    if (info & hasRightOrigin) this.#readNeed()
    if ((info & (hasOrigin | hasRightOrigin)) === 0) this.#readParent((info & hasKey) !== 0)
    this.length = this.#readContent(info & 31)
  }

  #readNeed(): void {
    this.needs.push(this.readNumber(), this.readNumber())
  }

  #readParent(withKey: boolean): void {
    if (this.readNumber() === 1) checkKey(this.#readText())
    else this.#readNeed()
    if (withKey) checkKey(this.#readText())
  }

  /** Checks and skips the content of an item; returns how many clocks it takes. */
  #readContent(kind: number): number {
    switch (kind) {
      case 1:
        return this.readNumber()
      case 2:
        return this.#repeat(() => this.#checkJson())
      case 3:
        return this.#one(() => this.#skip(this.readNumber()))
      case 4:
        return this.#textLength(this.readNumber())
      case 5:
        return this.#one(() => this.#checkJson())
      case 6:
        return this.#one(() => this.#checkFormat())
      case 7:
        return this.#one(() => this.#checkType())
      case 8:
        return this.#repeat(() => this.#skipValue(0))
      case 9:
        return this.#one(() => this.#checkSubdocument())
      default:
        throw new HostileUpdate('content of an unknown kind')
    }
  }

  #one(read: () => void): number {
    read()
    return 1
  }

  /** Each turn reads at least one byte, so a false count ends at the end of the update. */
  #repeat(read: () => void): number {
    const count = this.readNumber()
    for (let i = 0; i < count; i++) read()
    return count
  }

  #checkFormat(): void {
    checkKey(this.#readText())
    this.#checkJson()
  }

  #checkType(): void {
    const type = this.readNumber()
    if (type > lastType) throw new HostileUpdate('a type of an unknown kind')
    if (namedTypes.has(type)) this.#readText()
  }

  #checkSubdocument(): void {
    this.#readText()
    if (this.#decoder.arr[this.#decoder.pos] !== 118) throw new HostileUpdate('a document without options')
    this.#skipValue(0)
  }

  #checkJson(): void {
    const length = this.readNumber()
    if (length > limits.jsonValueBytes) throw new HostileUpdate(`a value of ${length} bytes`)
    const text = this.#text(length)
    if (text !== 'undefined') checkParsed(JSON.parse(text))
  }

  /** A value in lib0's binary form. */
  #skipValue(depth: number): void {
    if (depth > limits.valueDepth) throw new HostileUpdate('a value nested too deeply')
    const tag = this.#readByte()
    switch (tag) {
      case 116:
        this.#skip(this.readNumber())
        return
      case 117:
        this.#repeat(() => this.#skipValue(depth + 1))
        return
      case 118:
        this.#repeat(() => this.#skipEntry(depth + 1))
        return
      case 119:
        this.#readText()
        return
      case 122:
      case 123:
        this.#skip(8)
        return
      case 124:
        this.#skip(4)
        return
      case 125:
        decoding.readVarInt(this.#decoder)
        return
      default:
        if (tag < 116) throw new HostileUpdate('a value of an unknown kind')
    }
  }

  #skipEntry(depth: number): void {
    if (this.#readText() === '__proto__') throw new HostileUpdate('a forbidden key in a value')
    this.#skipValue(depth)
  }

  #readText(): string {
    return this.#text(this.readNumber())
  }

  #text(length: number): string {
    const start = this.#decoder.pos
    this.#skip(length)
    return utf8.decode(this.#decoder.arr.subarray(start, start + length))
  }

  /** In UTF-16 units. What people type is mostly ASCII, where that is the number of bytes. */
  #textLength(bytes: number): number {
    const { arr, pos } = this.#decoder
    let ascii = 0
    while (ascii < bytes && arr[pos + ascii]! < 0x80) ascii++
    if (ascii < bytes) return this.#text(bytes).length
    this.#skip(bytes)
    return bytes
  }

  #readByte(): number {
    this.#skip(1)
    return this.#decoder.arr[this.#decoder.pos - 1]!
  }

  #skip(length: number): void {
    const end = this.#decoder.pos + length
    if (end > this.#decoder.arr.length) throw new HostileUpdate('it ends too early')
    this.#decoder.pos = end
  }
}

function checkKey(key: string): void {
  if (forbiddenKeys.has(key)) throw new HostileUpdate('a forbidden key')
}

/** JSON.parse makes `__proto__` an own key; whoever copies the value key by key changes a prototype. */
function checkParsed(root: unknown): void {
  const open: [value: unknown, depth: number][] = [[root, 0]]
  for (let next = open.pop(); next; next = open.pop()) {
    const [value, depth] = next
    if (typeof value !== 'object' || value === null) continue
    if (depth > limits.valueDepth) throw new HostileUpdate('a value nested too deeply')
    if (Object.hasOwn(value, '__proto__')) throw new HostileUpdate('a forbidden key in a value')
    for (const child of Object.values(value)) open.push([child, depth + 1])
  }
}
