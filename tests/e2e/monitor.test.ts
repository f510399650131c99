/** `meshbook monitor` as its own process, with real kernels, against a y-websocket server and a stock client. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { RelayServer } from '@meshbook/device/testing/relay-server.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { command, eventually } from '../mesh-process.ts'

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')

function startMonitor(t: TestContext, url: string): ChildProcess {
  const args = ['--disable-warning=ExperimentalWarning', main, 'monitor', url, '--doc', 'notes.md', '--name', 'robot']
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  t.after(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  return child
}

function openPage(
  t: TestContext,
  url: string,
): { doc: Y.Doc; text: Y.Text; executions: Y.Map<Record<string, unknown>> } {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(url, 'notes.md', doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  t.after(() => {
    provider.destroy()
    doc.destroy()
  })
  return { doc, text: doc.getText('content'), executions: doc.getMap('executions') }
}

test('a request that a stock client writes is claimed, run, and answered in kind; Ctrl+C leaves no kernel behind', async t => {
  const server = await RelayServer.start(t, Date.now)
  const monitor = startMonitor(t, server.url)
  const { doc, text, executions } = openPage(t, server.url)
  text.insert(0, '# N\n\n```python\nprint("hello from a monitor")\n```\n\nend\n')
  const cell = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(text, 5))
  const request = { id: 'exec-1', code: 'print("hello from a monitor")', language: 'python', cell }
  executions.set('exec-1', {
    ...request,
    status: 'requested',
    requestedBy: doc.clientID,
    runtimeUrl: 'http://127.0.0.1:9/',
  })
  await eventually('it is completed', () => executions.get('exec-1')?.status === 'completed')
  await eventually('the output is in the text', () =>
    text.toString().includes('```\n\n```output:exec-1\nhello from a monitor\n```\n\nend'),
  )
  monitor.kill('SIGINT')
  const [code] = await once(monitor, 'exit')
  assert.equal(code, 0)
})

test('an address that is none, and no document, are usage errors that say what is wanted', async () => {
  const wrong = await command(['monitor', 'http://localhost', '--doc', 'n.md'])
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /ws:\/\//)
  assert.equal((await command(['monitor', 'ws://localhost:1'])).code, 2)
})
