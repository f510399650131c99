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
  /** They have not got the whole list yet. */
  newcomers: Set<DeviceId>
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
    if (isLoad) this.#waitFor(org, true)
    else this.#waitFor(org, false).devices.add(device)
  }

  /** It gets the whole list, with others that came in the same moment. */
  welcome(org: OrgId, device: DeviceId): void {
    this.#waitFor(org, false).newcomers.add(device)
  }

  #waitFor(org: OrgId, isLoad: boolean): Waiting {
    const known = this.#waiting.get(org)
    if (known && (isLoad || !known.isLoad)) return known
    clearTimeout(known?.timer)
    // A large org is told less often: what everybody is told about everybody grows with the square of their number.
    const ms = isLoad ? this.#times.metricsToldMs : this.#times.devicesToldMs + this.#fleet.sizeOf(org)
    const timer = setTimeout(() => this.#tell(org), ms).unref()
    const waiting = { devices: new Set<DeviceId>(), newcomers: new Set<DeviceId>(), timer, isLoad }
    this.#waiting.set(org, waiting)
    return waiting
  }

  #tell(org: OrgId): void {
    const { devices, newcomers } = this.#waiting.get(org)!
    this.#waiting.delete(org)
    const isWatched = this.#events.hasListeners(org)
    const all = isWatched || newcomers.size > 0 ? this.#fleet.list(org) : []
    if (isWatched) this.#events.publish(org, { type: 'devices', devices: all })
    if (newcomers.size > 0)
      this.#fleet.sendToAll(org, { type: 'DEVICE_LIST', devices: all.map(forDevices) }, id => newcomers.has(id))
    if (devices.size > 0) this.#fleet.sendToAll(org, this.#difference(devices), id => !newcomers.has(id))
  }

  #difference(changed: ReadonlySet<DeviceId>): List {
    const devices = [...changed].flatMap(id => this.#fleet.info(id) ?? [])
    const gone = [...changed].filter(id => this.#fleet.info(id) === undefined)
    return { type: 'DEVICE_LIST', part: true, devices: devices.map(forDevices), ...(gone.length > 0 && { gone }) }
  }
}

/** How a device is, and what is wrong there, is for people; other devices act on neither. */
function forDevices({ problems: _, environments: __, ...info }: DeviceInfo): DeviceInfo {
  return { ...info, metrics: null }
}
