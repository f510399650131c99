/**
 * Row level security of a hub's database, past all procedures: every table that is there, every verb, no org or a wrong
 * one. And the list of calls that may reach beyond an org.
 */
import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MeshError } from '@meshbook/core/errors.ts'
import { callsAcrossOrgs, callsWithoutOrg } from '@meshbook/hub/store/across-orgs.ts'
import { type AllProcedures, hubModules } from '@meshbook/hub/store/open-store.ts'
import { procedures } from '@meshbook/hub/store/procedures.ts'
import { PostgresDatabase } from '@meshbook/relay/sql/postgres-database.ts'
import { migratePostgres } from '@meshbook/relay/sql/postgres-migrate.ts'
import type { Client } from 'pg'
import { onDatabase, type TestDatabase, TestPostgres } from '../postgres.ts'

const server = await TestPostgres.start({ after })

/** Tables without a guard, and why. */
const unguarded: Record<string, string> = {
  schema_versions: 'it is about the tables, not about orgs; a hub may only read it',
}

const migrate = ({ url, ownerUrl }: TestDatabase) =>
  migratePostgres({ ownerUrl, modules: hubModules, role: new URL(url).username })

async function migrated(): Promise<TestDatabase> {
  const database = await server.newDatabase()
  await migrate(database)
  return database
}

const mine = 'org_mine'
const other = 'org_of_somebody_else'
const scopes = [null, '', other, "x' OR '1'='1"]
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

async function tablesOf(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY tablename",
  )
  return rows.map(({ name }) => name).filter(name => !(name in unguarded))
}

/** A row of any table, for an org. */
async function rowSql(client: Client, table: string, org: string): Promise<string> {
  const { rows } = await client.query<{ column: string; type: string }>(
    'SELECT column_name AS column, data_type AS type FROM information_schema.columns WHERE table_name = $1',
    [table],
  )
  const literalFor = ({ column, type }: { column: string; type: string }): string => {
    if (column === 'org_id') return literal(org)
    if (type === 'text') return literal(`${column} of ${org}`)
    return type === 'bytea' ? "'\\x00'" : '1'
  }
  return `INSERT INTO ${table} (${rows.map(({ column }) => column).join(', ')}) VALUES (${rows.map(literalFor).join(', ')})`
}

/** How many rows a statement saw or changed, of which nothing stays. */
async function under(client: Client, scope: string | null, sql: string): Promise<number> {
  await client.query('BEGIN')
  try {
    if (scope !== null) await client.query("SELECT set_config('meshbook.org', $1, true)", [scope])
    return (await client.query(sql)).rowCount ?? 0
  } finally {
    await client.query('ROLLBACK')
  }
}

test('OS1 every table, every verb, no org or a wrong one: no row is seen, changed or added, also as the owner', async () => {
  const { url, ownerUrl, superuserUrl } = await migrated()
  const tables: string[] = []
  await onDatabase(superuserUrl, async client => {
    tables.push(...(await tablesOf(client)))
    for (const table of tables) await client.query(await rowSql(client, table, mine))
  })
  assert.ok(tables.length > 60, `${tables.length} tables`)
  for (const as of [url, ownerUrl])
    await onDatabase(as, async client => {
      for (const table of tables) {
        for (const scope of scopes) {
          const where = `${table} as ${JSON.stringify(scope)}`
          const to = literal(scope ?? 'x')
          assert.equal(await under(client, scope, `SELECT * FROM ${table}`), 0, where)
          assert.equal(await under(client, scope, `SELECT * FROM ${table} WHERE org_id = '${mine}'`), 0, where)
          assert.equal(await under(client, scope, `UPDATE ${table} SET org_id = ${to}`), 0, where)
          assert.equal(await under(client, scope, `DELETE FROM ${table}`), 0, where)
          const added = under(client, scope, await rowSql(client, table, mine))
          await assert.rejects(added, /row-level security/, where)
        }
        assert.equal(await under(client, mine, `SELECT * FROM ${table}`), 1, `${table} as its own org`)
        assert.equal(await under(client, '*', `SELECT * FROM ${table}`), 1, `${table} as the hub itself`)
        const given = under(client, mine, `UPDATE ${table} SET org_id = '${other}'`)
        await assert.rejects(given, /row-level security/, `${table} given away`)
      }
    })
})

test('OS2 of other orgs are read who is a member or asked, and devices that work here; nothing of them is changed', async () => {
  const { url, superuserUrl } = await migrated()
  await onDatabase(superuserUrl, async client => {
    for (const table of ['users', 'devices', 'members', 'runs']) await client.query(await rowSql(client, table, mine))
    await client.query(`UPDATE members SET org_id = '${other}', member_org = '${mine}'`)
    await client.query(`UPDATE runs SET org_id = '${other}'`)
  })
  await onDatabase(url, async client => {
    for (const table of ['users', 'devices']) {
      assert.equal(await under(client, other, `SELECT * FROM ${table}`), 1, table)
      assert.equal(await under(client, 'org_of_a_third', `SELECT * FROM ${table}`), 0, table)
      assert.equal(await under(client, other, `UPDATE ${table} SET name = 'x'`), 0, table)
      assert.equal(await under(client, other, `DELETE FROM ${table}`), 0, table)
    }
  })
})

test('OS3 a database of before gets its guards, and no hub works without them', async () => {
  const database = await migrated()
  await onDatabase(database.superuserUrl, async client => {
    await client.query('DROP POLICY own_org ON projects; ALTER TABLE projects DISABLE ROW LEVEL SECURITY')
    await client.query('ALTER TABLE history_texts NO FORCE ROW LEVEL SECURITY')
    await client.query('DROP POLICY own_org ON runs; CREATE POLICY own_org ON runs USING (true)')
  })
  const start = () => PostgresDatabase.open<AllProcedures>({ url: database.url, modules: hubModules })
  await assert.rejects(start(), thrown => thrown instanceof MeshError && thrown.code === 'DATABASE_OLD')
  assert.deepEqual(await migrate(database), ['history', 'hub'])
  assert.deepEqual(await migrate(database), [])
  await (await start()).close()
  await onDatabase(database.superuserUrl, async client => {
    for (const table of ['projects', 'runs', 'history_texts']) await client.query(await rowSql(client, table, mine))
  })
  await onDatabase(database.ownerUrl, async client => {
    for (const table of ['projects', 'runs', 'history_texts'])
      assert.equal(await under(client, other, `SELECT * FROM ${table}`), 0, table)
  })
})

test('OS4 a call that names no org and is not known to need none is refused', async t => {
  const { url } = await migrated()
  const store = await PostgresDatabase.open<AllProcedures>({ url, modules: hubModules })
  t.after(() => store.close())
  const refused = (thrown: unknown) => thrown instanceof MeshError && /names no org/.test(thrown.detail ?? '')
  for (const name of Object.keys(procedures))
    if (!(name in callsWithoutOrg)) {
      const bare = store as unknown as Record<'call' | 'query', (name: string, args: object) => Promise<unknown>>
      await assert.rejects(bare.call(name, {}), refused, name)
      await assert.rejects(bare.query(name, { org: null }), refused, name)
    }
})

test('OS5 the SPEC lists every call that reaches beyond an org, and every file with a door in it', async () => {
  const folder = join(import.meta.dirname, '../../packages/hub/src/store')
  const spec = await readFile(join(folder, 'SPEC.md'), 'utf8')
  const listed = (title: string): string[] => {
    const section = spec.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
    return [...section.matchAll(/`([\w.-]+)`/g)].map(([, name]) => name!).sort()
  }
  assert.deepEqual(listed('Calls without an org'), Object.keys(callsWithoutOrg).sort())
  assert.deepEqual(listed('Calls across orgs'), Object.keys(callsAcrossOrgs).sort())
  const doors: string[] = []
  for await (const file of glob('*.ts', { cwd: folder }))
    if (/(?:acrossOrgs|beyond|inOrg)\(tx/.test(await readFile(join(folder, file), 'utf8'))) doors.push(file)
  assert.deepEqual(listed('Doors inside of calls'), doors.sort())
})

test('OS6 under the guards a row is still found by its index', async () => {
  const { url, superuserUrl } = await migrated()
  await onDatabase(superuserUrl, async client => {
    for (const table of ['runs', 'relay_updates']) {
      await client.query(await rowSql(client, table, mine))
      const { rows } = await client.query<{ column: string }>(
        'SELECT column_name AS column FROM information_schema.columns WHERE table_name = $1',
        [table],
      )
      const columns = rows.map(({ column }) => column)
      const numbered: Record<string, string> = {
        ...(table === 'runs' ? { run_id: "'run_' || n", arrival: 'n + 1' } : { position: 'n + 1' }),
        device_id: "'dev_' || n % 1000",
      }
      const values = columns.map(column => numbered[column] ?? column)
      await client.query(
        `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM ${table}, generate_series(1, 20000) n`,
      )
      await client.query(`ANALYZE ${table}`)
    }
  })
  const hot = [
    `SELECT r.state, v.name FROM runs r LEFT JOIN devices v ON v.device_id = r.device_id WHERE r.org_id = '${mine}' AND r.run_id = 'run_7'`,
    `SELECT position, data FROM relay_updates WHERE org_id = '${mine}' AND document_id = 'document_id of ${mine}' AND position > 19990 ORDER BY position`,
  ]
  await onDatabase(url, async client => {
    for (const sql of hot) {
      await client.query('BEGIN')
      await client.query("SELECT set_config('meshbook.org', $1, true)", [mine])
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`)
      await client.query('ROLLBACK')
      const plan = rows.map(row => row['QUERY PLAN']).join('\n')
      assert.match(plan, /Index Scan using (runs|relay_updates)_pkey/, plan)
      assert.doesNotMatch(plan, /Seq Scan on (runs|relay_updates)/, plan)
    }
  })
})
