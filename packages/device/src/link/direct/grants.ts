/**
 * What the hub has granted this device: with whom it may connect directly, for how long, and what may pass (LAN3, LAN4).
 * Times are counted here from when a grant came, so that no two clocks have to agree. It opens nothing.
 */
import { createHash } from 'node:crypto'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, ProjectId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DownMessage } from '@meshbook/core/messages.ts'
import { deviceOfCertificate } from './certificate.ts'

export type LanGrant = Extract<DownMessage, { type: 'LAN_GRANT' }>

export interface Grant {
  readonly peer: DeviceId
  readonly role: LanGrant['role']
  readonly addresses: readonly string[]
  readonly port: number
  /** As it was told: DER, base64url. */
  readonly certificate: string
  readonly nonce: string
  /** What the dialer calls the listener by, in the open: it tells nothing, and is good for nothing, without the nonce. */
  readonly name: string
  projects: ReadonlySet<ProjectId>
}

interface Held {
  grant: Grant
  isUsed: boolean
  expiry: NodeJS.Timeout
}

export class Grants {
  readonly #device: DeviceId
  readonly #limits: Limits
  readonly #ended: (peer: DeviceId) => void
  readonly #held = new Map<DeviceId, Held>()

  /** `ended` is called when nothing is granted with a peer any more. */
  constructor(device: DeviceId, limits: Limits, ended: (peer: DeviceId) => void) {
    this.#device = device
    this.#limits = limits
    this.#ended = ended
  }

  /** The grant if it is a new one; undefined where it prolongs what there is. Throws where it cannot be true (LAN11). */
  take(told: LanGrant): Grant | undefined {
    const { peer, nonce } = told
    if (peer === this.#device || deviceOfCertificate(told.certificate) !== peer)
      throw new MeshError('FORBIDDEN', { detail: `a grant for ${peer} names the certificate of somebody else` })
    const known = this.#held.get(peer)
    if (!known && this.#held.size >= this.#limits.lanPeersPerDevice)
      throw new MeshError('TOO_MANY', { detail: `${this.#held.size} direct connections are granted` })
    clearTimeout(known?.expiry)
    const isSame = known?.grant.nonce === nonce
    const grant = isSame ? known.grant : grantOf(told)
    grant.projects = new Set(told.projects)
    const expiry = setTimeout(() => this.end(peer), Math.min(told.ttlMs, this.#limits.lanGrantMs)).unref()
    this.#held.set(peer, { grant, isUsed: isSame && known.isUsed, expiry })
    return isSame ? undefined : grant
  }

  with(peer: DeviceId): Grant | undefined {
    return this.#held.get(peer)?.grant
  }

  /** Of those that somebody may dial here with. */
  named(name: string): Grant | undefined {
    for (const { grant, isUsed } of this.#held.values())
      if (grant.name === name && grant.role === 'listen' && !isUsed) return grant
    return undefined
  }

  /** True once for each nonce, while its grant lasts (LAN12). */
  use(peer: DeviceId, nonce: string): boolean {
    const held = this.#held.get(peer)
    if (!held || held.isUsed || held.grant.nonce !== nonce) return false
    held.isUsed = true
    return true
  }

  end(peer: DeviceId): void {
    const held = this.#held.get(peer)
    if (!held) return
    clearTimeout(held.expiry)
    this.#held.delete(peer)
    this.#ended(peer)
  }

  endAll(): void {
    for (const peer of [...this.#held.keys()]) this.end(peer)
  }
}

function grantOf({ peer, role, addresses, port, certificate, nonce, projects }: LanGrant): Grant {
  const name = createHash('sha256').update(`meshbook direct\n${nonce}`).digest('hex').slice(0, 32)
  return { peer, role, addresses, port, certificate, nonce, name, projects: new Set(projects) }
}
