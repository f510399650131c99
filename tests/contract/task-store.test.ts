/** What every database must do about tasks (task-store.ts), and what two hubs over one do. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Task } from '@meshbook/core/tasks-api.ts'
import { hubModule } from '@meshbook/hub/store/hub-store.ts'
import type { HubProcedures } from '@meshbook/hub/store/procedures.ts'
import { completed, ScriptedSandboxes } from '@meshbook/hub/testing/scripted-tasks.ts'
import { until } from '@meshbook/hub/testing/until.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import { TestPostgres } from '../postgres.ts'
import { startTwoHubs } from '../two-hubs.ts'
import { taskStoreContract } from './task-store.ts'

taskStoreContract(
  'SQLite',
  async t => {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-tasks-'))
    const store = await SqliteDatabase.open<HubProcedures>({ file: join(folder, 'hub.db'), modules: [hubModule] })
    t.after(async () => {
      await store.close()
      await rm(folder, { recursive: true })
    })
    return store
  },
  40,
)

const server = await TestPostgres.start({ after })

taskStoreContract(
  'PostgreSQL',
  async t => {
    const { url, ownerUrl } = await server.newDatabase()
    await migratePostgres({ ownerUrl, modules: [hubModule], role: new URL(url).username })
    const store = await PostgresDatabase.open<HubProcedures>({ url, modules: [hubModule] })
    t.after(() => store.close())
    return store
  },
  3,
)

test('TK46 what one hub keeps of a task goes when another hub over the same database deletes it', async t => {
  const sandboxes = { a: new ScriptedSandboxes(), b: new ScriptedSandboxes() }
  const limits = { workerLookMs: 20, taskFoldersLookMs: 60 }
  const { a, b } = await startTwoHubs(t, server, {
    redis: false,
    of: hub => ({ limits, taskWork: sandboxes[hub].work }),
  })
  const give = () => a.json<Task>('POST', '/tasks', { repo: 'https://git.example/me/code.git', prompt: 'Mend it' })
  const [gone, stays] = [await give(), await give()]
  const all = [sandboxes.a, sandboxes.b]
  for (const { id } of [gone, stays]) {
    const mine = () => all.find(({ open }) => [...open.values()].some(({ task }) => task === id))
    await until(() => mine() !== undefined)
    await (await (await mine()!.workerOf(id)).join()).write(completed)
    await until(async () => (await a.json<Task>('GET', `/tasks/${id}`)).endedAt !== null)
  }
  const holder = all.find(({ kept }) => kept.has(gone.id))!
  const other = holder === sandboxes.a ? b : a
  await until(async () => (await other.api('DELETE', `/tasks/${gone.id}`)).status === 204)
  await until(() => !holder.kept.has(gone.id))
  assert.ok(all.some(({ kept }) => kept.get(stays.id)?.isOver))
})
