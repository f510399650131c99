/** What this hub does when another one changed something: each part looks at the store for itself. */

import type { DeviceId, OrgId } from '@meshbook/core/ids.ts'
import { tellOwnerKeys } from '../devices/owner-keys.ts'
import type { Parts } from '../parts.ts'
import { reuseReason } from '../store/device-tokens.ts'
import type { Concerned } from './other-hubs.ts'

/** How long a device that is shut out stays open for the reason to be found. */
const tellsWhyMs = 50

export function concernedOf(parts: Parts): Concerned {
  const {
    store,
    fleet,
    events,
    runs,
    openTasks,
    feeds,
    doors,
    memberships,
    sessionRequests,
    sessionsChanged,
    others,
    openWorkflows,
  } = parts
  let turns = 0
  const lookAtDevice = async (org: OrgId, id: DeviceId): Promise<void> => {
    const row = await store.query('findDevice', { id })
    if (!row || row.revoked) {
      const user = fleet.userOf(id)
      // The page says why, at whichever hub it is open (TK4).
      if (user && row?.revoked === reuseReason)
        events.publish(org, { type: 'revoked', device: id, name: row.name, reason: reuseReason })
      fleet.remove(org, id, row?.revoked ?? undefined)
      if (user) tellOwnerKeys(parts, { org, user })
      return
    }
    fleet.add(row)
    for (const presence of await store.query('listPresence', { device: id })) fleet.heardOf(presence)
  }
  /** The device is told why (RV3), if the store says it at once; it is closed in any case. */
  const shutOut = async (id: DeviceId): Promise<void> => {
    const org = fleet.orgOf(id)
    const close = (): void => {
      fleet.link(id)?.close('REVOKED')
      doors.revoke({ kind: 'device', id })
    }
    const late = setTimeout(close, tellsWhyMs)
    try {
      if (org) await lookAtDevice(org, id)
    } finally {
      clearTimeout(late)
      close()
    }
  }
  return {
    run: async (org, run) => {
      openTasks.heardOf(run)
      openWorkflows.heardElsewhere(run)
      await runs.heardOf(org, run)
    },
    device: lookAtDevice,
    sessions: org => sessionsChanged(org),
    documents: (org, project) => events.publish(org, { type: 'documents', project }),
    async orders(org, recipient) {
      if (recipient !== others?.hub) return fleet.link(recipient as Parameters<typeof fleet.link>[0])?.ordersWait()
      for (const { device, answer } of await store.call('takeHubOrders', { org, hub: recipient }))
        sessionRequests.answered(device, answer)
    },
    member: (org, project, user) => memberships.heardOf(org, project, user),
    ownerKeys: (org, user) => tellOwnerKeys(parts, { org, user }),
    closed: ({ kind, id }) => (kind === 'device' ? shutOut(id as DeviceId) : doors.revoke({ kind, id })),
    grew: (org, run) => feeds.grew(org, run),
    async devices() {
      const known = fleet.ids()
      fleet.replaceAll(known, await store.query('listDevices', { org: null }))
      for (const presence of await store.query('listPresence', { device: null })) fleet.heardOf(presence)
    },
    async lookAgain() {
      feeds.lookAgain()
      // A hub that was killed may have had something to place.
      if (++turns % 5 === 0) await runs.placeAll()
    },
  }
}
