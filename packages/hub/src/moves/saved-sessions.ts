/**
 * What devices say of saving and restoring: the answer to a move, to a question about what was left behind, to a lease, or
 * only how it stands.
 */
import type { DeviceId, Now, OrgId } from '@meshbook/core/ids.ts'
import type { UpMessage } from '@meshbook/core/messages.ts'
import type { Runs } from '../runs/runs.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { LeftHeads } from './left-heads.ts'
import type { Moves } from './moves.ts'
import type { RestoreProgress } from './restore-progress.ts'

type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>

export interface SavedSessionsPorts {
  store: HubStore
  moves: Pick<Moves, 'saved' | 'restored'>
  leftHeads: Pick<LeftHeads, 'told'>
  restoreProgress: RestoreProgress
  runs: Pick<Runs, 'foreign' | 'placeSoon'>
  now: Now
  sessionsChanged: (org: OrgId) => void
  /** Told later, and once for many. */
  savingChanged: (org: OrgId) => void
}

export class SavedSessions {
  readonly #ports: SavedSessionsPorts

  constructor(ports: SavedSessionsPorts) {
    this.#ports = ports
  }

  async told(own: OrgId, device: DeviceId, message: Up<'SNAPSHOT' | 'RESTORING' | 'RESTORED'>): Promise<void> {
    const org = this.#ports.runs.foreign.orgOf(device, own, message.session)
    if (message.type === 'RESTORING') this.#restoring(org, device, message)
    else if (message.type === 'RESTORED') await this.#restored(org, device, message)
    else await this.#saved(org, device, message)
  }

  async #saved(org: OrgId, device: DeviceId, message: Up<'SNAPSHOT'>): Promise<void> {
    const { store, moves, leftHeads, savingChanged } = this.#ports
    const { session, head, fence, state, detail } = message
    const isLeft = await leftHeads.told(org, device, message)
    if (isLeft) return
    const saving = { state, ...(detail !== undefined && { detail }) }
    if (await store.call('noteSaving', { org, device, session, head, fence, saving })) savingChanged(org)
    await moves.saved(device, message)
  }

  #restoring(org: OrgId, device: DeviceId, message: Up<'RESTORING'>): void {
    this.#ports.restoreProgress.note(device, message)
    this.#ports.savingChanged(org)
  }

  async #restored(org: OrgId, device: DeviceId, message: Up<'RESTORED'>): Promise<void> {
    const { store, moves, restoreProgress, runs, now, sessionsChanged } = this.#ports
    const { session, head, fence, ok, snapshot = null, failed, lost } = message
    restoreProgress.over(session)
    if (await moves.restored(device, message)) return
    const what = { org, device, session, head, fence, ok, snapshot, failed, lost, now: now() }
    if (!(await store.call('restoreEnded', what))) return
    sessionsChanged(org)
    if (!ok) runs.placeSoon(org, session)
  }
}
