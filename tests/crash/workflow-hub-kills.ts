/**
 * Random workflows at a hub that is killed at moments that a seed decides. Each is run once without any kill; with kills it
 * must come to the same, no step that was complete may be done again, and an effect has one key (I9, WQ10, WQ12).
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Gate } from '@meshbook/core/api.ts'
import type { RunEvent } from '@meshbook/core/run.ts'
import type { WorkflowRun } from '@meshbook/core/workflows-api.ts'
import { faultsOf, randomFiles, randomOf } from '@meshbook/engine/workflow/testing/random-graphs.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'

export interface KillFigures {
  graphs: number
  kills: number
  /** Kills while a run had not ended. */
  inWork: number
  effects: number
  outcomes: Record<string, number>
}

export interface KillWish {
  graphs: number
  kills: number
  /** Of the hub: a database in place of its folder. */
  env?: NodeJS.ProcessEnv
}

type Plain = { [key: string]: unknown }

const chance = (...parts: unknown[]): number =>
  createHash('sha256').update(parts.join('|')).digest().readUInt32BE(0) / 2 ** 32

/** What the steps of a graph ask: it answers by seed and path, and counts what it did by key. */
async function startEffects(seed: number) {
  const effects = new Map<string, number>()
  const lost = new Set<string>()
  const server = createServer((request, response) => {
    const key = String(request.headers['idempotency-key'])
    const [run = '', path = '', group = ''] = key.split('/')
    const graph = run.split('_')[1]!.slice(1)
    const kind = chance(seed, graph, path)
    request.resume()
    setTimeout(
      () => {
        if (kind < 0.06) return response.writeHead(400).end()
        if (kind < 0.2 && group === '1') return response.writeHead(503).end()
        effects.set(key, (effects.get(key) ?? 0) + 1)
        // The answer does not arrive: nobody knows whether it was done.
        if (kind > 0.9 && !lost.has(key)) {
          lost.add(key)
          return response.destroy()
        }
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ path, n: 1 }))
      },
      5 + 60 * chance(seed, 'time', key),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { effects, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() }
}

/** As the local soak has them, with steps that a hub does, and shorter times. */
function filesOf(seed: number, url: string): Record<string, string> {
  const changed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(changed)
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value as Plain).map(([key, inside]): [string, unknown] => {
      if (key === 'notify') return ['http', { url, method: 'POST', body: inside }]
      if (key === 'for') return [key, String(inside).replace('s', '0ms')]
      if (key === 'initial') return [key, '30ms']
      return [key, changed(inside)]
    })
    return Object.fromEntries(entries)
  }
  const files = Object.entries(randomFiles(randomOf(seed)))
  return Object.fromEntries(files.map(([name, text]) => [name, JSON.stringify(changed(JSON.parse(text)))]))
}

interface Ended {
  outcome: string
  output: string
  log: RunEvent[]
}

class Scene {
  hub: HubProcess
  at!: HubAddress
  readonly #make: () => HubProcess
  readonly #seed: number

  constructor(make: () => HubProcess, seed: number) {
    this.#make = make
    this.#seed = seed
    this.hub = make()
  }

  async start(): Promise<void> {
    this.at = await this.hub.ready()
  }

  async killed(): Promise<void> {
    await this.hub.kill()
    this.hub = this.#make()
    await this.start()
  }

  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.at.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.at.token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok && answer.status !== 409) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return JSON.parse(text) as T
  }

  async decideAll(): Promise<void> {
    const { items } = await this.api<{ items: Gate[] }>('GET', '/gates?state=open&limit=100')
    for (const { id, run, title, digest, nonce } of items) {
      const decision = chance(this.#seed, run.split('_')[1]!.slice(1), title) < 0.8 ? 'approved' : 'rejected'
      await this.api('POST', `/gates/${id}/decide`, { decision, digest, nonce })
    }
  }

  async open(): Promise<WorkflowRun[]> {
    return (await this.api<{ items: WorkflowRun[] }>('GET', '/workflow-runs?open=1&limit=200')).items
  }

  async untilEnded(ms: number): Promise<void> {
    for (const until = Date.now() + ms; ; await sleep(100)) {
      await this.decideAll()
      const open = await this.open()
      if (open.length === 0) return
      if (Date.now() > until) throw new Error(`these do not end: ${JSON.stringify(open)}`)
    }
  }

  async ended(id: string): Promise<Ended> {
    const answer = await fetch(`${this.at.url}/api/v1/runs/${id}/events`, {
      headers: { authorization: `Bearer ${this.at.token}` },
    })
    const lines = [...(await answer.text()).matchAll(/^data: (.*)$/gm)]
    const log = lines.map(([, data]) => {
      const read = JSON.parse(data!) as RunEvent & { seq?: number }
      return (read.type === undefined ? (read as unknown as { event: RunEvent }).event : read) as RunEvent
    })
    const end = log.flatMap(event =>
      event.type === 'workflow' && event.event.type === 'ended' ? [event.event] : [],
    )[0]
    return { outcome: end?.outcome ?? 'none', output: JSON.stringify(end?.output ?? null).replaceAll(id, 'ID'), log }
  }
}

export async function workflowHubKills(
  seed: number,
  folder: string,
  { graphs, kills, env = {} }: KillWish,
  tell: (text: string) => void,
): Promise<KillFigures> {
  const effects = await startEffects(seed)
  const settings = { MESHBOOK_WORKFLOWS_PRIVATE: '1', MESHBOOK_RATE_LIMITS: 'off', ...env }
  const limits = { workflowDueMs: 100, workflowRestMs: 200, leaseMs: 3_000 }
  const scene = new Scene(() => new HubProcess(folder, settings, [], limits), seed)
  const random = randomOf(seed)
  const figures: KillFigures = { graphs, kills, inWork: 0, effects: 0, outcomes: {} }
  try {
    await scene.start()
    const begin = async (round: string, graph: number): Promise<void> => {
      const files = filesOf(seed * 1_000 + graph, effects.url)
      const run = { id: `run_${round}${graph}`, file: 'graph.yaml', files }
      await scene.api('POST', '/workflow-runs', run)
    }
    const all = Array.from({ length: graphs }, (_, i) => i)
    for (const graph of all) await begin('a', graph)
    await scene.untilEnded(240_000)
    tell('every graph has ended once without a kill')
    for (let kill = 0; kill < kills; kill++) {
      const share = all.filter(graph => Math.floor((graph * kills) / graphs) === kill)
      for (const graph of share) await begin('b', graph)
      for (const until = Date.now() + random() * 700; Date.now() < until; await sleep(20)) await scene.decideAll()
      if ((await scene.open()).length > 0) figures.inWork++
      await scene.killed()
    }
    await scene.untilEnded(240_000)
    for (const graph of all) {
      const [whole, cut] = [await scene.ended(`run_a${graph}`), await scene.ended(`run_b${graph}`)]
      for (const { log } of [whole, cut]) assert.deepEqual(faultsOf(log), [], `graph ${graph}`)
      assert.deepEqual([cut.outcome, cut.output], [whole.outcome, whole.output], `graph ${graph}`)
      figures.outcomes[cut.outcome] = (figures.outcomes[cut.outcome] ?? 0) + 1
    }
    const keys = Map.groupBy(effects.effects.keys(), key => key.slice(0, key.lastIndexOf('/')))
    for (const [step, of] of keys) assert.equal(of.length, 1, `${step} had its effect under ${of.join(', ')}`)
    figures.effects = keys.size
    return figures
  } finally {
    effects.close()
    await scene.hub.kill()
  }
}
