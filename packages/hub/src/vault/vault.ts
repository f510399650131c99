/** Keys of model providers and git hosts, per org: set, listed without their values, used, turned (VA1…). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, RandomBytes } from '@meshbook/core/ids.ts'
import { modelWires } from '@meshbook/core/model-wires.ts'
import type { StoredKey } from '@meshbook/core/tasks-api.ts'
import type { Audit, AuditSource } from '../auth/audit.ts'
import type { Principal } from '../auth/principal.ts'
import { addressKind } from '../outgoing/address-kind.ts'
import { checkedAddresses, checkedUrl, type OutgoingPorts } from '../outgoing/guarded-request.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { DataKey, SealedKey } from '../store/keys.ts'
import type { MasterKey } from './master-key.ts'
import { aboutDataKey, newDataKey, openValue, sealValue } from './sealing.ts'
import { Secret } from './secret.ts'

export interface VaultPorts {
  store: HubStore
  audit: Audit
  resolve: OutgoingPorts['resolve']
  times: { outgoingMs: number }
  now: Now
  random: RandomBytes
  /** Opened when it is first needed. */
  masterKey(): Promise<MasterKey>
}

export interface OpenedKey {
  name: string
  kind: StoredKey['kind']
  at: string | null
  inside: boolean
  secret: Secret
}

type Source = AuditSource & { who: Principal }

/** Another who sets a key, or turns the data key, at the same moment was first. */
const mostTries = 5
/** How far `usedAt` may be behind (VA11). */
const touchedMs = 60_000
const modelKinds: readonly string[] = modelWires

export class Vault {
  readonly #ports: VaultPorts

  constructor(ports: VaultPorts) {
    this.#ports = ports
  }

  list(org: OrgId): Promise<StoredKey[]> {
    return this.#ports.store.query('listKeys', { org })
  }

  async set(
    source: Source,
    wish: { name: string; kind: StoredKey['kind']; secret: Secret; at: string | null },
  ): Promise<StoredKey> {
    const { audit, random, now } = this.#ports
    const { name, kind, secret, at } = wish
    const { org } = source.who
    const inside = at !== null && modelKinds.includes(kind) && (await this.#mayLeadInside(source.who, at))
    const master = await this.#ports.masterKey()
    for (let tries = 0; tries < mostTries; tries++) {
      const { version, key } = await this.#dataKeyFor(master, org)
      const sealed = sealValue(key, random, secret, { org, name, kind, at, inside, version })
      const row = { org, name, kind, at, inside, ends: secret.ends, version, sealed, now: now() }
      const stored = await audit.call(
        'putKey',
        row,
        audit.note('key-set', source, { target: name, detail: { kind, at } }),
      )
      if (stored) return stored
    }
    throw new MeshError('CONFLICT', { detail: 'the keys of this org are being sealed anew' })
  }

  async remove(source: Source, name: string): Promise<void> {
    const { audit } = this.#ports
    const { org } = source.who
    if (!(await audit.call('removeKey', { org, name }, audit.note('key-removed', source, { target: name }))))
      throw new MeshError('NOT_FOUND', { detail: `key ${name}` })
  }

  /** All values of the org under a new data key; the old one is gone afterwards (VA21). */
  async turn(source: Source): Promise<void> {
    const { store, audit, random, now } = this.#ports
    const { org } = source.who
    const master = await this.#ports.masterKey()
    for (let tries = 0; tries < mostTries; tries++) {
      const rows = await store.query('sealedKeys', { org })
      if (rows.length === 0) return
      const version = Math.max(...rows.map(row => row.version)) + 1
      const { key, wrapped } = newDataKey(master, random, org, version)
      const keys = rows.map(row => ({
        name: row.name,
        was: row.sealed,
        sealed: sealValue(key, random, secretOf(master, row), { ...row, version }),
      }))
      const note = audit.note('data-key-turned', source, { detail: { keys: keys.length } })
      if (await audit.call('turnDataKey', { org, version, wrapped, keys, now: now() }, note)) return
    }
    throw new MeshError('CONFLICT', { detail: 'the keys of this org go on changing' })
  }

  /** The key of that name; undefined where there is none. `use` says in the audit log what it was for. */
  async open(org: OrgId, name: string, use: string): Promise<OpenedKey | undefined> {
    return this.#opened(org, use, row => row.name === name)
  }

  /** Of the kinds, the one that is named like its kind, else the first by its name; where `at` is given, only of there. */
  async find(
    org: OrgId,
    wanted: { kinds: readonly StoredKey['kind'][]; at?: string },
    use: string,
  ): Promise<OpenedKey | undefined> {
    return this.#opened(org, use, ({ kind, at }) => {
      return wanted.kinds.includes(kind) && (wanted.at === undefined || at === wanted.at)
    })
  }

  async #opened(org: OrgId, use: string, isMeant: (row: SealedKey) => boolean): Promise<OpenedKey | undefined> {
    const rows = (await this.#ports.store.query('sealedKeys', { org })).filter(isMeant)
    const row = rows.find(({ name, kind }) => name === kind) ?? rows[0]
    if (!row) return undefined
    const secret = secretOf(await this.#ports.masterKey(), row)
    await this.#noteUse(row, use)
    const { name, kind, at, inside } = row
    return { name, kind, at, inside, secret }
  }

  async #noteUse({ org, name, changedAt, usedAt }: SealedKey, use: string): Promise<void> {
    const { store, audit, now } = this.#ports
    const used = { org, name, changedAt, now: now() }
    if (usedAt === null) {
      const note = audit.note('key-used', {}, { org, target: name, detail: { for: use } })
      await audit.call('useKey', used, note)
    } else if (now() - usedAt >= touchedMs) await store.call('touchKey', used)
  }

  async #dataKeyFor(master: MasterKey, org: OrgId): Promise<{ version: number; key: Uint8Array }> {
    const { store, random, now } = this.#ports
    const known = await store.query('dataKey', { org, made: null, now: now() })
    if (known) return { version: known.version, key: dataKeyOf(master, org, known) }
    const made = newDataKey(master, random, org, 1)
    const kept = await store.call('dataKey', { org, made: made.wrapped, now: now() })
    return { version: kept!.version, key: dataKeyOf(master, org, kept!) }
  }

  /** Only for the owner of the hub; what nobody may name is refused (VA6). */
  async #mayLeadInside({ org, user }: Principal, address: string): Promise<boolean> {
    const { store, resolve, times } = this.#ports
    const isOwner = await store.query('isFirstUser', { org, user })
    const allows = isOwner ? (['public', 'private'] as const) : (['public'] as const)
    const found = await checkedAddresses(
      { resolve },
      checkedUrl(address),
      allows,
      AbortSignal.timeout(times.outgoingMs),
    )
    return found.some(({ address: number }) => addressKind(number) === 'private')
  }
}

function dataKeyOf(master: MasterKey, org: OrgId, { version, wrapped }: DataKey): Uint8Array {
  const key = master.open(wrapped, aboutDataKey(org, version))
  if (key) return key
  throw new MeshError('KEY_UNREADABLE', { detail: 'the keys of this org were sealed with another master key' })
}

function secretOf(master: MasterKey, row: SealedKey): Secret {
  const opened = openValue(master, row)
  if (opened instanceof Secret) return opened
  const why = opened === 'master key' ? 'it was sealed with another master key' : 'it is not what was stored'
  throw new MeshError('KEY_UNREADABLE', { detail: `${row.name}: ${why}` })
}
