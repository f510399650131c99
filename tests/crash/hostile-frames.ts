/**
 * Frames that no honest client sends, and honest ones bent: from a seed, so that what breaks can be sent again. Of each
 * kind that is known to have broken somebody there is one.
 */
import {
  awarenessFrame,
  durableFrame,
  epochFrame,
  queryAwarenessFrame,
  step1Frame,
  step2Frame,
  updateFrame,
} from '@meshbook/relay/sync-frames.ts'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { Chance } from '../soak/random.ts'

type Maker = (chance: Chance) => Uint8Array

export class HostileFrames {
  readonly #chance: Chance
  readonly #honest: readonly Uint8Array[]

  constructor(chance: Chance) {
    this.#chance = chance
    this.#honest = honestFrames()
  }

  next(): Uint8Array {
    const chance = this.#chance
    if (chance.next() < 0.45) return bent(chance.pick(this.#honest), chance)
    if (chance.next() < 0.002) return chance.pick(heavy)(chance)
    return chance.pick(kinds)(chance)
  }
}

function honestFrames(): Uint8Array[] {
  const doc = new Y.Doc()
  doc.clientID = 4_711
  const frames: Uint8Array[] = [queryAwarenessFrame(), durableFrame(3), epochFrame(1), step1Frame(new Uint8Array([0]))]
  doc.on('update', (update: Uint8Array) => frames.push(updateFrame(update)))
  const text = doc.getText('content')
  text.insert(0, 'plain, ünïcödé 🙂', { bold: true })
  text.insertEmbed(3, { image: 'x' })
  text.delete(1, 4)
  doc.getMap('executions').set('run', new Y.Map([['status', 'requested']]))
  doc.getArray('list').push([1, 'two', [null, { a: 1.5 }], new Uint8Array([1, 2])])
  doc.getXmlFragment('xml').insert(0, [new Y.XmlElement('p'), new Y.XmlText('words')])
  doc.getArray('list').delete(0, 2)
  const whole = Y.encodeStateAsUpdate(doc)
  frames.push(step1Frame(Y.encodeStateVector(doc)), step2Frame(whole), updateFrame(whole))
  frames.push(awarenessFrame(awareness([[9, 1, '{"user":{"name":"a"}}']])))
  return frames
}

function awareness(states: readonly [client: number, clock: number, json: string][]): Uint8Array {
  return written(encoder => {
    encoding.writeVarUint(encoder, states.length)
    for (const [client, clock, json] of states) {
      encoding.writeVarUint(encoder, client)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarString(encoder, json)
    }
  })
}

function written(write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder()
  write(encoder)
  return encoding.toUint8Array(encoder)
}

function bent(frame: Uint8Array, chance: Chance): Uint8Array {
  const bytes = Uint8Array.from(frame)
  const at = chance.between(0, Math.max(0, bytes.length - 1))
  switch (chance.between(0, 6)) {
    case 0:
      bytes[at] = bytes[at]! ^ (1 << chance.between(0, 7))
      return bytes
    case 1:
      return bytes.subarray(0, at)
    case 2:
      return joined(bytes, chance.bytes(chance.between(1, 20)))
    case 3:
      // A number that goes on and on.
      return joined(bytes.subarray(0, at), new Uint8Array(chance.between(1, 12)).fill(0xff), bytes.subarray(at))
    case 4:
      return joined(bytes.subarray(0, at), bytes)
    case 5:
      bytes[at] = chance.between(0, 255)
      return bytes
    default:
      // Honest, but perhaps at the wrong time.
      return bytes
  }
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

const huge = (chance: Chance): number => chance.pick([2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER])
const update = (write: (encoder: encoding.Encoder) => void): Uint8Array => updateFrame(written(write))
const numbers = (encoder: encoding.Encoder, ...values: number[]): void => {
  for (const value of values) encoding.writeVarUint(encoder, value)
}

function deep(depth: number): Uint8Array {
  return update(encoder => {
    numbers(encoder, 1, 1, 77, 0)
    encoding.writeUint8(encoder, 8)
    numbers(encoder, 1)
    encoding.writeVarString(encoder, 'list')
    numbers(encoder, 1)
    for (let i = 0; i < depth; i++) {
      encoding.writeUint8(encoder, 117)
      numbers(encoder, 1)
    }
    encoding.writeUint8(encoder, 126)
    numbers(encoder, 0)
  })
}

function underKey(key: string, chance: Chance): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = chance.between(1, 2 ** 31)
  doc.getMap('executions').set(key, 1)
  return updateFrame(Y.encodeStateAsUpdate(doc))
}

const kinds: readonly Maker[] = [
  chance => chance.bytes(chance.between(0, 200)),
  chance => updateFrame(chance.bytes(chance.between(0, 200))),
  chance => step2Frame(chance.bytes(chance.between(0, 200))),
  chance => step1Frame(chance.bytes(chance.between(0, 60))),
  chance => awarenessFrame(chance.bytes(chance.between(0, 60))),
  // So many clients, structs, deletions that nobody could have made them.
  chance => update(encoder => numbers(encoder, huge(chance), 1, 5, 0)),
  chance => update(encoder => numbers(encoder, 1, huge(chance), 5, 0)),
  chance => update(encoder => numbers(encoder, 1, 1, huge(chance), huge(chance))),
  chance => update(encoder => numbers(encoder, 0, 1, 5, huge(chance), 0, 1)),
  chance => update(encoder => numbers(encoder, 0, 1, 5, 1, 0, huge(chance))),
  // A struct that says nothing but its length, and one that skips.
  chance => update(encoder => numbers(encoder, 1, 1, 5, 0, 0, huge(chance), 0)),
  chance => update(encoder => numbers(encoder, 1, 1, 5, 0, 10, huge(chance), 0)),
  // It builds on what nobody has.
  chance => update(encoder => numbers(encoder, 1, 1, chance.between(1, 99), chance.between(1, 9_999), 0, 1, 0)),
  chance =>
    update(encoder => {
      numbers(encoder, 400)
      for (let i = 0; i < 400; i++) numbers(encoder, 1, chance.between(1, 2 ** 31), 0, 0, 1)
      numbers(encoder, 0)
    }),
  chance => underKey(chance.pick(['__proto__', 'constructor', 'prototype']), chance),
  chance => deep(chance.between(100, 2_000)),
  chance => awarenessFrame(awareness([[chance.between(1, 99), huge(chance), 'null']])),
  () => awarenessFrame(awareness([[1, 1, '{"a":']])),
  chance =>
    awarenessFrame(awareness([[chance.between(1, 9), chance.between(1, 99), '['.repeat(9_000) + ']'.repeat(9_000)]])),
  chance => awarenessFrame(awareness(Array.from({ length: 300 }, () => [chance.between(1, 2 ** 31), 1, '{}']))),
  chance => durableFrame(huge(chance)),
  chance => epochFrame(chance.between(2, 1_000)),
  () => updateFrame(Y.encodeStateAsUpdateV2(new Y.Doc())),
  chance => {
    const doc = new Y.Doc()
    doc.getText('content').insert(0, 'version two')
    doc.getArray('list').push([chance.between(0, 9)])
    return updateFrame(Y.encodeStateAsUpdateV2(doc))
  },
]

/** Rare, because each takes a thread's time or a lot of the network's. */
const heavy: readonly Maker[] = [
  chance => updateFrame(chance.bytes(chance.between(70_000, 300_000))),
  chance => step1Frame(chance.bytes(200_000)),
  chance => awarenessFrame(chance.bytes(70_000)),
  () => deep(100_000),
  chance => awarenessFrame(awareness(Array.from({ length: 9_000 }, () => [chance.between(1, 2 ** 31), 1, '1']))),
]
