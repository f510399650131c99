/**
 * Changes of who is a member of what, and what must happen at once when somebody loses a right (ME8): the store's
 * transaction voids and ends, then what is open is closed and what runs is cancelled.
 */
import type { AuditAction } from '@meshbook/core/audit.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId, ProjectId, UserId } from '@meshbook/core/ids.ts'
import type { Role } from '@meshbook/core/roles.ts'
import type { HubEvents } from '../hub-events.ts'
import type { Log } from '../log.ts'
import type { Runs } from '../runs/runs.ts'
import type { MemberChange } from '../store/members.ts'
import type { Audit, AuditSource } from './audit.ts'
import type { OpenDoors } from './open-doors.ts'
import type { Principal } from './principal.ts'

interface ProjectKey {
  org: OrgId
  project: ProjectId
}

export type ChangeSource = AuditSource & { who: Principal }

export interface MembershipsPorts {
  audit: Audit
  doors: OpenDoors
  runs: Runs
  events: HubEvents
  now: Now
  log: Log
}

export class Memberships {
  readonly #ports: MembershipsPorts

  constructor(ports: MembershipsPorts) {
    this.#ports = ports
  }

  /** Resolves with the id of the user. */
  async add(source: ChangeSource, at: ProjectKey, name: string, roles: Role[]): Promise<UserId> {
    const { audit, now } = this.#ports
    const note = this.#note('member-added', source, at, { member: name, roles })
    const args = { ...at, name, roles, by: source.who.user, now: now() }
    const change = await audit.call('addMember', args, note)
    this.#tell(at, change)
    return change.member.user
  }

  async invite(source: ChangeSource, at: ProjectKey, email: string, roles: Role[]): Promise<string> {
    const { audit, now } = this.#ports
    const note = this.#note('member-invited', source, at, { email, roles })
    await audit.call('inviteMember', { ...at, email, roles, by: source.who.user, now: now() }, note)
    return email
  }

  async withdraw(source: ChangeSource, at: ProjectKey, email: string): Promise<void> {
    const note = this.#note('invitation-withdrawn', source, at, { email })
    if (!(await this.#ports.audit.call('dropInvitation', { ...at, email }, note)))
      throw new MeshError('NOT_FOUND', { detail: `invitation of ${email}` })
  }

  change(source: ChangeSource, at: ProjectKey, user: string, roles: Role[]): Promise<void> {
    return this.#set(source, at, user, roles, 'member-changed')
  }

  remove(source: ChangeSource, at: ProjectKey, user: string, how: 'member-removed' | 'member-left'): Promise<void> {
    return this.#set(source, at, user, [], how)
  }

  async #set(source: ChangeSource, at: ProjectKey, user: string, roles: Role[], action: AuditAction): Promise<void> {
    const { audit, now } = this.#ports
    const note = this.#note(action, source, at, { member: user, roles })
    const change = await audit.call('setRoles', { ...at, user, roles, by: source.who.user, now: now() }, note)
    if (!change) throw new MeshError('NOT_FOUND', { detail: `member ${user}` })
    this.changed(at, change)
  }

  /** The rights in the store are the new ones by now: whatever is asked from here on meets them. */
  changed(at: ProjectKey, change: MemberChange): void {
    const { doors, runs, log } = this.#ports
    const why = new MeshError(change.after.length === 0 ? 'NOT_FOUND' : 'FORBIDDEN', {
      detail: 'your roles in this project have changed',
    })
    doors.shut(at.project, change.member.user, why)
    runs.ended(at.org, change.ended)
    runs.stopOrphans(at.org, change.orphaned, `${change.member.name} may not run here any more`)
    for (const id of change.active)
      runs
        .cancel(at.org, id, `${change.member.name} may not run here any more`)
        .catch((error: unknown) => log.warn({ err: error, run: id }, 'a run of a former member was not cancelled'))
    this.#tell(at, change)
  }

  /** Another hub changed the roles: what was opened here with the old ones is closed. */
  heardOf(org: OrgId, project: ProjectId, user: UserId): void {
    const { doors, events, runs, log } = this.#ports
    const why = new MeshError('FORBIDDEN', { detail: 'your roles in this project have changed' })
    for (const where of [project, 'lists'] as const) doors.shut(where, user, why)
    events.publish(org, { type: 'projects' })
    runs.placeAll(org).catch((error: unknown) => log.warn({ err: error }, 'placing runs failed'))
  }

  #tell(at: ProjectKey, { member }: MemberChange): void {
    const { doors, events, runs, log } = this.#ports
    // Which events somebody sees was decided when their stream was opened.
    doors.shut('lists', member.user, new MeshError('FORBIDDEN', { detail: 'your projects have changed' }))
    for (const org of [at.org, member.org]) events.publish(org, { type: 'projects' })
    runs.placeAll(at.org).catch((error: unknown) => log.warn({ err: error }, 'placing runs failed'))
  }

  #note(action: AuditAction, source: ChangeSource, at: ProjectKey, detail: Record<string, unknown>) {
    return this.#ports.audit.note(action, source, { org: at.org, target: at.project, detail })
  }
}
