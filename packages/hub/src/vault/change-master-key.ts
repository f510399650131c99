/** At the start: what another master key sealed is sealed again with the one that holds now (VA20). */
import type { RandomBytes } from '@meshbook/core/ids.ts'
import type { Log } from '../log.ts'
import type { HubStore } from '../store/hub-store.ts'
import { MasterKey, type MasterKeyConfig } from './master-key.ts'
import { aboutComputeKeys, aboutDataKey, aboutHook, aboutOwnerKey, aboutWay } from './sealing.ts'

export interface ChangePorts {
  store: HubStore
  config: { dataFolder: string; masterKey: MasterKeyConfig; oldMasterKey: MasterKeyConfig }
  random: RandomBytes
  log: Log
  masterKey(): Promise<MasterKey>
}

/** Returns how many were sealed again, and how many neither key opens. */
export async function changeMasterKey(ports: ChangePorts): Promise<{ again: number; unreadable: number }> {
  const { store, config, random, log } = ports
  const found = await store.query('underMaster')
  if (Object.values(found).every(rows => rows.length === 0)) return { again: 0, unreadable: 0 }
  const old = await MasterKey.openOld(config, random)
  const master = await ports.masterKey()
  let unreadable = 0
  /** What it is sealed as from now on; none where nothing is to be done or can be. */
  const again = <Row extends { sealed: string }>(row: Row, about: string): (Row & { was: string })[] => {
    if (master.open(row.sealed, about)) return []
    const opened = old?.open(row.sealed, about)
    if (opened) return [{ ...row, was: row.sealed, sealed: master.seal(opened, about) }]
    unreadable++
    return []
  }
  const changed = {
    data: found.data.flatMap(row => again(row, aboutDataKey(row.org, row.version))),
    compute: found.compute.flatMap(row => again(row, aboutComputeKeys)),
    restoring: found.restoring.flatMap(row => again(row, aboutOwnerKey(row, row.version))),
    hooks: found.hooks.flatMap(row => again(row, aboutHook(row.id))),
    ways: found.ways.flatMap(row => again(row, aboutWay(row.id))),
  }
  const isNeeded = Object.values(changed).some(rows => rows.length > 0)
  const count = isNeeded ? await store.call('sealAgain', changed) : 0
  if (count > 0) log.info({ count }, 'the master key is another one; what the old one sealed is sealed with it')
  if (unreadable > 0) log.warn({ unreadable }, 'what another master key sealed cannot be opened')
  return { again: count, unreadable }
}
