/** The device's database: its own procedures and the relay's in one file, `device.db`. */
import type { Database } from '@meshbook/relay/sql/database.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import { documentModule } from '@meshbook/relay/store/sqlite-document-store.ts'
import type { DeviceProcedures } from './procedures.ts'

export type DeviceStore = Database<DeviceProcedures>
export type DeviceDatabase = Database<DeviceProcedures & DocumentProcedures>

const deviceModule = new URL('./procedures.ts', import.meta.url)

export async function openDeviceDatabase(
  file: string,
  onHealth: (health: { ok: boolean; detail: string }) => void,
): Promise<DeviceDatabase> {
  return SqliteDatabase.open<DeviceProcedures & DocumentProcedures>({
    file,
    modules: [documentModule, deviceModule],
    onHealth,
  })
}
