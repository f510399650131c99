/** Run as a program: holds the database named by its argument until it is killed. */
import { SqliteDatabase } from '../sql/sqlite-database.ts'
import { type CounterProcedures, counterModule } from './counter-procedures.ts'

const database = await SqliteDatabase.open<CounterProcedures>({ file: process.argv[2]!, modules: [counterModule] })
await database.call('add', { name: 'started', by: 1 })
process.stdout.write('held\n')
setInterval(() => database.health(), 1_000)
