/**
 * A hub that is killed in the middle of a task and comes back to a database that does not know of its worker, as after a
 * restore: nothing of it stays on the machine (TK33, CP68).
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { canMount, unmountBelow } from '@meshbook/hub/compute/mounting.ts'
import { GithubApi } from '../git-hosts/github-api.ts'
import { eventually, temporaryFolder } from '../mesh-process.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { bubblewrap } from '../sandbox/driver-beds.ts'
import { HubProcess } from './hub-process.ts'

const cleanMs = 60_000
const skip = bubblewrap.skip || (canMount ? false : 'needs root, for mounts')

test('TK33 CP68 kill -9 of a hub whose database then knows no worker: its sandbox, mounts, checkout and folders go at the next start', {
  skip,
}, async t => {
  const folder = await temporaryFolder(t)
  const data = join(folder, 'hub')
  const github = await GithubApi.start(t)
  github.pulls.set('me/code', [])
  const repo = await github.remote.repository('me/code', { 'a.txt': 'a\n' })
  const { host } = new URL(repo)
  const [isAsked, never] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const models = await startModelServer({
    key: 'a-key',
    script: async () => {
      isAsked.resolve()
      await never.promise
      return { say: 'late' }
    },
  })
  t.after(() => {
    never.resolve()
    return models.close()
  })
  const env = {
    ...{ MESHBOOK_COMPUTE: 'process', MESHBOOK_ANTHROPIC_URL: models.url, MESHBOOK_GIT_INSIDE: 'yes' },
    MESHBOOK_GIT_HOSTS: `github=${host}`,
  }
  const start = (): HubProcess => new HubProcess(data, env, [], { workerLookMs: 200 })
  let hub = start()
  t.after(() => hub.kill())
  const { url, token } = await hub.ready()
  const ask = async (method: string, path: string, body: object): Promise<void> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers, body: JSON.stringify(body) })
    assert.ok(answer.ok, `${path}: ${answer.status}`)
  }
  await ask('PUT', '/keys/model', { kind: 'anthropic', value: 'a-key' })
  await ask('PUT', '/keys/code', { kind: 'git', at: host, value: github.token })
  await ask('POST', '/tasks', { repo, prompt: 'Wait', model: 'claude-sonnet-4-6' })
  await isAsked.promise
  await hub.kill()

  const database = new DatabaseSync(join(data, 'hub.db'))
  const { hub: name } = database.prepare('SELECT hub FROM tasks').get() as { hub: string }
  database.exec("UPDATE runs SET status = 'cancelled', ended_at = 1 WHERE run_id IN (SELECT run_id FROM tasks)")
  database.exec('UPDATE tasks SET hub = NULL, worker_id = NULL')
  database.close()
  const reach = join('/run', `meshbook-${name}`)
  t.after(async () => {
    for (const one of [reach, data]) await unmountBelow(one)
  })
  const inData = ['tasks/s', 'tasks/state/workers', 'tasks/state/disks', 'git/checkouts/tasks']
  const places = [...inData.map(one => join(data, one)), reach]
  const left = async (): Promise<string[]> => {
    const below = async (one: string): Promise<string[]> =>
      (await readdir(one).catch(() => [])).map(entry => join(one, entry))
    const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n')
    const found = await Promise.all(places.map(below))
    return [...found.flat(), ...mounts.filter(line => line.includes(basename(folder)))]
  }
  assert.ok((await left()).length > places.length, 'there was something to take away')
  hub = start()
  await hub.ready()
  await eventually('nothing is left', async () => (await left()).length === 0, cleanMs).catch(async () =>
    assert.fail((await left()).join('\n')),
  )
})
