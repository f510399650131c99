/** Interrupting and restarting a session: commands with an effect, not questions (RU10–RU12). */
import type { Run } from '@meshbook/core/api.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, Now, OrgId, RunId, SessionId } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import type { Fleet } from '../devices/fleet.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Runs } from './runs.ts'
import type { SessionRequests } from './session-requests.ts'

export interface SessionControlPorts {
  store: HubStore
  fleet: Pick<Fleet, 'statusOf'>
  runs: Pick<Runs, 'ended' | 'placeSoon'>
  sessionRequests: SessionRequests
  sessionsChanged: (org: OrgId) => void
  now: Now
}

export class SessionControl {
  readonly #ports: SessionControlPorts

  constructor(ports: SessionControlPorts) {
    this.#ports = ports
  }

  async interrupt(org: OrgId, session: SessionId, run: RunId | undefined): Promise<void> {
    await this.#reachable(org, session)
    const only = run === undefined ? {} : { run }
    await this.#ports.sessionRequests.ask(org, session, 'interrupt', only, v.unknown())
  }

  /** The hub ends the head first: from then on nothing runs in the old namespace, also if the device leaves meanwhile. */
  async restart(org: OrgId, session: SessionId, queued: 'keep' | 'cancel', by: string): Promise<Run[]> {
    const { store, runs, sessionRequests, sessionsChanged, now } = this.#ports
    await this.#reachable(org, session)
    const reason = `the session was restarted by ${by}`
    const { device, head, cancelled } = await store.call('restartSession', { org, session, queued, reason, now: now() })
    runs.ended(org, cancelled)
    sessionsChanged(org)
    if (device !== null) await sessionRequests.askDevice(org, device, session, 'restart', { head })
    runs.placeSoon(org, session)
    return cancelled
  }

  /** Refuses before anything was changed. */
  async #reachable(org: OrgId, session: SessionId): Promise<DeviceId | null> {
    const { store, fleet } = this.#ports
    const found = await store.query('findSession', { org, id: session })
    if (!found) throw new MeshError('NOT_FOUND', { detail: `session ${session}` })
    if (found.device !== null && fleet.statusOf(found.device) !== 'online')
      throw new MeshError('UNREACHABLE', { detail: 'the device of the session is not connected; nothing was changed' })
    return found.device
  }
}
