/** The refresh token of this device: the next one is durable before the one before it is forgotten (DV82). */
import { asMeshError, type MeshError } from '@meshbook/core/errors.ts'
import type { SecretStore } from './secret-store.ts'

export class DeviceToken {
  readonly #store: SecretStore
  readonly #failed: (error: MeshError | undefined) => void
  #token: string | undefined
  #saving: Promise<void>

  constructor(store: SecretStore, failed: (error: MeshError | undefined) => void) {
    this.#store = store
    this.#failed = failed
    this.#saving = store.read('token').then(token => {
      this.#token = token
    })
    // Whoever asks for the token is told.
    this.#saving.catch(() => undefined)
  }

  /** The newest that is durable; waits for one that is being saved. */
  async show(): Promise<string | undefined> {
    await this.#saving
    return this.#token
  }

  /** Nothing is being saved any more. */
  async settled(): Promise<void> {
    await this.#saving.catch(() => undefined)
  }

  /** A token that could not be saved is not shown: the hub takes the one before it once more. */
  keep(token: string): void {
    this.#saving = this.#saving
      .then(() => this.#store.write('token', token))
      .then(
        () => {
          this.#token = token
          this.#failed(undefined)
        },
        thrown => this.#failed(asMeshError(thrown)),
      )
  }
}
