/** The router's sentences about devices and times. */
import type { Failover } from '../messages.ts'
import type { Outcome, RouteDecision, RouteDevice, Wait } from './input.ts'
import { untilElsewhere } from './saved.ts'

/** Nothing is placed, for the reasons that were gathered and this last one; what stops a holder may stop all. */
export function explained(outcome: Outcome, reasons: readonly string[]): RouteDecision {
  return { ...outcome, reasons: [...new Set([...reasons, 'wait' in outcome ? outcome.wait : outcome.detail])] }
}

/** The device that is most likely to be back first. */
export function nearest(devices: readonly RouteDevice[]): RouteDevice {
  return devices.toSorted(
    (a, b) =>
      Number(b.status === 'suspect') - Number(a.status === 'suspect') ||
      b.lastSeenAt - a.lastSeenAt ||
      (a.id < b.id ? -1 : 1),
  )[0]!
}

export function waitFor(device: RouteDevice, now: number): Wait {
  if (device.status === 'suspect')
    return {
      wait: `${device.name} does not answer at the moment.`,
      unblock: `It starts when ${device.name} answers again.`,
    }
  return {
    wait: `${device.name} is offline, last seen ${ago(now - device.lastSeenAt)}.`,
    unblock: `Wake ${device.name}, or choose another device.`,
  }
}

/** `Waiting for MacBook (12 s).` */
export function waitForHolder({ name }: RouteDevice, silentMs: number, failover: Failover | undefined): Wait {
  const soon = untilElsewhere(failover)
  return {
    wait: `Waiting for ${name} (${Math.floor(silentMs / 1000)} s).`,
    unblock: `It starts when ${name} answers again; ${soon ?? 'or elsewhere, if you choose "Run elsewhere now"'}.`,
  }
}

function ago(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 120) return `${minutes} min ago`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`
}

export function lasting(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** The first three by name; the others are counted. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown
}

/** In the order of their ids, so that the words do not depend on the order of the devices. */
export function namesOf(devices: readonly RouteDevice[]): string {
  return listed(devices.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(device => device.name))
}
