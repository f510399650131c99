/**
 * Every open socket and stream by the credential it was opened with, so that revoking the credential closes them at
 * once (S8), and so that one user cannot hold too many (S24).
 */
import { MeshError } from '@meshbook/core/errors.ts'
import { credentialKey, type Principal } from './principal.ts'

export type CloseDoor = (why: MeshError) => void

export class OpenDoors {
  readonly #byCredential = new Map<string, Set<CloseDoor>>()
  readonly #countOf = new Map<string, number>()

  /** Returns the function that forgets the door; call it when the socket or stream ends. */
  open(who: Principal, kind: 'socket' | 'stream', most: number, close: CloseDoor): () => void {
    const user = `${kind} ${who.org} ${who.user}`
    const count = this.#countOf.get(user) ?? 0
    if (count >= most) throw new MeshError('TOO_MANY', { detail: `${most} open ${kind}s of one user` })
    this.#countOf.set(user, count + 1)
    const keys = keysOf(who)
    for (const key of keys) this.#doorsOf(key).add(close)
    let open = true
    return () => {
      if (!open) return
      open = false
      this.#forget(user, keys, close)
    }
  }

  /** Closes all that was opened with this credential, or with a ticket that it issued. */
  revoke(credential: { kind: string; id: string }, why = new MeshError('REVOKED')): void {
    for (const close of [...(this.#byCredential.get(credentialKey(credential)) ?? [])]) close(why)
  }

  closeAll(why: MeshError): void {
    for (const doors of [...this.#byCredential.values()]) for (const close of [...doors]) close(why)
  }

  #doorsOf(key: string): Set<CloseDoor> {
    const doors = this.#byCredential.get(key) ?? new Set()
    this.#byCredential.set(key, doors)
    return doors
  }

  #forget(user: string, keys: string[], close: CloseDoor): void {
    const count = (this.#countOf.get(user) ?? 1) - 1
    if (count > 0) this.#countOf.set(user, count)
    else this.#countOf.delete(user)
    for (const key of keys) {
      const doors = this.#byCredential.get(key)
      doors?.delete(close)
      if (doors?.size === 0) this.#byCredential.delete(key)
    }
  }
}

function keysOf(who: Principal): string[] {
  const { credential } = who
  const own = credentialKey(credential)
  return credential.kind === 'ticket' ? [own, credential.issuer] : [own]
}
