/** A value that must not be seen: it passes through the program in this, and becomes text only where it is used (VA4). */
import { inspect } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'

const shown = '[secret]'

export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** For the one place that needs it: a header of a request, an input of a cipher. */
  reveal(): string {
    return this.#value
  }

  /** So that a person can tell one from another; nothing of a short one. */
  get ends(): string {
    return this.#value.length > 12 ? this.#value.slice(-4) : ''
  }

  /** What another side said, without the value, should it have repeated it, also as a part of JSON. */
  blankedIn(text: string): string {
    if (this.#value === '') return text
    const inJson = JSON.stringify(this.#value).slice(1, -1)
    return text.replaceAll(this.#value, shown).replaceAll(inJson, shown)
  }

  toString(): string {
    return shown
  }

  toJSON(): never {
    throw new MeshError('INTERNAL', { detail: 'a secret was about to be written as JSON' })
  }

  [Symbol.toPrimitive](): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}
