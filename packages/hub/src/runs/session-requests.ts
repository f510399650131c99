/** Questions to a live session (complete, inspect, variables, interrupt, restart), tunnelled to the device that holds it. */

import { MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, SessionId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { explainIssues, type SessionMethod, type UpMessage } from '@meshbook/core/messages.ts'
import type { GenericSchema, InferOutput } from 'valibot'
import * as v from 'valibot'
import type { Fleet } from '../devices/fleet.ts'
import type { HubStore } from '../store/hub-store.ts'

interface Pending {
  device: DeviceId
  settle(answer: Extract<UpMessage, { type: 'MRP_RESPONSE' }> | MeshError): void
}

/** Requests that may wait for answers at once; each has a time-out (I10). */
const mostPending = 10_000

export class SessionRequests {
  readonly #store: HubStore
  readonly #fleet: Fleet
  readonly #pending = new Map<number, Pending>()
  #last = 0

  constructor(store: HubStore, fleet: Fleet) {
    this.#store = store
    this.#fleet = fleet
  }

  async ask<S extends GenericSchema>(
    org: OrgId,
    session: SessionId,
    method: SessionMethod,
    params: Record<string, unknown>,
    answer: S,
  ): Promise<InferOutput<S>> {
    const found = await this.#store.query('findSession', { org, id: session })
    if (!found) throw new MeshError('NOT_FOUND', { detail: `session ${session}` })
    if (found.device === null) throw new MeshError('NO_DEVICE', { detail: 'the session is not live on any device' })
    const result = v.safeParse(answer, await this.#send(found.device, session, method, params))
    if (result.success) return result.output
    throw new MeshError('UNREACHABLE', {
      detail: `the device answered ${method} with something else: ${explainIssues(result.issues)}`,
    })
  }

  /** Asks a device that holds, or held, the session. */
  async askDevice(
    device: DeviceId,
    session: SessionId,
    method: SessionMethod,
    params: Record<string, unknown>,
  ): Promise<unknown> {
    return this.#send(device, session, method, params)
  }

  /** An answer is taken only from the device that was asked. */
  answered(device: DeviceId, message: Extract<UpMessage, { type: 'MRP_RESPONSE' }>): void {
    const pending = this.#pending.get(message.id)
    if (pending?.device === device) pending.settle(message)
  }

  disconnected(device: DeviceId): void {
    for (const pending of [...this.#pending.values()])
      if (pending.device === device)
        pending.settle(new MeshError('UNREACHABLE', { detail: 'the device left before it answered' }))
  }

  #send(
    device: DeviceId,
    session: SessionId,
    method: SessionMethod,
    params: Record<string, unknown>,
  ): Promise<unknown> {
    if (this.#pending.size >= mostPending) throw new MeshError('SLOW_DOWN')
    const id = this.#last++
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(
        () => settle(new MeshError('TIMEOUT', { detail: `${method} of the session` })),
        limits.kernelRequestMs,
      )
      const settle: Pending['settle'] = answer => {
        clearTimeout(timer)
        this.#pending.delete(id)
        if (answer instanceof MeshError) reject(answer)
        else if (answer.ok) resolve(answer.result)
        else reject(new MeshError(answer.code, answer.detail === undefined ? {} : { detail: answer.detail }))
      }
      this.#pending.set(id, { device, settle })
      if (!this.#fleet.send(device, { type: 'MRP_REQUEST', id, session, method, params }))
        settle(new MeshError('UNREACHABLE', { detail: 'the device of the session is not connected' }))
    })
  }
}
