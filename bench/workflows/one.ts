import { migrateStore } from '@meshbook/hub/store/open-store.ts'
import { TestPostgres } from '../../tests/postgres.ts'
import { TestRedis } from '../../tests/redis.ts'
import { drained, paced } from './contender.ts'
import { meshbook } from './meshbook.ts'

const closers: (() => unknown)[] = []
const cleanup = { after: (act: () => unknown) => void closers.push(act) }
const t = (w: string) => console.error(performance.now().toFixed(0), w)
try {
  const pg = await TestPostgres.start(cleanup)
  t('pg')
  const redis = await TestRedis.start(cleanup)
  t('redis')
  const db = await pg.newDatabase()
  await migrateStore(db)
  t('migrated')
  for (const kind of (process.argv[2] ?? 'effects,values').split(',')) {
    const c = await meshbook(db, redis.url, kind as never)
    t('opened')
    await drained(c, 20, 20)
    t('warm')
    for (let i = 0; i < 3; i++) {
      const cpu = process.cpuUsage()
      const r = await drained(c, Number(process.argv[3] ?? 200), 50)
      const used = process.cpuUsage(cpu)
      t(
        `${kind} ${r.toFixed(0)} steps/s; cpu/run ${((used.user + used.system) / 1e3 / Number(process.argv[3] ?? 200)).toFixed(2)} ms`,
      )
    }
    await c.close()
  }
} finally {
  for (const c of closers.reverse()) await c()
}
