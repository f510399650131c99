/**
 * Notes for the audit log. A note of a change is written in the transaction of the change (AD2): `call` runs a procedure
 * of the store together with its note. No secret may be put into a note (AD4).
 */
import type { AuditAction } from '@meshbook/core/audit.ts'
import { type Now, newId, type OrgId, type RandomBytes } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import type { Log } from '../log.ts'
import type { AuditNote } from '../store/audit.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { AuditedCall, HubProcedures } from '../store/procedures.ts'
import { credentialKey, type Principal } from './principal.ts'

/** By whom and over which request. */
export interface AuditSource {
  who?: Pick<Principal, 'org' | 'user' | 'name' | 'credential'> | undefined
  visit?: { address: string } | undefined
  requestId?: string | undefined
}

export interface AuditAbout {
  /** Whose log: that of the actor if absent. */
  org?: OrgId
  target?: string
  detail?: Record<string, unknown>
}

export interface AuditPorts {
  store: HubStore
  now: Now
  random: RandomBytes
  log: Log
}

const minuteMs = 60_000

export class Audit {
  readonly #ports: AuditPorts
  #failures = { minute: 0, noted: 0, leftOut: 0 }

  constructor(ports: AuditPorts) {
    this.#ports = ports
  }

  note(action: AuditAction, { who, visit, requestId }: AuditSource, about: AuditAbout = {}): AuditNote {
    const { now, random } = this.#ports
    return {
      org: about.org ?? who?.org ?? null,
      id: newId('audit', now(), random),
      at: now(),
      user: who?.user ?? null,
      name: who?.name ?? null,
      credential: who ? credentialKey(who.credential) : null,
      action,
      target: about.target ?? null,
      detail: about.detail ?? {},
      address: visit?.address ?? null,
      request: requestId ?? null,
    }
  }

  /** The procedure and its note, in one transaction; what changes nothing is not noted. */
  call<N extends AuditedCall>(
    call: N,
    args: Parameters<HubProcedures[N]>[1],
    note: AuditNote,
  ): ReturnType<HubProcedures[N]> {
    const org = typeof args === 'object' && args !== null && 'org' in args ? { org: args.org as OrgId } : {}
    return this.#ports.store.call('audited', { ...org, call, args, note }) as ReturnType<HubProcedures[N]>
  }

  /** A failed sign-in, unless there were too many of them in this minute (AD5). It never holds up the answer. */
  signInFailed(source: AuditSource, detail: Record<string, unknown>): void {
    const minute = Math.floor(this.#ports.now() / minuteMs)
    if (minute !== this.#failures.minute) this.#failures = { ...this.#failures, minute, noted: 0 }
    if (this.#failures.noted >= limits.auditFailuresPerMinute) {
      this.#failures.leftOut++
      return
    }
    this.#failures.noted++
    const { leftOut } = this.#failures
    this.#failures.leftOut = 0
    const note = this.note('sign-in-failed', source, { detail: { ...detail, ...(leftOut > 0 ? { leftOut } : {}) } })
    this.#ports.store
      .call('noteAudit', { org: null, note })
      .catch((error: unknown) => this.#ports.log.warn({ err: error }, 'a failed sign-in was not noted'))
  }

  /** Deletes what is too old. */
  async trim(): Promise<void> {
    const { store, now } = this.#ports
    const page = { before: now() - limits.auditKeepMs, most: limits.auditTrimRows }
    while (await store.call('trimAudit', page));
  }
}
