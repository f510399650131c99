/** kill -9 of the device in the middle of runs without a hub, with real processes and kernels: each runs once, and the hub gets all of it. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Run, runSchema, tokenSchema } from '@meshbook/core/api.ts'
import { newId, type RunId, systemRandom } from '@meshbook/core/ids.ts'
import {
  clientOf,
  command,
  eventually,
  type MeshProcess,
  startMesh,
  startProcess,
  temporaryFolder,
} from '../mesh-process.ts'

const rounds = 3
const runsPerRound = 5

interface Bench {
  hub: MeshProcess
  startHub(): Promise<MeshProcess>
  startDesk(): Promise<MeshProcess>
  folder: string
  document: string
}

async function setUp(t: TestContext): Promise<Bench> {
  const base = await temporaryFolder(t)
  const hub = await startMesh(t, join(base, 'hub'))
  const client = await clientOf(hub)
  const token = ((await client.post('/tokens', { name: 'desk' }, tokenSchema)) as { token: string }).token
  const folder = join(base, 'work')
  await mkdir(folder)
  await writeFile(join(folder, 'kill.md'), '# Kill\n\n```python\nprint(1)\n```\n')
  const data = join(base, 'desk')
  const startDesk = () => startProcess(t, data, ['up', '--hub', hub.url, '--name', 'Desk'], { MESHBOOK_TOKEN: token })
  const desk = await startDesk()
  assert.equal((await command(['attach', folder, '--project', 'work', '--data', data])).code, 0)
  const document = await eventually('the notebook is at the hub', async () => {
    const { id } = await client.documentAt('me/work/kill.md').catch(() => ({ id: undefined }))
    return id as string | undefined
  })
  await eventually('the device has its right', async () => ((await callOf(desk)('GET', '/runs')).ok ? true : undefined))
  await desk.kill('SIGKILL')
  const startHub = () => startMesh(t, hub.data, ['--port', new URL(hub.url).port])
  return { hub, startHub, startDesk, folder, document }
}

/** Asks as a browser of this machine. */
function callOf(desk: MeshProcess) {
  let cookie: Promise<string> | undefined
  const signIn = async (): Promise<string> => {
    const { stdout } = await command(['link', '--json', '--data', desk.data])
    const code = new URL(JSON.parse(stdout).link).hash.slice(1)
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${desk.url}/api/v1/auth/link`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ code }),
    })
    return answer.headers.get('set-cookie')!.split(';')[0]!
  }
  return async (method: string, path: string, body?: unknown): Promise<Response> => {
    cookie ??= signIn()
    const headers = { cookie: await cookie, origin: desk.url, 'content-type': 'application/json' }
    return fetch(`${desk.url}/api/v1${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }
}

const newRun = (): RunId => newId('run', Date.now(), systemRandom) as unknown as RunId
const codeOf = (run: string) =>
  `print("begin ${run}")\nwith open("ran.txt", "a") as f: f.write("${run}\\n")\nimport time; time.sleep(0.05)\nprint("end ${run}")`

test('DV121 I9 I5 the device is killed again and again while it runs without the hub: each run once, and the hub gets each log whole', async t => {
  const bench = await setUp(t)
  await bench.hub.kill('SIGKILL')
  const asked: RunId[] = []
  for (let round = 0; round < rounds; round++) {
    const desk = await bench.startDesk()
    const call = callOf(desk)
    const killed = new Promise<void>(resolve => setTimeout(resolve, randomInt(300, 4_000))).then(() =>
      round < rounds - 1 ? desk.kill('SIGKILL') : null,
    )
    const post = (id: RunId) =>
      call('POST', '/runs', {
        id,
        document: bench.document,
        language: 'python',
        code: codeOf(id),
        cell: { by: 'index', index: 0 },
      })
    // What was not answered before the kill is asked again under its id.
    for (const id of asked) await post(id).catch(() => undefined)
    for (let i = 0; i < runsPerRound; i++) {
      const id = newRun()
      asked.push(id)
      await post(id).catch(() => undefined)
    }
    await killed
    if (round < rounds - 1) continue
    for (const id of asked)
      await eventually(
        `${id} ends here`,
        async () => {
          const answer = await call('GET', `/runs/${id}`)
          const run = (await answer.json()) as Run
          return answer.ok && run.endedAt !== null ? run : undefined
        },
        40_000,
      )
  }
  const lines = (await readFile(join(bench.folder, 'ran.txt'), 'utf8')).trim().split('\n')
  assert.deepEqual([...lines].sort(), [...asked].sort(), 'each ran once')

  const client = await clientOf(await bench.startHub())
  for (const id of asked) {
    const run = await eventually(
      `${id} is at the hub`,
      async () => {
        const found = await client.get(`/runs/${id}`, runSchema).catch(() => undefined)
        return found && found.endedAt !== null ? found : undefined
      },
      60_000,
    )
    assert.deepEqual([run.status, run.deviceName], ['completed', 'Desk'], JSON.stringify(run))
    const text = await client.text(`/runs/${id}/events`)
    const events = [...text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)].map(([, seq, data]) => [
      Number(seq),
      JSON.parse(data!).type,
    ])
    assert.deepEqual(
      events.map(([seq]) => seq),
      events.map((_, index) => index + 1),
    )
    assert.equal(
      events.filter(([, type]) => ['completed', 'failed', 'cancelled', 'interrupted'].includes(type)).length,
      1,
    )
    assert.equal(text.split(`begin ${id}`).length, 2)
  }
})
