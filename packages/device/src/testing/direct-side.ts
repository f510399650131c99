/** A device as far as its direct path goes: a key, a relay over memory, and a hub whose word the test gives. */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import {
  type DeviceId,
  type DocumentId,
  deviceIdOf,
  newId,
  type OrgId,
  type ProjectId,
  systemRandom,
} from '@meshbook/core/ids.ts'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { type LocalPeer, openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import { type SecureIdentity, secureIdentity } from '../link/direct/certificate.ts'
import { directPeer } from '../link/direct/direct-documents.ts'
import { DirectPath } from '../link/direct/direct-path.ts'
import type { LanGrant } from '../link/direct/grants.ts'

export const freshNonce = (): string => randomBytes(32).toString('base64url')

export class DirectSide {
  readonly id: DeviceId
  readonly identity: SecureIdentity
  readonly org: OrgId = newId('org', 0, systemRandom)
  readonly relay: Relay
  readonly store = new MemoryDocumentStore()
  readonly path: DirectPath
  /** Documents that it keeps in step with the hub. */
  readonly shared = new Map<DocumentId, ProjectId>()
  told = 0

  constructor(t: TestContext, changes: Partial<Limits> = {}) {
    const { id, identity } = newIdentity()
    this.id = id
    this.identity = identity
    const own: Limits = { ...limits, lanToldMs: 1, ...changes }
    this.relay = new Relay({
      store: this.store,
      now: Date.now,
      random: systemRandom,
      onChange: ({ document }, { name }) => name !== directPeer && this.path.edited(document),
    })
    this.path = new DirectPath({
      device: id,
      identity,
      limits: own,
      relay: this.relay,
      org: this.org,
      addresses: () => ['127.0.0.1'],
      find: document => {
        const project = this.shared.get(document)
        return project && { project, changed: () => undefined }
      },
      changed: () => void this.told++,
      log: { debug: () => undefined, info: () => undefined },
    })
    t.after(async () => {
      this.path.close()
      await this.relay.close()
    })
  }

  async open(t: TestContext, project: ProjectId, document: DocumentId): Promise<LocalPeer> {
    this.shared.set(document, project)
    const peer = openLocalPeer(this.relay, { org: this.org, document }, { name: 'device' })
    t.after(() => peer.close())
    await peer.ready
    return peer
  }

  /** What the hub would tell this device of the other one. */
  async grant(of: DirectSide, role: LanGrant['role'], changes: Partial<LanGrant> = {}): Promise<LanGrant> {
    const offer = (await of.path.offer())!
    return {
      type: 'LAN_GRANT',
      peer: of.id,
      role,
      nonce: freshNonce(),
      ...offer,
      projects: [],
      ttlMs: 60_000,
      ...changes,
    }
  }
}

export function newIdentity(): { id: DeviceId; identity: SecureIdentity } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
  const id = deviceIdOf(createHash('sha256').update(raw).digest())
  return {
    id,
    identity: secureIdentity(id, privateKey, publicKey.export({ type: 'spki', format: 'der' }), systemRandom),
  }
}

/** Both are told, the listener first; the grants as they were told. */
export async function grantBoth(
  dialer: DirectSide,
  listener: DirectSide,
  changes: Partial<LanGrant> = {},
): Promise<{ toDialer: LanGrant; toListener: LanGrant }> {
  const nonce = changes.nonce ?? freshNonce()
  const toListener = await listener.grant(dialer, 'listen', { ...changes, nonce })
  const toDialer = await dialer.grant(listener, 'dial', { ...changes, nonce })
  listener.path.granted(toListener)
  dialer.path.granted(toDialer)
  return { toDialer, toListener }
}
