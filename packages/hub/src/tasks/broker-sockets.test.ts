import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '@meshbook/core/limits.ts'
import { canMount } from '../compute/mounting.ts'
import { taskUsers } from '../compute/task-users.ts'
import { type BrokerPorts, openBrokerSockets } from './broker-sockets.ts'
import { packagesProxy } from './packages-proxy.ts'
import type { WorkerLines } from './places.ts'

interface Seen {
  lines: string[]
  workers: WorkerLines[]
  closed: number
}

async function sockets(t: TestContext, work: (line: string) => Promise<void> = async () => undefined) {
  const folder = await mkdtemp(join(tmpdir(), 'mb-broker-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const seen: Seen = { lines: [], workers: [], closed: 0 }
  const ports: BrokerPorts = {
    async accept(worker) {
      seen.workers.push(worker)
      for await (const line of worker.lines) {
        await work(line)
        seen.lines.push(line)
      }
      seen.closed += 1
    },
    models: (_request, response) => void response.end('models'),
    git: (_request, response) => void response.end('git'),
    packages: packagesProxy({ allowed: [], onBlocked: () => undefined }),
  }
  const at = join(folder, 'w')
  const open = await openBrokerSockets(at)
  t.after(() => open.close())
  const serve = (): void => open.serve(ports)
  return { at, ports, seen, open, serve, channel: join(at, 'runner/channel.sock') }
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5_000; !look(); await sleep(5))
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`)
}

async function dial(path: string): Promise<Socket> {
  const socket = connect(path)
  socket.on('error', () => undefined)
  await new Promise(resolve => socket.once('connect', resolve))
  return socket
}

function get(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/' }, async response => {
      let text = ''
      for await (const piece of response) text += piece
      resolve(text)
    })
      .on('error', reject)
      .end()
  })
}

test('BS1 two halves, and the sockets of the runner are its own', async t => {
  const { at, serve } = await sockets(t)
  serve()
  assert.deepEqual((await readdir(join(at, 'runner'))).sort(), ['channel.sock', 'models.sock'])
  assert.deepEqual((await readdir(join(at, 'tools'))).sort(), ['git.sock', 'packages.sock'])
  assert.equal(await get(join(at, 'runner/models.sock')), 'models')
  assert.equal(await get(join(at, 'tools/git.sock')), 'git')
  if (!canMount) return
  const { uid, mode } = await stat(join(at, 'runner/channel.sock'))
  assert.deepEqual([uid, mode & 0o777], [taskUsers.runner.uid, 0o600])
  assert.equal((await stat(join(at, 'tools/git.sock'))).uid, taskUsers.tools.uid)
})

test('BS2, BS6 a folder that was left is used again, and closing takes it away', async t => {
  const { at, ports, open } = await sockets(t)
  const again = await openBrokerSockets(at)
  again.serve(ports)
  assert.equal(await get(join(at, 'tools/git.sock')), 'git')
  await open.close()
  await again.close()
  await assert.rejects(stat(at), { code: 'ENOENT' })
})

test('BS3 lines are taken in order, in whatever pieces they come; one that is too long closes the connection', async t => {
  const { channel, seen, serve } = await sockets(t)
  serve()
  const first = await dial(channel)
  first.write('{"type":"hello","token":"x"}\n{"type":"be')
  await sleep(5)
  first.write('at"}\n\n')
  await until('all are there', () => seen.lines.length === 3)
  assert.deepEqual(seen.lines, ['{"type":"hello","token":"x"}', '{"type":"beat"}', ''])
  const megabyte = Buffer.alloc(1024 ** 2, 'x')
  for (let sent = 0; sent <= limits.brokerLineBytes; sent += megabyte.byteLength) first.write(megabyte)
  await until('the long line is cut', () => seen.closed === 1)
  assert.equal(seen.lines.length, 3)
})

test('BS7 a worker without a task waits on its channel, and is heard from its beginning when it has one', async t => {
  const { at, channel, seen, serve } = await sockets(t)
  const waiting = await dial(channel)
  waiting.write('{"type":"hello","token":"x"}\n')
  assert.equal(await get(join(at, 'runner/models.sock')), 'This worker has no task so far.\n')
  assert.equal(seen.workers.length, 0)
  serve()
  await until('it is heard', () => seen.lines.length === 1)
  assert.equal(await get(join(at, 'runner/models.sock')), 'models')
})

test('BS3 the newest connection counts', async t => {
  const { channel, seen, serve } = await sockets(t)
  serve()
  await dial(channel)
  const second = await dial(channel)
  await until('the first is closed', () => seen.closed === 1)
  second.write('{"type":"beat"}\n')
  await until('the second is heard', () => seen.lines.length === 1)
})

test('BS4 while one message is worked on the next waits, and a worker that does not read is cut off', async t => {
  let running = 0
  let most = 0
  const { channel, seen, serve } = await sockets(t, async () => {
    running += 1
    most = Math.max(most, running)
    await sleep(2)
    running -= 1
  })
  serve()
  const socket = await dial(channel)
  socket.write('{"type":"beat"}\n'.repeat(50))
  await until('all are there', () => seen.lines.length === 50)
  assert.equal(most, 1)
  socket.pause()
  const text = 'x'.repeat(60_000)
  let sent = 0
  for (; sent < 2 * limits.brokerUnreadBytes && seen.closed === 0; sent += text.length)
    void seen.workers[0]!.send(text).catch(() => undefined)
  assert.ok(sent < 1.5 * limits.brokerUnreadBytes || seen.closed === 0)
  await until('it is cut off', () => seen.closed === 1)
})

test('BS5 resets in every moment harm nobody else', async t => {
  const { at, channel, seen, serve } = await sockets(t)
  serve()
  const steady = await dial(join(at, 'tools/git.sock'))
  for (let round = 0; round < 40; round += 1) {
    for (const path of [channel, join(at, 'runner/models.sock'), join(at, 'tools/packages.sock')]) {
      const socket = await dial(path)
      socket.write(['{"type":', 'GET / HT', 'CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\n\r\n'][round % 3]!)
      if (round % 2 === 0) await sleep(1)
      socket.destroy()
    }
  }
  const answer = createInterface(steady)[Symbol.asyncIterator]()
  steady.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  assert.match((await answer.next()).value as string, /200 OK/)
  const socket = await dial(channel)
  socket.write('{"type":"beat"}\n')
  await until('the channel still hears', () => seen.lines.at(-1) === '{"type":"beat"}')
})
