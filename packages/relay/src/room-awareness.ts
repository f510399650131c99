/**
 * Who is in a room and where their cursor is: the awareness states of its connections. Never stored. Changes go out
 * together, at most ten times a second; what a connection brought goes when it closes.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { awarenessFrame } from './sync-frames.ts'

interface State {
  clock: number
  /** JSON text; `null` says that the client left. */
  json: string
  owner: object
  at: number
}
interface Announced {
  client: number
  clock: number
  json: string
}

const gone = 'null'

/** Another hub, which speaks for connections of its own. */
class Neighbour {}
/** A hub that is started again is another neighbour; who was forgotten is made again. */
const mostNeighbours = 64

export class RoomAwareness {
  readonly #limits: Limits
  readonly #now: () => number
  readonly #states = new Map<number, State>()
  readonly #changed = new Map<number, State>()
  readonly #neighbours = new Map<string, Neighbour>()
  /** How many of the states each connection owns: counting them anew for each would let a flood hold up the loop. */
  readonly #owned = new Map<object, number>()

  constructor(limits: Limits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  /** Takes what a connection says about its clients; true when there is something to pass on. */
  take(owner: object, bytes: Uint8Array): boolean {
    if (bytes.byteLength > this.#limits.awarenessBytes)
      throw new MeshError('TOO_LARGE', { detail: `${bytes.byteLength} bytes of awareness` })
    for (const announced of readStates(bytes)) this.#takeOne(owner, announced)
    return this.#changed.size > 0
  }

  /** The same for another hub's connections; what is not understood is dropped, as it comes again. */
  takeFrom(name: string, bytes: Uint8Array): boolean {
    const { awarenessBytes, awarenessClientsPerSocket, awarenessClientsPerNeighbour } = this.#limits
    if (bytes.byteLength > (awarenessBytes * awarenessClientsPerNeighbour) / awarenessClientsPerSocket) return false
    const neighbour = this.#neighbourOf(name)
    try {
      for (const announced of readStates(bytes)) this.#takeOne(neighbour, announced)
    } catch (thrown) {
      if (!(thrown instanceof MeshError)) throw thrown
    }
    return this.#changed.size > 0
  }

  /** The states of connections of this hub. */
  everybodyHere(): Uint8Array | undefined {
    return statesOf(this.#states, isHere)
  }

  /** What `takeChanges` will return, as far as it is about connections of this hub. */
  changesHere(): Uint8Array | undefined {
    return statesOf(this.#changed, isHere)
  }

  /** The connection is gone, and so are its clients. */
  leave(owner: object): boolean {
    for (const [client, state] of this.#states) {
      if (state.owner === owner) this.#set(client, { ...state, json: gone })
    }
    return this.#changed.size > 0
  }

  /** Everybody present, as a frame; undefined when there is nobody. */
  everybody(): Uint8Array | undefined {
    const oldest = this.#now() - this.#limits.awarenessStaleMs
    for (const [client, state] of this.#states) if (state.at < oldest) this.#drop(client, state)
    return frameOf(this.#states)
  }

  /** What changed since the last call, as a function from a connection to its frame: nobody hears about itself. */
  takeChanges(): (reader: object) => Uint8Array | undefined {
    const changed = new Map(this.#changed)
    this.#changed.clear()
    const owners = new Set([...changed.values()].map(state => state.owner))
    const forAll = frameOf(changed)
    return reader => (owners.has(reader) ? frameOf(changed, reader) : forAll)
  }

  #takeOne(owner: object, { client, clock, json }: Announced): void {
    const current = this.#states.get(client)
    const newer = !current || clock > current.clock || (clock === current.clock && json === gone)
    if (!newer || (!current && json === gone)) return
    if (current?.owner !== owner && (this.#owned.get(owner) ?? 0) >= this.#mostOf(owner)) return
    this.#set(client, { clock, json, owner, at: this.#now() })
  }

  #set(client: number, state: State): void {
    const current = this.#states.get(client)
    if (current) this.#drop(client, current)
    if (state.json !== gone) {
      this.#states.set(client, state)
      this.#owned.set(state.owner, (this.#owned.get(state.owner) ?? 0) + 1)
    }
    this.#changed.set(client, state)
  }

  #neighbourOf(name: string): Neighbour {
    const known = this.#neighbours.get(name)
    if (known) return known
    if (this.#neighbours.size >= mostNeighbours) this.#neighbours.clear()
    const neighbour = new Neighbour()
    this.#neighbours.set(name, neighbour)
    return neighbour
  }

  #mostOf(owner: object): number {
    const { awarenessClientsPerNeighbour, awarenessClientsPerSocket } = this.#limits
    return owner instanceof Neighbour ? awarenessClientsPerNeighbour : awarenessClientsPerSocket
  }

  #drop(client: number, { owner }: State): void {
    this.#states.delete(client)
    const left = (this.#owned.get(owner) ?? 1) - 1
    if (left > 0) this.#owned.set(owner, left)
    else this.#owned.delete(owner)
  }
}

function readStates(bytes: Uint8Array): Announced[] {
  try {
    const decoder = decoding.createDecoder(bytes)
    const states: Announced[] = []
    for (let left = decoding.readVarUint(decoder); left > 0; left--) {
      const state = {
        client: decoding.readVarUint(decoder),
        clock: decoding.readVarUint(decoder),
        json: decoding.readVarString(decoder),
      }
      JSON.parse(state.json)
      states.push(state)
    }
    return states
  } catch (cause) {
    throw new MeshError('BAD_MESSAGE', { detail: 'awareness that is not a list of states', cause })
  }
}

const isHere = ({ owner }: State): boolean => !(owner instanceof Neighbour)

function frameOf(states: ReadonlyMap<number, State>, except?: object): Uint8Array | undefined {
  const shown = statesOf(states, state => !except || state.owner !== except)
  return shown && awarenessFrame(shown)
}

function statesOf(states: ReadonlyMap<number, State>, wanted: (state: State) => boolean): Uint8Array | undefined {
  const shown = [...states].filter(([, state]) => wanted(state))
  if (shown.length === 0) return undefined
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, shown.length)
  for (const [client, { clock, json }] of shown) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarString(encoder, json)
  }
  return encoding.toUint8Array(encoder)
}
