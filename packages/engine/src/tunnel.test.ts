import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '@meshbook/core/limits.ts'
import fc from 'fast-check'
import { Tunnel } from './tunnel.ts'

function pair(taken: (name: string, stream: Duplex) => void) {
  const failed: string[] = []
  let sent = 0
  const far: Tunnel = new Tunnel({
    send: message => queueMicrotask(() => near.take(message)),
    fail: why => void failed.push(why),
    taken,
  })
  const near: Tunnel = new Tunnel({
    send: message => {
      sent += message.byteLength
      queueMicrotask(() => far.take(message))
    },
    fail: why => void failed.push(why),
  })
  return { near, far, failed, sent: () => sent }
}

test('CP66 streams carry what is written, both ways, and their ends', async () => {
  const names: string[] = []
  const { near } = pair((name, stream) => {
    names.push(name)
    stream.pipe(stream)
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ minLength: 1, maxLength: 100_000 }), { maxLength: 8 }), async pieces => {
      const stream = near.open('git')
      const answered = text(stream)
      for (const piece of pieces) stream.write(piece)
      stream.end()
      assert.equal(await answered, pieces.join(''))
    }),
    { numRuns: 30 },
  )
  assert.ok(names.every(name => name === 'git'))
})

test('CP66 a stream that nobody reads stops alone', async () => {
  const { near, sent, failed } = pair((name, stream) => {
    if (name === 'quick') stream.pipe(stream)
  })
  const slow = near.open('slow')
  slow.on('error', () => undefined)
  slow.write(Buffer.alloc(8 * 1024 ** 2))
  const quick = near.open('quick')
  quick.end('hello')
  assert.equal(await text(quick), 'hello')
  await sleep(20)
  assert.ok(sent() < 1024 ** 2, `${sent()}`)
  assert.deepEqual(failed, [])
  slow.destroy()
})

test('CP66 a reset ends its stream on the other side too', async () => {
  const streams: Duplex[] = []
  const { near, far } = pair((_name, stream) => void streams.push(stream))
  const stream = near.open('git')
  await sleep(5)
  stream.destroy()
  await sleep(5)
  assert.ok(streams[0]!.destroyed)
  const other = near.open('git')
  await sleep(5)
  far.close()
  near.close()
  assert.ok(other.destroyed && streams[1]!.destroyed)
})

test('CP66 whatever else comes closes the connection, and nothing more', () => {
  const message = (kind: number, id: number, rest = 0): Buffer => {
    const bytes = Buffer.alloc(5 + rest)
    bytes.writeUInt8(kind)
    bytes.writeUInt32LE(id, 1)
    return bytes
  }
  const many = [
    Buffer.alloc(0),
    Buffer.alloc(4),
    message(9, 1),
    message(1, 1),
    message(5, 1, 3),
    message(1, 9, 40),
    message(2, 1, limits.tunnelPieceBytes + 1),
  ]
  for (const bad of many) {
    const failed: string[] = []
    const tunnel = new Tunnel({ send: () => undefined, fail: why => void failed.push(why), taken: () => undefined })
    tunnel.take(Buffer.concat([message(1, 1), Buffer.from('git')]))
    tunnel.take(bad)
    assert.equal(failed.length, 1, bad.subarray(0, 8).toString('hex'))
  }
  const failed: string[] = []
  const tunnel = new Tunnel({ send: () => undefined, fail: why => void failed.push(why), taken: () => undefined })
  tunnel.take(message(1, 1))
  for (let sent = 0; sent < 6; sent += 1) tunnel.take(message(2, 1, 60_000))
  assert.match(failed.join(), /more than the stream was let/)
})

test('CP66 HTTP is served over a stream as over a socket', async t => {
  const server = createServer((asked, response) => void asked.pipe(response))
  const { near } = pair((_name, stream) => void server.emit('connection', stream))
  const body = 'x'.repeat(700_000)
  const answer = await new Promise<string>((resolve, reject) => {
    const asked = request(
      { createConnection: () => near.open('models') as never, method: 'POST', path: '/' },
      response => {
        resolve(text(response))
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
  assert.equal(answer, body)
  t.diagnostic('served')
})
