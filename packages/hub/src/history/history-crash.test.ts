/** The hub is killed in the middle of recordings and restores: content is whole, history is readable, nothing is done twice. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Version } from '@meshbook/core/api.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { atEnd } from '../testing/at-end.ts'
import { temporaryFolder } from '../testing/test-hub.ts'
import { until } from '../testing/until.ts'

const program = fileURLToPath(new URL('../testing/hub-process.ts', import.meta.url))

interface Started {
  url: string
  port: number
  token: string
  project: string
  child: ChildProcess
}

async function start(t: TestContext, folder: string, port = 0): Promise<Started> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, folder, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A version comes 15 ms after a change, so that kills fall into recordings.
    env: { ...process.env, MESHBOOK_TIMES_DIVISOR: '2000' },
  })
  atEnd(t, () => child.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: child.stdout! }), 'line')
  return { ...JSON.parse(line as string), child }
}

async function kill({ child }: Started): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

const kept = 'kept one\nkept two\nkept three\n'
const rounds = 12

test('kill -9 in the middle of recording and restoring: nothing acknowledged is lost, nothing is doubled (HI6, HI23, I9)', async t => {
  const folder = await temporaryFolder(t)
  let hub = await start(t, folder)
  // The token that a start prints ends with it; this one stays.
  let token = hub.token
  const call = (method: string, path: string, body?: unknown) =>
    fetch(`${hub.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  token = ((await (await call('POST', '/tokens', { name: 'test' })).json()) as { token: string }).token
  const made = await call('POST', '/documents', { project: hub.project, path: 'a.md', content: kept })
  const { id } = (await made.json()) as { id: string }
  await call('POST', `/documents/${id}/versions`, { name: 'kept' })
  const doc = new Y.Doc()
  class Signed extends WebSocket {
    constructor(url: string) {
      super(url, { headers: { authorization: `Bearer ${token}` } })
    }
  }
  const provider = new WebsocketProvider(`${hub.url.replace('http', 'ws')}/sync`, 'me/demo/a.md', doc, {
    WebSocketPolyfill: Signed as never,
    disableBc: true,
    maxBackoffTime: 100,
  })
  atEnd(t, () => {
    provider.destroy()
    doc.destroy()
  })
  await until(() => provider.synced)
  const text = doc.getText('content')
  for (let round = 0; round < rounds; round++) {
    // What the restore brings back is gone, so that doing it twice would show.
    text.delete(0, text.length)
    text.insert(0, `typed before round ${round}\n`)
    await until(async () => (await (await call('GET', `/documents/${id}/content`)).text()) === text.toString())
    const body = { version: 1, request: `round-${round}-of-the-test` }
    const asked = call('POST', `/documents/${id}/restore`, body).catch(() => undefined)
    await new Promise(resolve => setTimeout(resolve, round * 2))
    await kill(hub)
    await asked
    hub = await start(t, folder, hub.port)
    const again = await call('POST', `/documents/${id}/restore`, body)
    assert.equal(again.status, 200, await again.text())
    await until(() => provider.synced && text.toString().includes('kept two'))
    text.insert(text.length, `typed after round ${round}\n`)
    await until(async () => (await (await call('GET', `/documents/${id}/content`)).text()) === text.toString())
    const repeated = await call('POST', `/documents/${id}/restore`, body)
    assert.equal(repeated.status, 200)
    assert.equal(text.toString(), `${kept}typed after round ${round}\n`)
    await checkHistory(call, id)
  }
})

/** Numbers without gaps or doubles, and every text readable: each is checked against its hash when it is read. */
async function checkHistory(call: (method: string, path: string) => Promise<Response>, id: string): Promise<void> {
  const answer = await call('GET', `/documents/${id}/versions`)
  const { items } = (await answer.json()) as { items: Version[] }
  assert.deepEqual(
    items.map(({ version }) => version),
    items.map((_, i) => items.length - i),
  )
  for (const { version } of items) assert.equal((await call('GET', `/documents/${id}/versions/${version}`)).status, 200)
}
