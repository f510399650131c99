/** The broker's half of a worker on another host, and the hub's, over a real WebSocket (CP66). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstat, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runBroker } from '@meshbook/cli/task-worker/run-broker.ts'
import { isId, newId, systemRandom } from '@meshbook/core/ids.ts'
import type { TaskWorkerSpec } from '@meshbook/hub/compute/port.ts'
import { newLog } from '@meshbook/hub/log.ts'
import type { BrokerPorts } from '@meshbook/hub/tasks/broker-sockets.ts'
import { packagesProxy } from '@meshbook/hub/tasks/packages-proxy.ts'
import { TaskWorkers } from '@meshbook/hub/tasks/task-workers.ts'
import { ScriptedEngine } from '@meshbook/hub/testing/scripted-driver.ts'
import { ScriptedTaskDriver } from '@meshbook/hub/testing/scripted-task-driver.ts'
import { newSocketServer } from '@meshbook/relay/serve/upgrades.ts'

async function scene(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'mb-far-'))
  const driver = new ScriptedTaskDriver(new ScriptedEngine<TaskWorkerSpec>(), 'a')
  const most = { memoryBytes: 1, cpus: 1, processes: 1, diskBytes: 1, wallMs: 1_000 }
  const workers = new TaskWorkers({
    ...{ driver, folder: join(folder, 'hub'), limits: most, warm: 0, most: 4, lookMs: 1e9 },
    ...{ now: Date.now, random: systemRandom, log: newLog('silent'), isTokenOf: async () => false },
  })
  const lines: string[] = []
  const doors: BrokerPorts = {
    async accept(worker) {
      for await (const line of worker.lines) {
        lines.push(line)
        await worker.send(`heard ${line}`)
      }
    },
    models: (asked, response) => void asked.pipe(response),
    git: (_asked, response) => void response.end('git'),
    packages: packagesProxy({ allowed: [], onBlocked: () => undefined }),
  }
  const spare = { worker: newId('worker', Date.now(), systemRandom), token: 'mw_far' }
  await workers.open(spare, async () => ({ from: 'nothing' }), doors)
  const sockets = newSocketServer(64 * 1024)
  const server = createServer()
  server.on('upgrade', (asked, socket, head) => {
    const [, worker, token = ''] = /^Worker ([^:]+):(.+)$/.exec(asked.headers.authorization ?? '') ?? []
    sockets.handleUpgrade(asked, socket, head, webSocket => {
      webSocket.pause()
      void workers
        .admit({ worker: isId('worker', worker) ? worker : spare.worker, token }, webSocket)
        .then(isAdmitted => {
          if (!isAdmitted) webSocket.close(4401)
          webSocket.resume()
        })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await writeFile(join(folder, 'token'), spare.token)
  const options = {
    hubUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    worker: spare.worker,
    tokenFile: join(folder, 'token'),
    own: join(folder, 'own'),
    shared: join(folder, 'shared'),
    pipes: folder,
    random: Math.random,
    log: () => undefined,
  }
  t.after(async () => {
    server.close()
    for (const socket of sockets.clients) socket.terminate()
    await workers.close(spare.worker)
    await workers.begin()()
    await rm(folder, { recursive: true, force: true })
  })
  return { folder, options, lines, sockets }
}

async function ask(socketPath: string, body = ''): Promise<string> {
  const asked = request({ socketPath, method: 'POST', path: '/' })
  asked.end(body)
  const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
  return text(answer)
}

async function untilAnswered(path: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await ask(path).catch(() => '')) === 'git') return
    await sleep(20)
  }
  throw new Error('the tunnel is not there')
}

test('CP66 a worker elsewhere reaches its four sockets by one connection, and again after that was cut', async t => {
  const { folder, options, lines, sockets } = await scene(t)
  const broker = await runBroker(options)
  t.after(() => broker.close())
  const git = join(options.shared, 'git.sock')
  await untilAnswered(git)
  assert.equal(await readFile(join(options.own, 'token'), 'utf8'), 'mw_far')
  assert.ok((await lstat(join(folder, 'asked'))).isFIFO())
  const big = 'x'.repeat(3_000_000)
  assert.equal(await ask(join(options.own, 'models.sock'), big), big)
  const channel = connect(join(options.own, 'channel.sock'))
  channel.write('hello\n')
  const [answer] = (await once(channel, 'data')) as [Buffer]
  assert.equal(answer.toString(), 'heard hello\n')
  const closed = once(channel, 'close')
  for (const socket of sockets.clients) socket.terminate()
  await closed
  await untilAnswered(git)
  assert.deepEqual(lines, ['hello'])
})

test('CP66 who does not have the token of the worker is shut out, and ends', async t => {
  const { options } = await scene(t)
  await writeFile(options.tokenFile, 'mw_another')
  const broker = await runBroker(options)
  assert.equal(await broker.over, 'the hub refused it')
  await broker.close()
})
