/**
 * From the order of a task to the first question to a model: a hub with real git, sandbox and broker, and a repository of
 * 50,000 files; beside `docker run` and `git clone --depth 1` of the same repository (`npm run bench -- agents`). Prints
 * rows for docs/performance.md as they are measured.
 */
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { Task } from '@meshbook/core/tasks-api.ts'
import { makeImage } from '@meshbook/hub/compute/image/make-image.ts'
import { parseHubConfig } from '@meshbook/hub/config.ts'
import { startHub } from '@meshbook/hub/hub.ts'
import { newLog } from '@meshbook/hub/log.ts'
import { version } from '@meshbook/hub/version.ts'
import { canDocker, TestEngine } from '../../tests/contract/docker-engine.ts'
import { startModelServer } from '../../tests/model-server/model-server.ts'
import { firstQuestion } from './first-question.ts'
import { type Figure, jsonLine, tableHead, tableRow } from './table.ts'

const run = promisify(execFile)
const json = process.argv.includes('--json')
const quick = process.argv.includes('--quick')
const fileCount = quick ? 2_000 : 50_000
const rounds = quick ? 3 : 15
const tasksAtOnce = quick ? 4 : 20
const root = join(import.meta.dirname, '../..')
const taskMs = 300_000
const refillMs = 4_000
/** Rarely enough to take nothing from what is measured. */
const lookMs = 500

const closers: (() => unknown)[] = []
const cleanup = { after: (act: () => unknown) => void closers.push(act) }

try {
  const base = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
  cleanup.after(() => rm(base, { recursive: true, force: true, maxRetries: 5 }))
  const repo = await repository(join(base, 'repos'))
  const engine = canDocker ? await TestEngine.start(cleanup) : undefined
  const program = { root, node: process.execPath }
  if (engine)
    await makeImage(engine.api, { name: 'meshbook-worker:latest', version, packages: [], from: 'installed', program })
  if (!json) process.stdout.write(tableHead)
  const peer = engine ? await cloned(base, repo, engine.socket) : null
  const drivers = [{ name: 'bubblewrap', env: { MESHBOOK_COMPUTE: 'process' } as NodeJS.ProcessEnv }]
  if (engine)
    drivers.push({ name: 'docker', env: { MESHBOOK_COMPUTE: 'docker', MESHBOOK_COMPUTE_ENGINE: engine.socket } })
  for (const { name, env } of drivers) {
    await measure(name, env, base, repo, { warm: 0, peer })
    await measure(`${name}, with a warm worker`, { ...env, MESHBOOK_TASKS_WARM: '1' }, base, repo, { warm: 1, peer })
  }
} finally {
  for (const close of closers.reverse()) await close()
}

/** With files in folders of a hundred, as sources lie. */
async function repository(folder: string): Promise<string> {
  const path = join(folder, 'large')
  for (let number = 0; number < fileCount; number++) {
    const place = join(path, `part${Math.floor(number / 100)}`)
    if (number % 100 === 0) await mkdir(place, { recursive: true })
    await writeFile(
      join(place, `file${number}.js`),
      `export const value = ${number}\n${'// a line of text\n'.repeat(20)}`,
    )
  }
  const git = (...args: string[]) => execFileSync('git', ['-C', path, ...args], { stdio: 'ignore' })
  git('init', '-q', '-b', 'main')
  git('add', '-A')
  git('-c', 'user.name=Bench', '-c', 'user.email=bench@example.org', 'commit', '-qm', 'all')
  return `file://${path}`
}

async function cloned(base: string, repo: string, socket: string): Promise<number[]> {
  const took: number[] = []
  for (let round = 0; round < Math.min(rounds, 5); round++) {
    const folder = join(base, `clone-${round}`)
    const since = performance.now()
    const args = ['run', '--rm', '--network', 'none', '--entrypoint', '/bin/true', 'meshbook-worker:latest']
    await run('docker', ['-H', `unix://${socket}`, ...args])
    await run('git', ['clone', '-q', '--depth', '1', repo, folder])
    took.push(performance.now() - since)
    await rm(folder, { recursive: true, force: true })
  }
  return took
}

interface Compared {
  warm: number
  peer: number[] | null
}

async function measure(name: string, env: NodeJS.ProcessEnv, base: string, repo: string, { warm, peer }: Compared) {
  const waiting = new Map<string, (at: number) => void>()
  const models = await startModelServer({
    key: 'bench-key',
    script: ask => {
      const id = /task (run_\w+)/.exec(JSON.stringify(ask))?.[1]
      if (id !== undefined) waiting.get(id)?.(performance.now())
      return { say: 'Done.' }
    },
  })
  const folder = await mkdtemp(join(base, `${name}-`))
  const settings = {
    ...env,
    MESHBOOK_ANTHROPIC_URL: models.url,
    MESHBOOK_GIT_FOLDERS: join(base, 'repos'),
    MESHBOOK_COMPUTE_MEMORY: '512m',
    MESHBOOK_COMPUTE_DISK: '1g',
  }
  const config = parseHubConfig(settings, { port: 0, data: folder })
  const hub = await startHub(config, { now: Date.now, random: systemRandom, log: newLog('silent') })
  const token = await hub.commandLineToken()
  await hub.ensureProject('demo')
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const answer = await fetch(`${hub.url}/api/v1${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    return (answer.status === 204 ? undefined : await answer.json()) as T
  }
  try {
    await ask('PUT', '/keys/model', { kind: 'anthropic', value: 'bench-key' })
    const one = async (): Promise<number> => {
      const id = newId('run', Date.now(), systemRandom)
      const asked = new Promise<number>(resolve => waiting.set(id, resolve))
      const since = performance.now()
      await ask('POST', '/tasks', { id, repo, prompt: `Say that you are done: task ${id}`, pullRequest: false })
      const look = () => ask<Task>('GET', `/tasks/${id}`)
      const waits = (why: string) => void process.stderr.write(`${name}: a task waits: ${why}\n`)
      const took = (await firstQuestion({ asked, look, waits, lookMs, mostMs: taskMs }).catch(because(name))) - since
      for (;;) {
        const task = await look()
        if (task.endedAt !== null) {
          if (task.state !== 'completed') throw new Error(`${name}: ${task.state}: ${task.reasons.join(' ')}`)
          return took
        }
        await sleep(20)
      }
    }
    note(`${name}: the first task, with mirror and checkout still to be made`, [await one()], null)
    const took: number[] = []
    for (let round = 0; round < rounds; round++) {
      // Who gives the next task does so later than a waiting worker takes to start.
      if (warm > 0) await sleep(refillMs)
      took.push(await one())
    }
    note(`${name}: task accepted to first model call`, took, peer)
    if (warm > 0) return
    const free = availableMb()
    let least = free
    const look = setInterval(() => (least = Math.min(least, availableMb())), 100)
    const before = performance.now()
    await Promise.all(Array.from({ length: tasksAtOnce }, one)).finally(() => clearInterval(look))
    note(`${name}: ${tasksAtOnce} tasks at once, all ended`, [performance.now() - before], null)
    note(`${name}: memory of the machine that they took at most`, [free - least], null, 'MB')
  } finally {
    await hub.close()
    await models.close()
  }
}

/** Says of which row it was. */
function because(name: string): (cause: Error) => never {
  return cause => {
    throw new Error(`${name}: ${cause.message}`, { cause })
  }
}

function note(metric: string, values: number[], peer: number[] | null, unit: Figure['unit'] = 'ms'): void {
  const figure = { metric, unit, values, peer }
  process.stdout.write(json ? jsonLine(figure) : tableRow(figure))
}

function availableMb(): number {
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))![1]) / 1_024
}
