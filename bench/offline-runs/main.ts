/**
 * From Run to the first byte of output in the document of the device's own web app, with the hub in reach and with the hub
 * killed: the same device, kernel and document, one after the other (`npm run bench -- offline-runs`).
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ApiClient, findHub } from '@meshbook/cli/api-client.ts'
import { dataFolder } from '@meshbook/cli/data-folder.ts'
import { tokenSchema } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const json = process.argv.includes('--json')
const runs = process.argv.includes('--quick') ? 40 : 300
const code = 'print(1)'
const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const base = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
const children: ReturnType<typeof spawn>[] = []

interface Desk {
  url: string
  headers: Record<string, string>
}

try {
  await measure()
} finally {
  for (const child of children) {
    const ended = new Promise(resolve => child.once('exit', resolve))
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM')) await ended
  }
  await rm(base, { recursive: true, force: true, maxRetries: 5 })
}

async function startCommand(args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ url: string }> {
  const options = ['--disable-warning=ExperimentalWarning', main, ...args, '--json']
  const child = spawn(process.execPath, options, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, MESHBOOK_KEYCHAIN: 'off', ...env },
  })
  children.push(child)
  const line = await new Promise<string>(resolve => createInterface({ input: child.stdout }).once('line', resolve))
  return JSON.parse(line) as { url: string }
}

async function measure(): Promise<void> {
  const hub = await startCommand(['start', '--no-open', '--port', '0', '--data', join(base, 'hub')])
  const client = new ApiClient(await findHub({}, dataFolder(join(base, 'hub')), {}))
  const { token } = await client.post('/tokens', { name: 'bench' }, tokenSchema)
  const data = join(base, 'desk')
  const desk = await startCommand(['up', '--hub', hub.url, '--name', 'Desk', '--data', data], {
    MESHBOOK_TOKEN: token!,
  })
  const folder = join(base, 'work')
  await mkdir(folder)
  await writeFile(join(folder, 'a.md'), `# A\n\n\`\`\`python\n${code}\n\`\`\`\n`)
  await startCommand(['attach', folder, '--project', 'work', '--data', data])
  const signedIn = await signIn(desk.url, data)
  const doc = await open(signedIn)
  const document = await documentOf(signedIn)
  const online = await sample(signedIn, document, doc)
  children[0]!.kill('SIGKILL')
  await new Promise(resolve => setTimeout(resolve, 3_000))
  report('online', online)
  report('without the hub', await sample(signedIn, document, doc))
  process.exitCode = 0
}

async function signIn(url: string, data: string): Promise<Desk> {
  const { link } = (await startCommand(['link', '--data', data])) as unknown as { link: string }
  const body = JSON.stringify({ code: new URL(link).hash.slice(1) })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/api/v1/auth/link`, { method: 'POST', headers, body })
  return { url, headers: { ...headers, origin: url, cookie: answer.headers.get('set-cookie')!.split(';')[0]! } }
}

async function documentOf({ url, headers }: Desk): Promise<string> {
  const answer = await fetch(`${url}/api/v1/documents?path=me/work/a.md`, { headers })
  return ((await answer.json()) as { items: { id: string }[] }).items[0]!.id
}

async function open({ url, headers }: Desk): Promise<Y.Doc> {
  class Signed extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { headers: { cookie: headers.cookie!, origin: url } })
    }
  }
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${url.replace(/^http/, 'ws')}/sync/me/work`, 'a.md', doc, {
    WebSocketPolyfill: Signed as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  await new Promise<void>(resolve => provider.once('sync', () => resolve()))
  return doc
}

async function sample(desk: Desk, document: string, doc: Y.Doc): Promise<number[]> {
  const samples: number[] = []
  for (let i = -10; i < runs; i++) {
    const ms = await oneRun(desk, document, doc)
    if (i >= 0) samples.push(ms)
  }
  return samples.sort((a, b) => a - b)
}

async function oneRun({ url, headers }: Desk, document: string, doc: Y.Doc): Promise<number> {
  const content = doc.getText('content')
  const executions = doc.getMap<Y.Map<unknown>>('executions')
  const cell = parseNotebook(content.toString()).blocks.find(block => block.kind === 'cell')!
  const anchor = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(content, cell.from))
  const id = newId('run', Date.now(), systemRandom)
  const started = performance.now()
  const seen = until(
    look => content.observe(look),
    look => content.unobserve(look),
    () => {
      const now = content.toString()
      const at = now.indexOf(`output:${id}\n`)
      return at >= 0 && now.startsWith('1', at + `output:${id}\n`.length)
    },
  ).then(() => performance.now() - started)
  const entry = { id, status: 'requested', cell: anchor, code, language: 'python', outputBy: 'monitor' }
  doc.transact(() => executions.set(id, new Y.Map<unknown>(Object.entries(entry))))
  const codeHash = createHash('sha256').update(code).digest('hex')
  const body = JSON.stringify({ id, document, cell: { by: 'anchor', anchor }, language: 'python', code, codeHash })
  const answer = await fetch(`${url}/api/v1/runs`, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`)
  const ms = await seen
  await until(
    look => executions.observeDeep(look),
    look => executions.unobserveDeep(look),
    () => executions.get(id)?.get('status') === 'completed',
  )
  return ms
}

function until(on: (look: () => void) => void, off: (look: () => void) => void, isSo: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (!isSo()) return
      off(look)
      resolve()
    }
    on(look)
    look()
  })
}

function report(metric: string, sorted: readonly number[]): void {
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]! * 100) / 100
  const row = {
    bench: 'offline-runs',
    metric,
    unit: 'ms',
    p50: at(0.5),
    p99: at(0.99),
    min: at(0),
    max: at(1),
    runs,
  }
  process.stdout.write(
    json
      ? `${JSON.stringify(row)}\n`
      : `${metric}: p50 ${row.p50} ms, p99 ${row.p99} ms (${runs} runs, ${row.min}–${row.max} ms)\n`,
  )
}
