/**
 * Tells browsers and devices of an org what became of its devices: what somebody would see at once, in one piece for a
 * burst; load alone now and then, and to browsers alone. Devices get differences (CH31), so that what one device does
 * costs each other device a few bytes and not the whole list.
 */
import type { DeviceId, OrgId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { DeviceInfo, DownMessage } from '@meshbook/core/messages.ts'
import type { HubEvents } from '../hub-events.ts'
import type { Fleet } from './fleet.ts'

type List = Extract<DownMessage, { type: 'DEVICE_LIST' }>

interface Waiting {
  devices: Set<DeviceId>
  timer: NodeJS.Timeout
  isLoad: boolean
}

export class DeviceTeller {
  readonly #fleet: Fleet
  readonly #events: HubEvents
  readonly #times: Limits
  readonly #waiting = new Map<OrgId, Waiting>()

  constructor(fleet: Fleet, events: HubEvents, times: Limits) {
    this.#fleet = fleet
    this.#events = events
    this.#times = times
  }

  changed(org: OrgId, device: DeviceId, isLoad: boolean): void {
    const known = this.#waiting.get(org)
    if (known && (isLoad || !known.isLoad)) {
      if (!isLoad) known.devices.add(device)
      return
    }
    clearTimeout(known?.timer)
    // A large org is told less often: what everybody is told about everybody grows with the square of their number.
    const ms = isLoad ? this.#times.metricsToldMs : this.#times.devicesToldMs + this.#fleet.sizeOf(org)
    const timer = setTimeout(() => this.#tell(org), ms).unref()
    this.#waiting.set(org, { devices: new Set(isLoad ? [] : [device]), timer, isLoad })
  }

  /** For a device that has just come. */
  whole(org: OrgId): List {
    return { type: 'DEVICE_LIST', devices: this.#fleet.list(org).map(forDevices) }
  }

  #tell(org: OrgId): void {
    const changed = this.#waiting.get(org)?.devices ?? new Set()
    this.#waiting.delete(org)
    if (this.#events.hasListeners(org)) this.#events.publish(org, { type: 'devices', devices: this.#fleet.list(org) })
    if (changed.size === 0) return
    const found = [...changed].map(id => this.#fleet.info(id))
    const devices = found.flatMap(info => (info ? [forDevices(info)] : []))
    const gone = [...changed].filter((_, index) => found[index] === undefined)
    this.#fleet.sendToAll(org, { type: 'DEVICE_LIST', part: true, devices, ...(gone.length > 0 && { gone }) })
  }
}

/** How a device is, and what is wrong there, is for people; other devices act on neither. */
function forDevices({ problems: _, ...info }: DeviceInfo): DeviceInfo {
  return { ...info, metrics: null }
}
