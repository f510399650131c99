/**
 * From Run to the first byte of output in the document, on loopback, as a browser sees it: intent and POST /runs are
 * sent at once, and the clock stops when the client's own copy of the document shows the output. Beside it, in the same
 * run and interleaved, the bare kernel: its socket, without host, journal, hub or document.
 */

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ApiClient, findHub } from '@meshbook/cli/api-client.ts'
import { dataFolder } from '@meshbook/cli/data-folder.ts'
import { runSchema, ticketSchema } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { parseNotebook } from '@meshbook/core/notebook/cells.ts'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { startBareKernel } from './bare-kernel.ts'

const json = process.argv.includes('--json')
const runs = process.argv.includes('--quick') ? 60 : 500
const code = 'print(1)'
const text = `# Latency\n\n\`\`\`python\n${code}\n\`\`\`\n`

const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const hub = spawn(
  process.execPath,
  ['--disable-warning=ExperimentalWarning', main, 'start', '--no-open', '--json', '--port', '0', '--data', folder],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
try {
  await new Promise(resolve => createInterface({ input: hub.stdout }).once('line', resolve))
  await writeFile(join(folder, 'projects/demo/latency.md'), text)
  report(await measure())
} finally {
  const ended = new Promise(resolve => hub.once('exit', resolve))
  hub.kill('SIGTERM')
  await ended
  await rm(folder, { recursive: true, force: true })
}

async function measure(): Promise<{ ours: number[]; bare: number[] }> {
  const credentials = await findHub({}, dataFolder(folder), {})
  const client = new ApiClient(credentials)
  const document = await untilFound(client)
  const { ticket } = await client.post('/tickets', { document: document.id, scope: 'run' }, ticketSchema)
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${credentials.hub.replace(/^http/, 'ws')}/sync/me/demo`, 'latency.md', doc, {
    params: { ticket },
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  await new Promise<void>(resolve => provider.once('sync', () => resolve()))
  const bare = await startBareKernel(folder)
  const samples = { ours: [] as number[], bare: [] as number[] }
  try {
    for (let i = -10; i < runs; i++) {
      const ours = await oneRun(client, document.id, doc)
      const alone = await bare.firstOutputMs(code)
      if (i >= 0) {
        samples.ours.push(ours)
        samples.bare.push(alone)
      }
    }
  } finally {
    provider.destroy()
    doc.destroy()
    bare.stop()
  }
  return samples
}

async function untilFound(client: ApiClient) {
  for (let attempt = 0; ; attempt++) {
    try {
      const document = await client.documentAt('me/demo/latency.md')
      if ((await client.text(`/documents/${document.id}/content`)).includes(code)) return document
    } catch (error) {
      if (attempt > 200) throw error
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Milliseconds from the request to the first output in this client's document; waits for the end before it returns. */
async function oneRun(client: ApiClient, document: string, doc: Y.Doc): Promise<number> {
  const content = doc.getText('content')
  const executions = doc.getMap<Y.Map<unknown>>('executions')
  const cell = parseNotebook(content.toString()).blocks.find(block => block.kind === 'cell')!
  const anchor = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(content, cell.from))
  const id = newId('run', Date.now(), systemRandom)
  const codeHash = createHash('sha256').update(code).digest('hex')
  const opening = `output:${id}\n`
  const started = performance.now()
  const seen = new Promise<number>(resolve => {
    const look = () => {
      const now = content.toString()
      const at = now.indexOf(opening)
      if (at < 0 || !now.startsWith('1', at + opening.length)) return
      content.unobserve(look)
      resolve(performance.now() - started)
    }
    content.observe(look)
  })
  doc.transact(() => {
    const entry = new Y.Map<unknown>(
      Object.entries({
        id,
        status: 'requested',
        cell: anchor,
        code,
        language: 'python',
        requestedBy: doc.clientID,
        requestedAt: Date.now(),
        outputBy: 'monitor',
      }),
    )
    executions.set(id, entry)
  })
  await client.post(
    '/runs',
    { id, document, cell: { by: 'anchor', anchor }, language: 'python', code, codeHash },
    runSchema,
  )
  const ms = await seen
  await new Promise<void>(resolve => {
    const look = () => {
      if (executions.get(id)?.get('status') !== 'completed') return
      executions.unobserveDeep(look)
      resolve()
    }
    executions.observeDeep(look)
    look()
  })
  return ms
}

function at(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

function report(samples: { ours: number[]; bare: number[] }): void {
  const ours = samples.ours.toSorted((a, b) => a - b)
  const bare = samples.bare.toSorted((a, b) => a - b)
  for (const [metric, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const row = {
      bench: 'run-latency',
      metric: `first output ${metric}`,
      unit: 'ms',
      ours: round(at(ours, share)),
      peer: round(at(bare, share)),
      peerName: 'bare kernel',
      ratio: round(at(bare, share) / at(ours, share)),
      runs,
      min: round(ours[0]!),
      max: round(ours.at(-1)!),
    }
    process.stdout.write(
      json
        ? `${JSON.stringify(row)}\n`
        : `${row.metric}: ${row.ours} ms in the document, ${row.peer} ms at the bare kernel (${runs} runs, ${row.min}–${row.max} ms)\n`,
    )
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
