/**
 * Whose a thing is and what a principal may do with it: the one place where that is decided (ME2). Everything else asks
 * here, before it touches a thing; what is not found to be allowed is denied.
 */
import { MeshError } from '@meshbook/core/errors.ts'
import type { OrgId, ProjectId } from '@meshbook/core/ids.ts'
import { type Right, type Role, rightsOf } from '@meshbook/core/roles.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { FoundPlace, Membership, PlaceKind } from '../store/places.ts'
import { everyScope, type Principal } from './principal.ts'

export type { PlaceKind } from '../store/places.ts'

export interface Place {
  /** The org that owns it: rows about it are found under this org, never under that of the caller. */
  org: OrgId
  /** Null for what belongs to the caller's org as a whole. */
  project: ProjectId | null
  roles: readonly Role[]
  /** What the roles give and the credential leaves. */
  rights: ReadonlySet<Right>
}

export interface Target {
  kind: PlaceKind
  id: string
}

export type AccessStore = Pick<HubStore, 'query'>

export class Access {
  readonly #store: AccessStore
  readonly #readOrgs: (org: OrgId) => Promise<void>

  /** `readOrgs` brings up to date which documents of an org name which assets. */
  constructor(store: AccessStore, readOrgs: (org: OrgId) => Promise<void>) {
    this.#store = store
    this.#readOrgs = readOrgs
  }

  /** Undefined when there is no such thing, or when it is nothing to the principal: the two look the same (ME3). */
  async find(who: Principal, { kind, id }: Target): Promise<Place | undefined> {
    const asker = { org: who.org, user: who.user }
    const found = await this.#store.query('findPlace', { kind, id, asker })
    if (!found) return undefined
    return placeOf(who, kind === 'asset' ? await this.#withNewNames(who, id, found) : found)
  }

  /** Throws NOT_FOUND or FORBIDDEN, as the principal may know. */
  async demand(who: Principal, target: Target, right: Right): Promise<Place> {
    const place = await this.find(who, target)
    if (!place) throw new MeshError('NOT_FOUND', { detail: `${target.kind} ${target.id}` })
    if (!place.rights.has(right)) throw new MeshError('FORBIDDEN', { detail: wordsOf[right] })
    return place
  }

  /** The projects of others that the principal is a member of. */
  memberships(who: Pick<Principal, 'org' | 'user'>): Promise<Membership[]> {
    return this.#store.query('membershipsOf', { asker: { org: who.org, user: who.user } })
  }

  /** A document may name an asset since documents were last read: then they are read now (ME6). */
  async #withNewNames(who: Principal, id: string, found: FoundPlace): Promise<FoundPlace> {
    const asker = { org: who.org, user: who.user }
    if (found.project !== null) return found
    const maybe = await this.#store.query('projectsThatMayName', { id, asker })
    const orgs = new Set(maybe.map(({ org }) => org))
    if (orgs.size === 0) return found
    for (const org of orgs) await this.#readOrgs(org)
    return (await this.#store.query('findPlace', { kind: 'asset', id, asker })) ?? found
  }
}

/** What the principal's credential leaves of what the roles give (ME4). */
export function placeOf(who: Principal, { org, project, roles }: FoundPlace): Place {
  const given = rightsOf(roles)
  const whole = [...everyScope].every(scope => who.can.has(scope)) && who.credential.kind !== 'ticket'
  const left = [...given].filter(right => (right === 'own' ? whole : who.can.has(right)))
  return { org, project, roles, rights: new Set(left) }
}

const wordsOf: Readonly<Record<Right, string>> = {
  read: 'you may not read here',
  write: 'you may not change anything here',
  run: 'you may not run anything here',
  own: 'only an owner of the project may do this',
}
