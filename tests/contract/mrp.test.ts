/** The rules of MRP (kernels/SPEC.md) through the whole kernel host, in each dialect, with a real interpreter behind. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KernelSession } from '@meshbook/device/kernels/port.ts'
import { type Dialect, dialects, MrpServer } from '../mrp-server.ts'
import { bed, execute, fence, hasText, type KernelLanguage, order, outcome, when } from './kernel.ts'
import { python } from './kernel-languages.ts'

async function open(t: TestContext, dialect: Dialect): Promise<{ server: MrpServer; session: KernelSession }> {
  let server: MrpServer | undefined
  const language: KernelLanguage = {
    ...python,
    language: 'mrp',
    prepare: async (t, project) => {
      server = await MrpServer.start(t, dialect, project)
      return { runtimeUrls: { mrp: server.url } }
    },
  }
  const it = await bed(t, language)
  return { server: server!, session: await it.sessions.start(it.spec) }
}

for (const [name, dialect] of Object.entries<Dialect>(dialects)) {
  const can = (path: string) => !dialect.lacks.includes(path)

  test(`MK3 MK4 MK5 MK6 the dialect "${name}": output, results, errors, questions, interrupts, answers`, async t => {
    const { server, session } = await open(t, dialect)
    const text = await execute(
      session,
      'import sys\nfor i in range(3): print("é", i)\nprint("e", file=sys.stderr)\n6 * 7',
    )
    assert.deepEqual([text.stdout, text.stderr, text.last.type], ['é 0\né 1\né 2\n', 'e\n', 'completed'])
    const result = text.events.find(event => event.type === 'result')
    assert.deepEqual(result?.parts, [{ at: 'inline', mimeType: 'text/plain', data: '42' }])

    const picture = await execute(
      session,
      'class P:\n  def _repr_png_(self): return b"\\x89PNG" + b"x" * 99\ndisplay(P())',
    )
    const shown = picture.events.flatMap(event => (event.type === 'display' ? event.parts : []))
    const images = shown.filter(({ mimeType }) => mimeType === 'image/png')
    assert.equal(images.length, 1, JSON.stringify(picture.events))
    assert.ok(images[0]!.at === 'inline' && Buffer.from(images[0]!.data, 'base64').length === 103)

    const { last } = await execute(session, 'def f(): return 1 / 0\nf()')
    assert.ok(last.type === 'failed' && last.error.name === 'ZeroDivisionError')
    assert.match(last.error.traceback.join('\n'), /in f/)

    const sleeping = await order(session, 'import time\ntime.sleep(60)')
    await when(session, sleeping, event => event.type === 'started')
    await sleep(200)
    await session.cancel(sleeping, 'enough')
    assert.equal((await outcome(session, sleeping)).last.type, 'cancelled')

    if (can('input')) {
      const asking = await order(session, 'print("hi", input("Name? "))')
      const question = await when(session, asking, event => event.type === 'input-request')
      assert.ok(question.type === 'input-request' && question.prompt === 'Name? ')
      await session.input(asking, question.id, 'Ada')
      assert.match((await outcome(session, asking)).stdout, /hi Ada/)
    }
    await execute(session, 'answer = 42')
    const { items } = await session.complete('answ', 4)
    assert.deepEqual(
      items.some(({ label }) => label === 'answer'),
      can('complete'),
    )
    assert.equal((await session.inspect('len', 3)).found, can('inspect'))
    assert.equal(
      (await session.variables()).items.some(item => item.name === 'answer'),
      can('variables'),
    )
    assert.equal(new Set(server.orders).size, server.orders.length, 'MK2 no run was ordered twice')
  })
}

test('MK2 MK4 a stream that is cut ends the run as failed, says that it may go on, and orders nothing again', async t => {
  const { server, session } = await open(t, dialects.plain)
  const run = await order(session, python.slowCount(20, 50))
  await when(session, run, hasText('2'))
  server.cut()
  const { last, stdout } = await outcome(session, run)
  assert.ok(last.type === 'failed' && last.error.name === 'RuntimeDisconnected', JSON.stringify(last))
  assert.match(last.error.message, /may be going on there/)
  assert.match(stdout, /2/)
  assert.equal((await execute(session, 'print("next")')).stdout, 'next\n')
  assert.deepEqual(
    server.orders.filter(id => id === run),
    [run],
  )
})

test('MK4 a runtime that is gone is said to be, nothing was run, and the session goes on when it is back', async t => {
  const { server, session } = await open(t, dialects.plain)
  await server.stop()
  const { last } = await execute(session, 'print("x")')
  assert.ok(last.type === 'failed' && last.error.name === 'RuntimeUnreachable')
  await server.listen()
  assert.equal((await execute(session, 'print("back")')).stdout, 'back\n')
  assert.equal(server.orders.length, 1)
})

test('MK8 a restart resets the names of the runtime; the end of a session leaves them', async t => {
  const { server, session } = await open(t, dialects.plain)
  await execute(session, 'answer = 42')
  await session.restart(fence(2))
  const { last } = await execute(session, 'answer')
  assert.ok(last.type === 'failed' && last.error.name === 'NameError')
  await session.shutdown()
  assert.equal(server.requests.filter(request => request.endsWith(' reset')).length, 1)
})

/** A server that is no runtime at all. */
async function hostile(t: TestContext, listener: RequestListener): Promise<KernelSession> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const runtimeUrls = { mrp: `http://127.0.0.1:${port}/mrp/v1` }
  const it = await bed(t, { ...python, language: 'mrp', prepare: async () => ({ runtimeUrls }) })
  return it.sessions.start(it.spec)
}

test('MK1 a redirect is not followed, and an error says what was answered', async t => {
  const asked: string[] = []
  const session = await hostile(t, (request, response) => {
    asked.push(request.url!)
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  const { last } = await execute(session, 'x')
  assert.ok(last.type === 'failed' && last.error.name === 'RuntimeRefused')
  assert.match(last.error.message, /a redirect, which is not followed/)
  assert.deepEqual(asked, ['/mrp/v1/execute/stream'])
})

test('MK6 MK7 nonsense, endless answers and paths that lead outside do no harm', async t => {
  const asked: string[] = []
  const session = await hostile(t, (request, response) => {
    asked.push(request.url!)
    if (request.url!.endsWith('/variables')) response.end('x'.repeat(8_000_000))
    else if (request.url!.endsWith('/complete'))
      response.end('{"matches": [7, {"label": 7}, {"label": "ok"}], "cursorStart": -5}')
    else if (request.url!.endsWith('/inspect')) response.end('{"found": "yes"}')
    else {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const assets = [
        { path: '../../secret', mimeType: 'image/png' },
        { path: 'http://elsewhere/a', mimeType: 'image/png' },
      ]
      response.end(
        `event: asset\ndata: ${JSON.stringify(assets[0])}\n\nevent: asset\ndata: ${JSON.stringify(assets[1])}\n\nevent: stdout\ndata: nope\n\nevent: done\ndata: {}\n\n`,
      )
    }
  })
  assert.equal((await execute(session, 'x')).last.type, 'completed')
  assert.deepEqual(await session.complete('a', 1), { from: 1, to: 1, items: [{ label: 'ok' }] })
  assert.deepEqual(await session.inspect('a', 1), { found: false, text: '' })
  assert.deepEqual(await session.variables(), { items: [], truncated: false })
  assert.ok(
    asked.every(path => path.startsWith('/mrp/v1/')),
    asked.join(' '),
  )
})
