/** Who brought which structs into a document: bounded, oldest forgotten first. It never says who made them, only who delivered them. */

interface Delivery<Peer> {
  from: number
  to: number
  peer: Peer
}

export class Provenance<Peer> {
  /** Deliveries of each client's structs by rising clock; the map's order is that of the latest delivery. */
  readonly #clients = new Map<number, Delivery<Peer>[]>()
  readonly #most: number
  #size = 0
  #latest: number | undefined

  constructor(most: number) {
    this.#most = most
  }

  add(client: number, from: number, to: number, peer: Peer): void {
    const deliveries = this.#clients.get(client) ?? []
    const last = deliveries.at(-1)
    if (last?.peer === peer && last.to === from) last.to = to
    else {
      deliveries.push({ from, to, peer })
      this.#size++
    }
    if (client !== this.#latest) {
      this.#clients.delete(client)
      this.#clients.set(client, deliveries)
      this.#latest = client
    }
    if (this.#size > this.#most) this.#forgetOldest()
  }

  find(client: number, clock: number): Peer | undefined {
    return this.#clients.get(client)?.findLast(({ from, to }) => from <= clock && clock < to)?.peer
  }

  #forgetOldest(): void {
    for (const [client, deliveries] of this.#clients) {
      deliveries.shift()
      if (deliveries.length === 0) this.#clients.delete(client)
      if (client === this.#latest) this.#latest = undefined
      this.#size--
      return
    }
  }
}
