/**
 * The direct path of this device: what it offers, whom the hub lets it connect with, and the connections that stand. It
 * is an accelerator beside the hub's path and never instead of it: whatever goes wrong here is left to the hub (LAN22).
 */
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, DocumentId, OrgId } from '@meshbook/core/ids.ts'
import type { LanOffer } from '@meshbook/core/lan.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Relay } from '@meshbook/relay/relay.ts'
import type { SecureIdentity } from './certificate.ts'
import { dial } from './dial.ts'
import { DirectDocuments, type SharedDocument } from './direct-documents.ts'
import { type Grant, Grants, type LanGrant } from './grants.ts'
import { Listener } from './listener.ts'
import type { DirectWire } from './wire.ts'

export interface DirectPathPorts {
  device: DeviceId
  identity: SecureIdentity
  limits: Limits
  relay: Relay
  org: OrgId
  /** The private addresses of this machine at the moment. */
  addresses(): string[]
  find(document: DocumentId): SharedDocument | undefined
  /** The connections are others than before: the hub is to be told. */
  changed(): void
  log: { debug(detail: object, message: string): void; info(detail: object, message: string): void }
}

interface Standing {
  wire: DirectWire
  documents: DirectDocuments
}

export class DirectPath {
  readonly #ports: DirectPathPorts
  readonly #grants: Grants
  readonly #standing = new Map<DeviceId, Standing>()
  /** Documents of which somebody else's changes came directly, so that the hub may not have them yet. */
  readonly #carried = new Set<DocumentId>()
  #listener: Listener | undefined
  /** Where it was last asked to listen. */
  #wanted = ''
  #opening: Promise<void> | undefined
  #telling: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(ports: DirectPathPorts) {
    this.#ports = ports
    this.#grants = new Grants(ports.device, ports.limits, peer => this.#drop(peer, 'what was granted is over'))
  }

  /** Where others reach this device; undefined where that is nowhere. It listens from here on. */
  async offer(): Promise<LanOffer | undefined> {
    this.#opening ??= this.#listen().finally(() => {
      this.#opening = undefined
    })
    await this.#opening
    if (!this.#listener) return undefined
    const { addresses, port } = this.#listener
    return { addresses: [...addresses], port, certificate: this.#ports.identity.told }
  }

  /** The devices that it is connected with. */
  peers(): DeviceId[] {
    return [...this.#standing.keys()]
  }

  /** What went over the connections that stand. */
  traffic(): { sentBytes: number; receivedBytes: number } {
    const all = [...this.#standing.values()].map(({ wire }) => wire.traffic)
    const sum = (of: 'sentBytes' | 'receivedBytes'): number => all.reduce((total, one) => total + one[of], 0)
    return { sentBytes: sum('sentBytes'), receivedBytes: sum('receivedBytes') }
  }

  granted(told: LanGrant): void {
    const grant = this.#grants.take(told)
    if (grant?.role === 'dial') void this.#dial(grant)
    if (!grant) this.#standing.get(told.peer)?.documents.review()
  }

  /** The hub's word that it is over. */
  ended(peer: DeviceId): void {
    this.#grants.end(peer)
  }

  /** Nobody knows any more what the hub would say: this machine slept, or was shut out. */
  endAll(): void {
    this.#grants.endAll()
  }

  /** Somebody changed a document on this device. */
  edited(document: DocumentId): void {
    for (const { documents } of this.#standing.values()) documents.changed(document)
  }

  /** Whether something of this document may have come here before it came to the hub. */
  mayBeAhead(document: DocumentId): boolean {
    return this.#carried.has(document)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#telling)
    this.#grants.endAll()
    this.#listener?.close()
    this.#listener = undefined
  }

  /** The interfaces of a machine come and go. */
  async #listen(): Promise<void> {
    const wanted = this.#ports.addresses()
    if (this.#isClosed || (this.#listener && this.#wanted === wanted.join())) return
    this.#listener?.close()
    this.#wanted = wanted.join()
    const { identity, limits } = this.#ports
    const opened = await Listener.open(
      {
        identity,
        limits,
        granted: name => this.#grants.named(name),
        use: ({ peer }, nonce) => this.#grants.use(peer, nonce),
        connected: (grant, wire) => this.#stand(grant, wire),
      },
      wanted,
    )
    if (this.#isClosed) opened?.close()
    else this.#listener = opened
  }

  async #dial(grant: Grant): Promise<void> {
    const { identity, limits, log } = this.#ports
    try {
      await dial(identity, grant, limits, wire => {
        if (this.#grants.use(grant.peer, grant.nonce)) this.#stand(grant, wire)
        else wire.close(new MeshError('CONFLICT', { detail: 'the grant is over' }))
      })
    } catch (thrown) {
      log.debug({ err: asMeshError(thrown), peer: grant.peer }, 'no direct connection; the hub carries everything')
    }
  }

  /** A newer connection takes the place of the older one, which may be dead without anybody having noticed. */
  #stand(grant: Grant, wire: DirectWire): void {
    const { peer } = grant
    const { relay, org, limits } = this.#ports
    this.#standing.get(peer)?.wire.close(new MeshError('CONFLICT', { detail: 'there is a newer connection' }))
    const documents = new DirectDocuments({
      relay,
      org,
      limits,
      wire,
      isDialer: grant.role === 'dial',
      find: document => this.#find(document),
      allows: project => this.#grants.with(peer)?.projects.has(project) === true,
    })
    const standing = { wire, documents }
    this.#standing.set(peer, standing)
    this.#ports.log.info({ peer }, 'connected directly')
    wire.on({
      message: message => documents.receive(message),
      sync: (stream, bytes) => documents.sync(stream, bytes),
      closed: error => this.#closed(peer, standing, error),
    })
    this.#tell()
  }

  #find(document: DocumentId): SharedDocument | undefined {
    const found = this.#ports.find(document)
    if (!found) return undefined
    const changed = (): void => {
      this.#carried.add(document)
      found.changed()
    }
    return { project: found.project, changed }
  }

  #drop(peer: DeviceId, detail: string): void {
    this.#standing.get(peer)?.wire.close(new MeshError('FORBIDDEN', { detail }))
  }

  #closed(peer: DeviceId, standing: Standing, error: MeshError): void {
    standing.documents.close()
    this.#ports.log.info({ peer, err: error }, 'a direct connection ended; the hub carries everything')
    if (this.#standing.get(peer) !== standing) return
    this.#standing.delete(peer)
    this.#tell()
  }

  #tell(): void {
    if (this.#telling || this.#isClosed) return
    this.#telling = setTimeout(() => {
      this.#telling = undefined
      this.#ports.changed()
    }, this.#ports.limits.lanToldMs).unref()
  }
}
