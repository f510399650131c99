/**
 * Which sessions and runs a device holds for another org than its own: those of a shared project that its user runs on
 * it (ME22). Whatever is not noted here is of the device's own org. The store is the truth; this saves asking it for
 * every event.
 */
import type { DeviceId, OrgId, RunId, SessionId } from '@meshbook/core/ids.ts'

export interface Held {
  session: SessionId
  run?: RunId | undefined
}

export class ForeignWork {
  readonly #orgs = new Map<DeviceId, Map<SessionId | RunId, OrgId>>()

  note(device: DeviceId, org: OrgId, { session, run }: Held): void {
    const known = this.#orgs.get(device) ?? new Map<SessionId | RunId, OrgId>()
    this.#orgs.set(device, known)
    known.set(session, org)
    if (run !== undefined) known.set(run, org)
  }

  /** The org of a session or run that the device speaks of. */
  orgOf(device: DeviceId, own: OrgId, what: SessionId | RunId): OrgId {
    return this.#orgs.get(device)?.get(what) ?? own
  }

  ended(device: DeviceId | null, run: RunId): void {
    if (device !== null) this.#orgs.get(device)?.delete(run)
  }

  /** Everything that is of one org goes together. */
  byOrg<T extends { session: SessionId }>(device: DeviceId, own: OrgId, items: readonly T[]): Map<OrgId, T[]> {
    const groups = new Map<OrgId, T[]>([[own, []]])
    for (const item of items) {
      const org = this.orgOf(device, own, item.session)
      groups.set(org, [...(groups.get(org) ?? []), item])
    }
    return groups
  }

  orgsOf(device: DeviceId, own: OrgId): OrgId[] {
    return [...new Set([own, ...(this.#orgs.get(device)?.values() ?? [])])]
  }

  forget(device: DeviceId): void {
    this.#orgs.delete(device)
  }
}
