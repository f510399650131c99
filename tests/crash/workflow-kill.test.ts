/** kill -9 of the command that carries on a workflow, at moments that a seed decides: `workflow resume` ends it (I9). */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LocalRuns } from '@meshbook/cli/workflows/local-runs.ts'
import { foldWorkflow } from '@meshbook/core/workflow/workflow-state.ts'
import { faultsOf, randomOf } from '@meshbook/engine/workflow/testing/random-graphs.ts'
import { command, temporaryFolder } from '../mesh-process.ts'

const kills = 6
const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')

test('WF96 kill -9 of the process in a step, again and again: the run ends right, no step is done again, effects have one key', async t => {
  const heard: { path: string; key: string }[] = []
  const server = createServer((request, response) => {
    heard.push({ path: request.url!, key: String(request.headers['idempotency-key']) })
    setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"n": 1}'), 150)
  })
  server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = await temporaryFolder(t)
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'a.yaml')
  await writeFile(
    file,
    `meshbook: workflow/v1
name: killed
steps:
  each: { map: { over: [0, 1, 2, 3], max_parallel: 2, steps: { post: { http: { url: '${url}/each/\${{ index }}', method: POST, body: { i: '\${{ index }}' } } } }, output: '\${{ steps.post.output.body.n }}' } }
  again: { needs: each, repeat: { max: 3, until: round == 3, steps: { put: { http: { url: '${url}/again/\${{ round }}', method: PUT, body: x } } }, output: '\${{ round }}' } }
  rest: { needs: again, wait: { for: 300ms } }
  sum: { needs: [rest, each], transform: 'size(steps.each.output) + steps.again.output' }
output: '\${{ steps.sum.output }}'
`,
  )
  const data = join(folder, 'data')
  const random = randomOf(7)
  let id: string | undefined
  for (let kill = 0; kill < kills; kill++) {
    const args = id === undefined ? ['run', file] : ['resume', id]
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', main, 'workflow', ...args, '--allow-private', '--json', '--data', data],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    let said = ''
    child.stdout.on('data', (piece: Buffer) => {
      said += piece.toString()
    })
    const exit = new Promise<void>(resolve => child.once('exit', () => resolve()))
    // Its first event says that it works; what comes then is chance.
    while (!said.includes('\n') && child.exitCode === null) await sleep(5)
    await sleep(random() * 350)
    child.kill('SIGKILL')
    await exit
    id ??= /"run":"(run_\w+)"/.exec(said)?.[1]
  }
  const end = await command(['workflow', 'resume', id!, '--allow-private', '--data', data])
  assert.deepEqual([end.code, JSON.parse(end.stdout || 'null')], [0, 7], end.stderr)
  const runs = new LocalRuns(data)
  t.after(() => runs.close())
  const log = await runs.events(id!)
  assert.deepEqual(faultsOf(log), [])
  assert.equal(foldWorkflow(log).ended!.outcome, 'completed')
  assert.equal(new Set(heard.map(({ path }) => path)).size, 7)
  for (const path of new Set(heard.map(one => one.path)))
    assert.equal(new Set(heard.filter(one => one.path === path).map(({ key }) => key)).size, 1, path)
})
