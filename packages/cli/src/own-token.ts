/** The token with which the programs of a machine act at its hub: asked for when first needed, kept in memory alone. */
export class OwnToken {
  readonly #ask: () => Promise<string>
  #held: Promise<string> | undefined

  /** `ask` has the hub make one, which voids the one before. */
  constructor(ask: () => Promise<string>) {
    this.#ask = ask
  }

  /** Another one than `stale`, which the hub takes no more. */
  async show(stale?: string): Promise<string> {
    const held = this.#held
    // Of several that come with the same stale one, the first asks and the others wait with it.
    if (held && stale !== undefined && (await held.catch(() => undefined)) === stale && this.#held === held)
      this.#held = undefined
    this.#held ??= this.#ask().catch((thrown: unknown) => {
      this.#held = undefined
      throw thrown
    })
    return this.#held
  }
}
