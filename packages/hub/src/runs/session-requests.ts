/** Questions to a live session (complete, inspect, variables, interrupt, restart), tunnelled to the device that holds it. */

import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { DeviceId, OrgId, SessionId } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type DownMessage, explainIssues, type SessionMethod, type UpMessage } from '@meshbook/core/messages.ts'
import type { GenericSchema, InferOutput } from 'valibot'
import * as v from 'valibot'
import type { Orders } from '../hubs/orders.ts'
import type { HubStore } from '../store/hub-store.ts'

type Answer = Extract<UpMessage, { type: 'MRP_RESPONSE' }>
type Request = Extract<DownMessage, { type: 'MRP_REQUEST' }>

interface Pending {
  device: DeviceId
  settle(answer: Answer | MeshError): void
}

/** Requests that may wait for answers at once; each has a time-out (I10). */
const mostPending = 10_000

export class SessionRequests {
  readonly #store: HubStore
  readonly #orders: Pick<Orders, 'send'>
  readonly #pending = new Map<number, Pending>()
  #last = 0

  constructor(store: HubStore, orders: Pick<Orders, 'send'>) {
    this.#store = store
    this.#orders = orders
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
    const result = v.safeParse(answer, await this.#send(org, found.device, session, method, params))
    if (result.success) return result.output
    throw new MeshError('UNREACHABLE', {
      detail: `the device answered ${method} with something else: ${explainIssues(result.issues)}`,
    })
  }

  /** An answer is taken only from the device that was asked. */
  answered(device: DeviceId, message: Answer): void {
    const pending = this.#pending.get(message.id)
    if (pending?.device === device) pending.settle(message)
  }

  disconnected(device: DeviceId): void {
    for (const pending of [...this.#pending.values()])
      if (pending.device === device)
        pending.settle(new MeshError('UNREACHABLE', { detail: 'the device left before it answered' }))
  }

  /** Another hub asks a device that is connected here; its answer goes back under the id that the hub knows. */
  forward(
    device: DeviceId,
    request: Request,
    send: (request: Request) => boolean,
    answer: (told: Answer) => void,
  ): void {
    const known = { type: 'MRP_RESPONSE', id: request.id } as const
    const settled = (told: Answer | MeshError): void =>
      answer(told instanceof MeshError ? { ...known, ok: false, code: told.code } : { ...told, ...known })
    if (this.#pending.size >= mostPending) {
      settled(new MeshError('SLOW_DOWN'))
      return
    }
    const id = this.#expect(device, request.method, settled)
    if (!send({ ...request, id })) this.#pending.get(id)?.settle(gone)
  }

  async #send(
    org: OrgId,
    device: DeviceId,
    session: SessionId,
    method: SessionMethod,
    params: Record<string, unknown>,
  ): Promise<unknown> {
    if (this.#pending.size >= mostPending) throw new MeshError('SLOW_DOWN')
    return new Promise<unknown>((resolve, reject) => {
      const id = this.#expect(device, method, answer => {
        if (answer instanceof MeshError) reject(answer)
        else if (answer.ok) resolve(answer.result)
        else reject(new MeshError(answer.code, answer.detail === undefined ? {} : { detail: answer.detail }))
      })
      this.#orders.send(org, device, { type: 'MRP_REQUEST', id, session, method, params }).then(
        sent => sent || this.#pending.get(id)?.settle(gone),
        (thrown: unknown) => this.#pending.get(id)?.settle(asMeshError(thrown)),
      )
    })
  }

  #expect(device: DeviceId, method: SessionMethod, settled: Pending['settle']): number {
    const id = this.#last++
    const late = () => settle(new MeshError('TIMEOUT', { detail: `${method} of the session` }))
    const timer = setTimeout(late, limits.kernelRequestMs)
    const settle: Pending['settle'] = answer => {
      clearTimeout(timer)
      if (this.#pending.delete(id)) settled(answer)
    }
    this.#pending.set(id, { device, settle })
    return id
  }
}

const gone = new MeshError('UNREACHABLE', { detail: 'the device of the session is not connected' })
