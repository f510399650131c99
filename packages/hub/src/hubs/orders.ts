/**
 * Sends a device what it is told, whichever hub has its channel: over the channel of this hub, or as an order in the
 * store, which the hub that has the channel hands over. It knows no meaning of a message.
 */
import type { DeviceId, Now, OrgId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DownMessage, UpMessage } from '@meshbook/core/messages.ts'
import type { Fleet } from '../devices/fleet.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Order } from '../store/orders.ts'

type Answer = Extract<UpMessage, { type: 'MRP_RESPONSE' }>

export interface OrdersPorts {
  store: HubStore
  fleet: Pick<Fleet, 'send'>
  times: Limits
  now: Now
  /** Name of this hub, where there may be others. */
  hub: string | undefined
}

export class Orders {
  readonly #ports: OrdersPorts

  constructor(ports: OrdersPorts) {
    this.#ports = ports
  }

  /** True once it was sent or is durable for the hub that has the channel; false when no hub has it. */
  async send(org: OrgId, device: DeviceId, message: DownMessage): Promise<boolean> {
    const { fleet, store, hub, now } = this.#ports
    if (fleet.send(device, message)) return true
    if (hub === undefined) return false
    const order: Order =
      message.type === 'LEASE' ? { to: 'device', lease: message.lease.run } : { to: 'device', message, from: hub }
    const at = now()
    return store.call('postOrder', { org, recipient: device, order, now: at, expiresAt: at + this.#keptMs(message) })
  }

  /** Hands an answer of a device to the hub that asked. */
  async answer(org: OrgId, hub: string, device: DeviceId, answer: Answer): Promise<void> {
    const { store, now, times } = this.#ports
    const at = now()
    const order: Order = { to: 'hub', device, answer }
    await store.call('postOrder', { org, recipient: hub, order, now: at, expiresAt: at + times.kernelRequestMs })
  }

  #keptMs({ type }: DownMessage): number {
    const { runWaitMs, offlineMs, kernelRequestMs } = this.#ports.times
    if (type === 'RUN_INPUT') return runWaitMs
    return type === 'MRP_REQUEST' ? kernelRequestMs : offlineMs
  }
}
