/**
 * Every open socket and stream by the credential it was opened with, so that revoking the credential closes them at
 * once (S8), and so that one user cannot hold too many (S24); and by user and project, so that they close when the user
 * loses a right there (ME8).
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { ProjectId, UserId } from '@meshbook/core/ids.ts'
import { credentialKey, type Principal } from './principal.ts'

export type CloseDoor = (why: MeshError) => void

/** Credentials that were revoked lately are remembered: a check that was under way then must not open anything after it. */
const mostRevoked = 10_000

export class OpenDoors {
  readonly #revoked = new Map<string, MeshError>()
  readonly #doors = new Map<string, Set<CloseDoor>>()
  readonly #countOf = new Map<string, number>()

  /** Returns the function that forgets the door; call it when the socket or stream ends. */
  open(who: Principal, kind: 'socket' | 'stream', most: number, close: CloseDoor): () => void {
    const keys = keysOf(who)
    for (const key of keys) this.#refuseRevoked(key)
    const user = `${kind} ${who.org} ${who.user}`
    const count = this.#countOf.get(user) ?? 0
    if (count >= most) throw new MeshError('TOO_MANY', { detail: `${most} open ${kind}s of one user` })
    this.#countOf.set(user, count + 1)
    for (const key of keys) this.#doorsOf(key).add(close)
    let open = true
    return () => {
      if (!open) return
      open = false
      this.#forget(user, keys, close)
    }
  }

  /**
   * Notes that something of this user is open in a project (or is a list of projects). Call it before the rights are
   * read: then a change either is in what is read, or closes what was noted here.
   */
  enter(where: ProjectId | 'lists', user: UserId, close: CloseDoor): () => void {
    const key = placeKey(where, user)
    this.#doorsOf(key).add(close)
    return () => this.#remove(key, close)
  }

  /** Closes all that this user has open there. */
  shut(where: ProjectId | 'lists', user: UserId, why: MeshError): void {
    for (const close of [...(this.#doors.get(placeKey(where, user)) ?? [])]) close(why)
  }

  /** Closes all that was opened with this credential, or with a ticket that it issued. */
  revoke(credential: { kind: string; id: string }, why = new MeshError('REVOKED')): void {
    const key = credentialKey(credential)
    this.#revoked.delete(key)
    this.#revoked.set(key, why)
    const oldest = this.#revoked.size > mostRevoked ? this.#revoked.keys().next().value : undefined
    if (oldest !== undefined) this.#revoked.delete(oldest)
    for (const close of [...(this.#doors.get(key) ?? [])]) close(why)
  }

  #refuseRevoked(key: string): void {
    const why = this.#revoked.get(key)
    if (why) throw why
  }

  closeAll(why: MeshError): void {
    for (const doors of [...this.#doors.values()]) for (const close of [...doors]) close(why)
  }

  #doorsOf(key: string): Set<CloseDoor> {
    const doors = this.#doors.get(key) ?? new Set()
    this.#doors.set(key, doors)
    return doors
  }

  #forget(user: string, keys: string[], close: CloseDoor): void {
    const count = (this.#countOf.get(user) ?? 1) - 1
    if (count > 0) this.#countOf.set(user, count)
    else this.#countOf.delete(user)
    for (const key of keys) this.#remove(key, close)
  }

  #remove(key: string, close: CloseDoor): void {
    const doors = this.#doors.get(key)
    doors?.delete(close)
    if (doors?.size === 0) this.#doors.delete(key)
  }
}

function placeKey(where: ProjectId | 'lists', user: UserId): string {
  return `place:${where}:${user}`
}

function keysOf(who: Principal): string[] {
  const { credential } = who
  const own = credentialKey(credential)
  return credential.kind === 'ticket' ? [own, credential.issuer] : [own]
}
