/** A data folder of a hub that knows many devices: 500 of a user, as the hub allows, in an org each. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { type AllProcedures, hubModules } from '@meshbook/hub/store/open-store.ts'
import { SqliteConnection } from '@meshbook/relay/sql/sqlite-connection.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { BareDevice } from './bare-device.ts'

export async function prepareHub(folder: string, devices: readonly BareDevice[]): Promise<void> {
  const file = join(folder, 'hub.db')
  const now = Date.now()
  const store = await SqliteDatabase.open<AllProcedures>({ file, modules: hubModules })
  await store.call('firstUser', { org: id('org'), user: id('user'), name: 'me', now, token: null })
  await store.close()
  const connection = new SqliteConnection(file, { readOnly: false })
  const users = Array.from({ length: Math.ceil(devices.length / limits.devicesPerUser) }, () => ({
    org: id('org'),
    user: id('user'),
    name: `user ${randomBytes(4).toString('hex')}`,
  }))
  for (const { org, user, name } of users) {
    await connection.tx.run('INSERT INTO orgs (org_id, name, created_at) VALUES (?, ?, ?)', [org, name, now])
    await connection.tx.run('INSERT INTO users (org_id, user_id, name, created_at) VALUES (?, ?, ?, ?)', [
      org,
      user,
      name,
      now,
    ])
  }
  connection.close()
  const again = await SqliteDatabase.open<AllProcedures>({ file, modules: hubModules })
  await Promise.all(
    devices.map(({ id: device, publicKey }, index) => {
      const { org, user } = users[Math.floor(index / limits.devicesPerUser)]!
      const about = { id: device, publicKey, name: device.slice(0, 20), kind: 'server' }
      return again.call('addDevice', { org, user, ...about, now })
    }),
  )
  await again.close()
}

const id = <K extends Parameters<typeof newId>[0]>(kind: K) => newId(kind, Date.now(), systemRandom)
