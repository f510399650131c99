/** A hub as a process of its own: what runs that wait cost it, and how fast a long log leaves it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HubAddress, HubProcess } from '../../tests/crash/hub-process.ts'
import { onDatabase, type TestDatabase } from '../../tests/postgres.ts'
import { rssKiB, untilQuiet } from '../relay/process-figures.ts'

const quietMs = 20_000
const asking = 20
const headOf = (steps: string): string => `meshbook: workflow/v1\nname: bench\nsteps:\n  s: ${steps}\n`

/** Prints what the heap holds, after a collection, when it is asked to. */
const teller = `data:text/javascript,${encodeURIComponent(
  "process.on('SIGUSR2', () => { gc(); gc(); console.error('heap ' + process.memoryUsage().heapUsed + ' end') })",
)}`

export interface Waiting {
  rssMB: number
  heapMB: number
}

export class HubAtRest {
  readonly #hub: HubProcess
  readonly #folder: string
  readonly #at: HubAddress

  private constructor(hub: HubProcess, folder: string, at: HubAddress) {
    this.#hub = hub
    this.#folder = folder
    this.#at = at
  }

  static async start(database: TestDatabase, redisUrl: string): Promise<HubAtRest> {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
    const env = {
      MESHBOOK_DATABASE_URL: database.url,
      MESHBOOK_DATABASE_OWNER_URL: database.ownerUrl,
      MESHBOOK_REDIS_URL: redisUrl,
      MESHBOOK_RATE_LIMITS: 'off',
    }
    const hub = new HubProcess(join(folder, 'data'), env, ['--expose-gc', '--import', teller])
    return new HubAtRest(hub, folder, await hub.ready())
  }

  async close(): Promise<void> {
    await this.#hub.kill()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  /** What so many runs that wait for a signal add, once as many that had nothing to wait for have warmed it up. */
  async waiting(runs: number): Promise<Waiting> {
    await this.#ask(Math.ceil(runs / 5), headOf("{ transform: '1' }"))
    const before = await this.#memory()
    await this.#ask(runs, headOf('{ wait: { signal: go } }'))
    await this.#untilAllWait(runs)
    const after = await this.#memory()
    return { rssMB: (after.rss - before.rss) / 1e6, heapMB: (after.heap - before.heap) / 1e6 }
  }

  async #ask(runs: number, text: string): Promise<void> {
    let left = runs
    const asker = async (): Promise<void> => {
      while (left-- > 0) await this.#api('POST', '/workflow-runs', { file: 'a.yaml', files: { 'a.yaml': text } })
    }
    await Promise.all(Array.from({ length: asking }, asker))
  }

  /** The list tells newest first: once the whole list has been seen to wait. */
  async #untilAllWait(runs: number): Promise<void> {
    for (;;) {
      let [waiting, cursor] = [0, '']
      do {
        const page = await this.#api<{ items: { waits: string[] }[]; next?: string }>(
          'GET',
          `/workflow-runs?open=1&limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        )
        waiting += page.items.filter(({ waits }) => waits.includes('signal')).length
        cursor = page.next ?? ''
      } while (cursor !== '')
      if (waiting >= runs) return
      await new Promise(resolve => setTimeout(resolve, 1_000))
    }
  }

  async #memory(): Promise<{ rss: number; heap: number }> {
    await untilQuiet(this.#hub.pid, quietMs)
    const heap = await heapOf(this.#hub.child)
    return { rss: rssKiB(this.#hub.pid) * 1_024, heap }
  }

  async #api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${this.#at.token}`, 'content-type': 'application/json' }
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const answer = await fetch(`${this.#at.url}/api/v1${path}`, init)
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }

  /** A run whose log has so many events of steps. */
  async longLog(database: TestDatabase, events: number): Promise<string> {
    const text = headOf("{ transform: '1' }")
    const { id } = await this.#api<{ id: string }>('POST', '/workflow-runs', {
      ...{ file: 'a.yaml', files: { 'a.yaml': text } },
    })
    while ((await this.#api<{ endedAt: number | null }>('GET', `/workflow-runs/${id}`)).endedAt === null)
      await new Promise(resolve => setTimeout(resolve, 50))
    const ended = {
      type: 'step-ended',
      path: 'each[0].s',
      outcome: 'succeeded',
      output: { value: { name: 'a', n: 1 } },
    }
    const event = JSON.stringify({ type: 'workflow', at: 1_800_000_000_000, event: ended })
    await onDatabase(database.superuserUrl, async client => {
      const { rows } = await client.query<{ seq: string }>('SELECT seq FROM runs WHERE run_id = $1', [id])
      const last = Number(rows[0]!.seq)
      await client.query('UPDATE run_events SET seq = $2 WHERE run_id = $1 AND seq = $3', [id, events, last])
      await client.query(
        'INSERT INTO run_events (org_id, run_id, seq, event) SELECT org_id, run_id, g, $4 FROM runs, generate_series($2::bigint, $3::bigint) g WHERE run_id = $1',
        [id, last, events - 1, event],
      )
      await client.query('UPDATE runs SET seq = $2 WHERE run_id = $1', [id, events])
      await client.query('ANALYZE run_events')
    })
    return id
  }

  /** Events a second through the route that browsers use, from `after` to the end. */
  async streamed(run: string, after: number, last: number): Promise<number> {
    const since = performance.now()
    const answer = await fetch(`${this.#at.url}/api/v1/runs/${run}/events`, {
      headers: { authorization: `Bearer ${this.#at.token}`, 'last-event-id': String(after) },
    })
    if (!answer.ok || !answer.body) throw new Error(`the log of ${run}: ${answer.status}`)
    let [count, rest] = [0, '']
    const decoder = new TextDecoder()
    for await (const bytes of answer.body) {
      const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\n\n')
      rest = blocks.pop()!
      for (const block of blocks) if (block.startsWith('id: ')) checkNext(block, after + ++count)
    }
    if (count !== last - after) throw new Error(`${count} of ${last - after} events came`)
    return (count / (performance.now() - since)) * 1_000
  }
}

function checkNext(block: string, seq: number): void {
  if (!block.startsWith(`id: ${seq}\n`)) throw new Error(`${block.split('\n', 1)[0]} in place of ${seq}`)
}

async function heapOf(child: ChildProcess): Promise<number> {
  let said = ''
  const note = (text: string): void => {
    said += text
  }
  child.stderr!.on('data', note)
  child.kill('SIGUSR2')
  try {
    for (;;) {
      const [, heap] = /heap (\d+) end/.exec(said) ?? []
      if (heap !== undefined) return Number(heap)
      await once(child.stderr!, 'data', { signal: AbortSignal.timeout(quietMs) })
    }
  } finally {
    child.stderr!.off('data', note)
  }
}
