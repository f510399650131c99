/**
 * The device's own router (RT37): the same function as the hub's, asked about this device while no hub can be. Whoever
 * calls it has checked that the one who asks may run code here.
 */
import { policyOf } from '@meshbook/core/device-policy.ts'
import type { DeviceId } from '@meshbook/core/ids.ts'
import type { DeviceInfo, RunRequest } from '@meshbook/core/messages.ts'
import { routedImports } from '@meshbook/core/notebook/imports.ts'
import { type RouteDecision, type RouteDevice, route } from '@meshbook/core/route.ts'

export interface LocalRoute {
  request: Pick<RunRequest, 'language' | 'code' | 'on' | 'runsOn' | 'requires'>
  /** This device as it is now; its policy is the one that it last heard from the hub, if it has one. */
  self: Pick<DeviceInfo, 'id' | 'name' | 'kind' | 'runtimes' | 'metrics'> & {
    policy?: DeviceInfo['policy'] | undefined
    attached: boolean
    busyRuns: number
  }
  /** The other devices as they were when the hub was last heard; none without a hub. */
  others?: readonly DeviceInfo[] | undefined
  /** Who was last known to hold the session. */
  holder?: DeviceId | undefined
  /** Whether the session has had variables before. */
  hasRun?: boolean | undefined
  now: number
}

/** Only ever places a run on this device; what the user sent elsewhere waits, and is told that the hub is needed. */
export function routeLocally({ request, self, others = [], holder, hasRun, now }: LocalRoute): RouteDecision {
  const { language, code, on, runsOn, requires = [] } = request
  const own: RouteDevice = {
    ...self,
    policy: self.policy ?? policyOf(self.kind, {}),
    status: 'online',
    lastSeenAt: now,
  }
  const decision = route({
    request: { language, requires, on, runsOn, imports: routedImports(language, code) },
    devices: [own, ...others.filter(({ id }) => id !== self.id).map(outOfReach)],
    session: { holder, hasRun },
    now,
  })
  const isElsewhere = 'wait' in decision && others.some(({ id }) => id !== self.id)
  return isElsewhere ? { ...decision, reasons: [...decision.reasons, needsHub] } : decision
}

const needsHub = 'The hub cannot be reached, and other devices only through it.'

/** It may be awake and have the files; nobody can ask it. */
function outOfReach(device: DeviceInfo): RouteDevice {
  return { ...device, status: 'offline', attached: true, busyRuns: 0 }
}
