/** A sample of random workflows at a hub that is killed: on its own file, and on PostgreSQL, where leases run out first. More in the soak. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { temporaryFolder } from '../mesh-process.ts'
import { TestPostgres } from '../postgres.ts'
import { workflowHubKills } from './workflow-hub-kills.ts'

test('WQ10 WQ12 kill -9 of a hub amid random workflows: every run ends as it would have, no step that was complete is done again (SQLite)', async t => {
  const figures = await workflowHubKills(3, await temporaryFolder(t), { graphs: 8, kills: 4 }, text =>
    t.diagnostic(text),
  )
  t.diagnostic(JSON.stringify(figures))
  assert.ok(figures.inWork > 0 && figures.effects > 0, JSON.stringify(figures))
})

const server = await TestPostgres.start({ after })

test('WQ10 kill -9 of a hub amid random workflows on PostgreSQL: another process goes on when the lease is over', async t => {
  const { url, ownerUrl } = await server.newDatabase()
  const env = { MESHBOOK_DATABASE_URL: url, MESHBOOK_DATABASE_OWNER_URL: ownerUrl }
  const wish = { graphs: 6, kills: 3, env }
  const figures = await workflowHubKills(5, await temporaryFolder(t), wish, text => t.diagnostic(text))
  t.diagnostic(JSON.stringify(figures))
  assert.ok(figures.inWork > 0 && figures.effects > 0, JSON.stringify(figures))
})
