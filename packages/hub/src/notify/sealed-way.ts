/** What a way leads to, sealed with the master key of the hub (NT16). Push stays as it is: it is good with the hub's push key alone. */
import { MeshError } from '@meshbook/core/errors.ts'
import type { WayId } from '@meshbook/core/ids.ts'
import * as v from 'valibot'
import type { HubStore } from '../store/hub-store.ts'
import type { WayTarget } from '../store/ways.ts'
import type { MasterKey } from '../vault/master-key.ts'
import { aboutWay } from '../vault/sealing.ts'

const sealedSchema = v.object({ url: v.string(), topic: v.nullable(v.string()), secret: v.nullable(v.string()) })
type Hidden = v.InferOutput<typeof sealedSchema>

export function sealWay(master: MasterKey, id: WayId, { url, topic, secret }: Hidden): string {
  return master.seal(Buffer.from(JSON.stringify({ url, topic, secret })), aboutWay(id))
}

/** The way as it can be sent to; throws KEY_UNREADABLE where another key sealed it. */
export async function openedWay(target: WayTarget, masterKey: () => Promise<MasterKey>): Promise<WayTarget> {
  if (target.sealed === null) return target
  const bytes = (await masterKey()).open(target.sealed, aboutWay(target.id))
  if (!bytes) throw new MeshError('KEY_UNREADABLE', { detail: target.id })
  const hidden = v.parse(sealedSchema, JSON.parse(Buffer.from(bytes).toString('utf8')))
  return { ...target, ...hidden, sealed: null }
}

/** All that is known of an address where nothing is opened. */
export const originOf = (url: string): string => new URL(url).origin

/** At the start: what was stored before ways were sealed. Returns how many there were. */
export async function sealPlainWays(
  store: Pick<HubStore, 'query' | 'call'>,
  masterKey: () => Promise<MasterKey>,
): Promise<number> {
  const found = await store.query('plainWays')
  if (found.length === 0) return 0
  const master = await masterKey()
  const ways = found.map(row => ({ id: row.id, url: originOf(row.url), sealed: sealWay(master, row.id, row) }))
  await store.call('sealPlainWays', { ways })
  return ways.length
}
