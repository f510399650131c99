/** The page that docs/monitor.md shows, run as it stands there. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { createKernelSessions } from '@meshbook/device/kernels/sessions.ts'
import { monitorServer } from '@meshbook/device/monitor/monitor-server.ts'
import { temporaryFolder } from '@meshbook/device/testing/temporary-folder.ts'
import { YWebsocketServer } from '../y-websocket-server.ts'

test('the page of docs/monitor.md asks, makes its block, answers, and has its output', async t => {
  const text = await readFile(join(import.meta.dirname, '../../docs/monitor.md'), 'utf8')
  const page = /```js\n([\s\S]*?)\n```\n/.exec(text)![1]!
  const script = join(import.meta.dirname, `.page-${process.pid}.mjs`)
  await writeFile(script, page)
  t.after(() => rm(script, { force: true }))
  const server = await YWebsocketServer.start(t)
  const folder = await temporaryFolder()
  const ports = { now: Date.now, random: systemRandom, limits }
  const kernels = createKernelSessions({ folder: join(folder, 'sessions'), ...ports })
  const stop = new AbortController()
  const done = monitorServer({
    url: server.url,
    docs: ['notes.md'],
    name: 'robot',
    kernels,
    folder,
    signal: stop.signal,
    ...ports,
  })
  t.after(async () => {
    stop.abort()
    await done
    await kernels.stopAll()
  })
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, SERVER: server.url },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', chunk => (printed += chunk))
  await once(child, 'close')
  assert.match(printed, /^```python\n[\s\S]*\n```\n\n```output:exec-\d+\nWho\? \nhello Ada\n```\n/)
})
