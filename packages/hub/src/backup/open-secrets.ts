/** Tries whether the keys of a restored store open: one of each org, with the master key that is there (VA31). */
import { MeshError } from '@meshbook/core/errors.ts'
import type { HubStore } from '../store/hub-store.ts'
import type { MasterKey } from '../vault/master-key.ts'
import { openValue } from '../vault/sealing.ts'

/** Orgs that have keys, and of how many the keys open. */
export interface OpenedSecrets {
  orgs: number
  opened: number
}

export async function openSecrets(
  store: Pick<HubStore, 'query'>,
  masterKey: MasterKey | undefined,
): Promise<OpenedSecrets> {
  const samples = await store.query('sampleKeys')
  const opened = masterKey ? samples.map(row => openValue(masterKey, row)) : []
  const at = opened.indexOf('value')
  if (at >= 0) throw new MeshError('BACKUP_DAMAGED', { detail: `the key ${samples[at]!.name} is not what was stored` })
  return { orgs: samples.length, opened: opened.filter(one => one !== 'master key').length }
}
