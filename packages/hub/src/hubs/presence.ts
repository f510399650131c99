/**
 * Tells the other hubs, through the store, which devices have their channel here. Where there are no others it does
 * nothing. A channel has a name of its own, so that an older one cannot speak for the device any more (CH2).
 */
import type { DeviceId, OrgId } from '@meshbook/core/ids.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { Holding, PresenceFacts, PresenceStatus } from '../store/presence.ts'

export interface Presence {
  /** Name of this hub; empty where there are no others. */
  readonly hub: string
  enter(org: OrgId, device: DeviceId, channel: string, facts: PresenceFacts, now: number): Promise<void>
  /** False when the device has another channel by now. `tell`: others should look at it at once. */
  renew(
    org: OrgId,
    device: DeviceId,
    channel: string,
    as: { status: PresenceStatus; facts: PresenceFacts; seenAt: number; tell: boolean },
  ): Promise<boolean>
  leave(org: OrgId, device: DeviceId, channel: string, as: { left: boolean; seenAt: number }): Promise<void>
}

export const alone: Presence = {
  hub: '',
  enter: async () => undefined,
  renew: async () => true,
  leave: async () => undefined,
}

export function sharedPresence(store: HubStore, hub: string): Presence {
  const holding = (org: OrgId, device: DeviceId, channel: string): Holding => ({ org, device, hub, channel })
  return {
    hub,
    enter: (org, device, channel, facts, now) =>
      store.call('enterPresence', { ...holding(org, device, channel), facts, now }),
    renew: (org, device, channel, as) => store.call('renewPresence', { ...holding(org, device, channel), ...as }),
    async leave(org, device, channel, as) {
      await store.call('leavePresence', { ...holding(org, device, channel), ...as })
    },
  }
}
