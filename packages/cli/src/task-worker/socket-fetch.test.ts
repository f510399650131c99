/** Questions to models while the broker is away (TW25). */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOver } from './socket-fetch.ts'

async function place(t: TestContext): Promise<{ socket: string; listen: () => Promise<void>; asked: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'mb-fetch-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const socket = join(folder, 's')
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    asked.push(body)
    if (body === 'break') request.socket.destroy()
    else response.end('answered')
  })
  t.after(() => void server.close())
  return { socket, asked, listen: () => new Promise(resolve => server.listen(socket, resolve)) }
}

const post = (body: string, signal?: AbortSignal): RequestInit => ({ method: 'POST', body, ...(signal && { signal }) })

test('TW25 a request waits until the broker is there, and is sent once', async t => {
  const { socket, listen, asked } = await place(t)
  const isThere = Promise.withResolvers<void>()
  const answer = fetchOver(socket, () => isThere.promise)('http://models/v1/messages', post('a question'))
  await sleep(50)
  await listen()
  assert.deepEqual(asked, [])
  isThere.resolve()
  assert.equal(await (await answer).text(), 'answered')
  assert.deepEqual(asked, ['a question'])
})

test('TW25 what nobody listened to is asked again; what was cut is not', async t => {
  const { socket, listen, asked } = await place(t)
  let waits = 0
  const ask = fetchOver(socket, async () => void waits++)
  const answer = ask('http://models/', post('early'))
  while (waits < 3) await sleep(20)
  await listen()
  assert.equal(await (await answer).text(), 'answered')
  await assert.rejects(ask('http://models/', post('break')), TypeError)
  assert.deepEqual(asked, ['early', 'break'])
})

test('TW25 waiting ends with its signal', async t => {
  const { socket } = await place(t)
  const never = (signal: AbortSignal): Promise<void> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const soon = AbortSignal.timeout(50)
  await assert.rejects(fetchOver(socket, never)('http://models/', post('x', soon)), { name: 'TimeoutError' })
  await assert.rejects(fetchOver(socket, async () => undefined)('http://models/', post('x', AbortSignal.timeout(50))), {
    name: /Timeout|Abort/,
  })
})
