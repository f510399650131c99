import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TcpProxy } from './tcp-proxy.ts'

interface Ends {
  proxy: TcpProxy
  /** A new connection through the proxy, and its other end. */
  dial(): Promise<{ client: Socket; server: Socket }>
  knock(): Socket
}

async function ends(t: TestContext, latencyMs = 0): Promise<Ends> {
  const sockets: Socket[] = []
  const accepted: ((socket: Socket) => void)[] = []
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.push(socket)
    accepted.shift()?.(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const proxy = new TcpProxy({ host: '127.0.0.1', port }, latencyMs)
  const door = await proxy.listen('127.0.0.1')
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await proxy.close()
    server.close()
  })
  const knock = (): Socket => {
    const client = connect({ port: door, host: '127.0.0.1', allowHalfOpen: true })
    client.on('error', () => undefined)
    sockets.push(client)
    return client
  }
  const dial = async () => {
    const arrived = new Promise<Socket>(resolve => accepted.push(resolve))
    const client = knock()
    const other = await arrived
    other.on('error', () => undefined)
    return { client, server: other }
  }
  return { proxy, dial, knock }
}

/** Also by a reset, which is an error to whoever listens. */
function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.once('close', () => resolve()).resume())
}

async function textOf(socket: Socket, bytes: number): Promise<string> {
  let text = ''
  while (text.length < bytes) text += (await once(socket, 'data')).toString()
  return text
}

test('NW10 all bytes arrive in order in both directions, and the end of one direction leaves the other open', async t => {
  const { dial } = await ends(t)
  const { client, server } = await dial()
  const sent = Buffer.alloc(3_000_000, 'abcdefg')
  client.end(sent)
  const parts: Buffer[] = []
  for await (const part of server) parts.push(part as Buffer)
  assert.ok(Buffer.concat(parts).equals(sent))
  const answer = textOf(client, 6)
  server.end('answer')
  assert.equal(await answer, 'answer')
})

test('NW10 a sender whose receiver does not read is held back', async t => {
  const { dial } = await ends(t)
  const { client, server } = await dial()
  server.pause()
  const block = Buffer.alloc(1_000_000)
  let written = 0
  while (written < 100 && client.writableLength < 4_000_000) {
    client.write(block)
    written++
    await sleep(5)
  }
  assert.ok(written < 60, `${written} MB went into a receiver that does not read`)
})

test('NW11 with latency every byte takes that long, one way, and the order stays', async t => {
  const { dial } = await ends(t, 40)
  const { client, server } = await dial()
  for (let i = 0; i < 5; i++) {
    const started = performance.now()
    const arrived = textOf(server, 2)
    client.write(`${i}.`)
    assert.equal(await arrived, `${i}.`)
    assert.ok(performance.now() - started >= 39, `${performance.now() - started} ms`)
  }
})

test('NW12 a stall delivers late and loses nothing', async t => {
  const { proxy, dial } = await ends(t)
  const { client, server } = await dial()
  proxy.do({ kind: 'stall', ms: 200 })
  const started = performance.now()
  const arrived = textOf(server, 6)
  client.write('abc')
  client.write('def')
  assert.equal(await arrived, 'abcdef')
  assert.ok(performance.now() - started >= 190)
})

test('NW12 a half-open wire swallows one direction without a word; new wires work; healing resets it', async t => {
  const { proxy, dial } = await ends(t)
  const { client, server } = await dial()
  proxy.do({ kind: 'half-open', direction: 'up' })
  let heard = false
  server.once('data', () => (heard = true))
  client.write('into the void')
  const down = textOf(client, 4)
  server.write('down')
  assert.equal(await down, 'down')
  const second = await dial()
  const arrived = textOf(second.server, 3)
  second.client.write('new')
  assert.equal(await arrived, 'new')
  assert.equal(heard, false)
  const reset = closed(client)
  proxy.do({ kind: 'heal' })
  await reset
  assert.equal(second.client.destroyed, false)
})

test('NW12 a reset reaches both ends', async t => {
  const { proxy, dial } = await ends(t)
  const { client, server } = await dial()
  const both = Promise.all([closed(client), closed(server)])
  proxy.do({ kind: 'reset' })
  await both
  assert.equal(proxy.wires, 0)
})

test('NW12 a partition refuses, or takes and stays silent, until it is healed', async t => {
  const { proxy, dial, knock } = await ends(t)
  await dial()
  proxy.do({ kind: 'partition', how: 'refused' })
  await closed(knock())
  proxy.do({ kind: 'partition', how: 'silent' })
  const waiting = knock()
  await once(waiting, 'connect')
  waiting.write('is anybody there?')
  const end = closed(waiting).then(() => 'closed')
  assert.equal(await Promise.race([end, sleep(200, 'silent')]), 'silent')
  proxy.do({ kind: 'heal' })
  assert.equal(await end, 'closed')
  await dial()
})
