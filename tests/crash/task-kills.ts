/**
 * Agent tasks in real sandboxes of a real hub, while a seed decides when the first process of a worker or the hub is killed
 * with SIGKILL: at any moment, and aimed at those that matter. Some tasks share one wave of kills; after each wave every
 * task is checked, and so is the machine.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { isTerminal, type RunEvent } from '@meshbook/core/run.ts'
import type { Task } from '@meshbook/core/tasks-api.ts'
import { unmountBelow } from '@meshbook/hub/compute/mounting.ts'
import { git } from '../git-hosts/git-remote.ts'
import { GithubApi } from '../git-hosts/github-api.ts'
import { type Cleanup, eventually, stopProcessesOf } from '../mesh-process.ts'
import { mending } from '../model-server/mending.ts'
import { type ModelServer, startModelServer } from '../model-server/model-server.ts'
import { type Chance, chanceOf } from '../soak/random.ts'
import { type HubAddress, HubProcess } from './hub-process.ts'

/** When somebody is killed; `start`: the hub again, while it starts. */
const moments = ['any', 'model asked', 'branch pushed', 'pull request made', 'start'] as const
export type TaskKillMoment = (typeof moments)[number]

export interface TaskKillFigures {
  kills: { worker: number; hub: number }
  moments: Record<TaskKillMoment, number>
  tasks: number
  /** Workers that were lost and replaced. */
  replaced: number
  waves: number
}

const canary = 'sk-canary-of-the-kills-5d1e'
const repository = 'me/code'
const tasksAtOnce = 3
const killsPerWave = 12
const waveMs = 600_000
/** So long is waited for a moment; that of a push comes late. */
const momentMs = 3_000
const deliveryMs = 15_000
const awayMs = 45_000
const cleanMs = 60_000

const files = {
  'answer.js': 'export const answer = 41\n',
  'package.json': '{"type":"module"}\n',
  'test.js': `import { answer } from './${'answer'}.js'
if (answer === 42) console.log('pass')
else { console.log('expected 42, got ' + answer); process.exit(1) }
`,
}

export async function taskKills(
  seed: number,
  most: { kills: number; tasksPerWave: number },
  say: (text: string) => void,
): Promise<TaskKillFigures> {
  const enders: (() => unknown)[] = []
  const t: Cleanup = { after: end => void enders.push(end) }
  try {
    const rounds = await TaskKills.open(t, chanceOf(seed))
    while (rounds.killed < most.kills) {
      await rounds.wave(most.tasksPerWave, Math.min(killsPerWave, most.kills - rounds.killed))
      say(JSON.stringify(rounds.figures))
    }
    return rounds.figures
  } catch (thrown) {
    // Before anything is taken away, which may fail too.
    say(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown))
    throw thrown
  } finally {
    for (const end of enders.reverse()) await end()
  }
}

interface Row {
  id: string
  hub: string | null
  worker: string | null
  replaced: number
  ended: number | null
}

class TaskKills {
  readonly figures: TaskKillFigures = {
    kills: { worker: 0, hub: 0 },
    moments: { any: 0, 'model asked': 0, 'branch pushed': 0, 'pull request made': 0, start: 0 },
    tasks: 0,
    replaced: 0,
    waves: 0,
  }
  readonly #chance: Chance
  readonly #folder: string
  readonly #github: GithubApi
  readonly #models: ModelServer
  readonly #repo: string
  readonly #waiting = new Map<TaskKillMoment, () => void>()
  readonly #hubs = new Set<string>()
  #hub: HubProcess
  #at!: HubAddress

  private constructor(chance: Chance, folder: string, github: GithubApi, models: ModelServer, repo: string) {
    this.#chance = chance
    this.#folder = folder
    this.#github = github
    this.#models = models
    this.#repo = repo
    this.#hub = this.#process()
  }

  static async open(t: Cleanup, chance: Chance): Promise<TaskKills> {
    const folder = await mkdtemp(join(tmpdir(), 'mb-tk-'))
    t.after(async () => {
      await stopProcessesOf(folder)
      await unmountBelow(folder)
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    })
    const github = await GithubApi.start(t)
    github.pulls.set(repository, [])
    const repo = await github.remote.repository(repository, files)
    // A line for each change of a branch: how often it was pushed.
    await git(github.remote.bare(repository), 'config', 'core.logAllRefUpdates', 'always')
    const comes = { moment: (_moment: TaskKillMoment): void => undefined }
    const mend = mending({ path: 'answer.js', test: 'node test.js' })
    const models = await startModelServer({
      key: canary,
      script: async ask => {
        comes.moment('model asked')
        await sleep(chance.between(50, 500))
        return mend(ask)
      },
    })
    t.after(() => models.close())
    const serve = github.remote.api!
    github.remote.api = (request, response, url) => {
      if (request.method === 'POST' && url.pathname.endsWith('/git-receive-pack')) comes.moment('branch pushed')
      if (request.method === 'POST' && url.pathname.endsWith('/pulls')) comes.moment('pull request made')
      return serve(request, response, url)
    }
    const rounds = new TaskKills(chance, folder, github, models, repo)
    t.after(() => rounds.#hub.kill())
    comes.moment = moment => rounds.#waiting.get(moment)?.()
    await rounds.#ready()
    await rounds.#ask('PUT', '/keys/model', { kind: 'anthropic', value: canary })
    await rounds.#ask('PUT', '/keys/code', { kind: 'git', at: new URL(repo).host, value: github.token })
    return rounds
  }

  get killed(): number {
    return this.figures.kills.hub + this.figures.kills.worker
  }

  async wave(tasks: number, kills: number): Promise<void> {
    const ids = Array.from({ length: tasks }, () => newId('run', Date.now(), systemRandom))
    const order = { repo: this.#repo, prompt: 'Mend the failing test: node test.js', model: 'claude-sonnet-4-6' }
    for (const id of ids) await this.#ask('POST', '/tasks', { ...order, id })
    const until = performance.now() + waveMs
    const enough = this.killed + kills
    while (this.#open(ids).length > 0) {
      if (performance.now() > until) assert.fail(`tasks do not end: ${await this.#tell(ids)}`)
      if (this.killed < enough) await this.#kill(ids)
      else await sleep(100)
    }
    for (const id of ids) await this.#check(id)
    await this.#nothingLeft()
    this.figures.tasks += ids.length
    this.figures.replaced += this.#rows(ids).reduce((sum, { replaced }) => sum + replaced, 0)
    this.figures.waves++
  }

  async #kill(ids: readonly string[]): Promise<void> {
    const hub = this.#chance.next() < 0.4
    const moment = this.#chance.pick(hub ? moments.slice(0, 4) : moments.slice(0, 2))
    if (!(await this.#comes(moment))) return
    await sleep(this.#chance.between(0, moment === 'any' ? 1_500 : 60))
    // One more loss than may be would end the task, and rightly.
    const tasks = this.#open(ids)
    const mayLose = (row: Row): boolean => row.replaced < limits.replacementsPerTask
    if (hub && tasks.length > 0 && tasks.every(mayLose)) await this.#killHub(moment, tasks)
    else if (!hub) await this.#killWorker(moment, tasks.filter(mayLose))
  }

  async #comes(moment: TaskKillMoment): Promise<boolean> {
    if (moment === 'any') return true
    const came = Promise.withResolvers<boolean>()
    this.#waiting.set(moment, () => came.resolve(true))
    const found = await Promise.race([came.promise, sleep(moment === 'model asked' ? momentMs : deliveryMs, false)])
    this.#waiting.delete(moment)
    return found
  }

  async #killHub(moment: TaskKillMoment, tasks: readonly Row[]): Promise<void> {
    await this.#hub.kill()
    this.#count('hub', moment)
    const isSafe = tasks.every(({ replaced }) => replaced + 1 < limits.replacementsPerTask)
    if (isSafe && this.#chance.next() < 0.2) {
      this.#hub = this.#process()
      await sleep(this.#chance.between(0, 1_500))
      await this.#hub.kill()
      this.#count('hub', 'start')
    }
    // Sometimes for longer than anybody tries again who counts.
    await sleep(this.#chance.next() < 0.05 ? awayMs : this.#chance.between(0, 500))
    this.#hub = this.#process()
    await this.#ready()
  }

  async #killWorker(moment: TaskKillMoment, tasks: readonly Row[]): Promise<void> {
    const found = tasks.flatMap(({ worker }) => worker ?? [])
    if (found.length === 0) return void (await sleep(50))
    const worker = this.#chance.pick(found)
    const noted = await readFile(join(this.#data, 'tasks/state/workers', worker, 'first'), 'utf8').catch(() => '')
    const pid = Number.parseInt(noted, 10)
    const isIt = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(worker)
    if (!(pid > 1) || !isIt) return
    process.kill(pid, 'SIGKILL')
    this.#count('worker', moment)
  }

  #count(who: 'hub' | 'worker', moment: TaskKillMoment): void {
    this.figures.kills[who]++
    this.figures.moments[moment]++
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  #process(warm = this.#chance.between(0, 1)): HubProcess {
    const env = {
      MESHBOOK_COMPUTE: 'process',
      MESHBOOK_TASKS_AT_ONCE: String(tasksAtOnce),
      MESHBOOK_TASKS_WARM: String(warm),
      MESHBOOK_ANTHROPIC_URL: this.#models.url,
      MESHBOOK_GIT_INSIDE: 'yes',
      MESHBOOK_GIT_HOSTS: `github=${new URL(this.#repo).host}`,
    }
    return new HubProcess(this.#data, env, [], { workerLookMs: 200 })
  }

  async #ready(): Promise<void> {
    this.#at = await this.#hub.ready()
  }

  async #ask(method: string, path: string, body?: object): Promise<Response> {
    const answer = await fetch(`${this.#at.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#at.token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? '' : await answer.clone().text()}`)
    return answer
  }

  #rows(ids: readonly string[]): Row[] {
    const database = new DatabaseSync(join(this.#data, 'hub.db'), { readOnly: true })
    try {
      const rows = database
        .prepare(
          'SELECT tasks.run_id AS id, tasks.hub, tasks.worker_id AS worker, tasks.replaced, runs.ended_at AS ended FROM tasks JOIN runs ON runs.run_id = tasks.run_id',
        )
        .all() as unknown as Row[]
      for (const { hub } of rows) if (hub !== null) this.#hubs.add(hub)
      return rows.filter(({ id }) => ids.includes(id))
    } finally {
      database.close()
    }
  }

  #open(ids: readonly string[]): Row[] {
    return this.#rows(ids).filter(({ ended }) => ended === null)
  }

  async #tell(ids: readonly string[]): Promise<string> {
    const told = await Promise.all(ids.map(async id => (await this.#ask('GET', `/tasks/${id}`)).text()))
    return told.join('\n') + this.#hub.errors
  }

  async #check(id: string): Promise<void> {
    const task = (await (await this.#ask('GET', `/tasks/${id}`)).json()) as Task
    const text = await (await this.#ask('GET', `/runs/${id}/events`)).text()
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as RunEvent)
    const why = (): string => `${JSON.stringify(task)}\n${events.map(event => JSON.stringify(event)).join('\n')}`
    const { seq } = (await (await this.#ask('GET', `/runs/${id}`)).json()) as { seq: number }
    const numbers = [...text.matchAll(/^id: (\d+)$/gm)].map(([, number]) => Number(number))
    assert.deepEqual(
      numbers,
      Array.from({ length: seq }, (_, index) => index + 1),
      `the log has no gap ${why()}`,
    )
    assert.equal(events.filter(isTerminal).length, 1, `one end ${why()}`)
    assert.ok(isTerminal(events.at(-1)!), `the end is last ${why()}`)
    assert.equal(task.state, 'completed', why())
    for (const type of ['finished', 'pushed', 'pull-request'])
      assert.equal(events.filter(event => event.type === 'task' && event.event.type === type).length, 1, type + why())
    assert.ok(!text.includes(canary) && !text.includes(this.#github.token), 'no secret is in the log')
    await this.#checkRemote(task, why)
  }

  async #checkRemote({ branch, commit }: Task, why: () => string): Promise<void> {
    const bare = this.#github.remote.bare(repository)
    assert.equal((await this.#github.remote.refs(repository))[`refs/heads/${branch}`], commit, why())
    assert.equal(await git(bare, 'show', `${branch}:answer.js`), 'export const answer = 42', why())
    assert.equal(await git(bare, 'diff', '--name-only', 'main', branch), 'answer.js', why())
    const pushes = await readFile(join(bare, 'logs/refs/heads', branch), 'utf8')
    assert.equal(pushes.trimEnd().split('\n').length, 1, `pushed once: ${pushes}${why()}`)
    const pulls = this.#github.pulls.get(repository)!.filter(({ head }) => head === branch)
    assert.equal(pulls.length, 1, `one pull request ${why()}`)
  }

  /** By a hub that keeps no workers waiting, so that whatever is there is left over. */
  async #nothingLeft(): Promise<void> {
    await this.#hub.kill()
    this.#hub = this.#process(0)
    await this.#ready()
    let left: string[] = []
    const look = async (): Promise<boolean> => {
      left = (await Promise.all([this.#foldersLeft(), this.#mountsLeft(), this.#disksLeft()])).flat()
      return left.length === 0
    }
    await eventually('nothing is left', look, cleanMs).catch(() => assert.fail(`left: ${left.join('\n')}`))
  }

  async #foldersLeft(): Promise<string[]> {
    const tasks = join(this.#data, 'tasks')
    const all = [
      join(tasks, 's'),
      join(tasks, 'state/workers'),
      join(tasks, 'state/disks'),
      join(this.#data, 'git/checkouts/tasks'),
      ...[...this.#hubs].flatMap(hub =>
        ['', 'memory', 'pids', 'cpu'].map(part => join('/sys/fs/cgroup', part, `meshbook-${hub}`)),
      ),
      ...this.#reachable(),
    ]
    const found = await Promise.all(
      all.map(async folder => {
        const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
        return entries.filter(entry => entry.isDirectory()).map(({ name }) => join(folder, name))
      }),
    )
    return found.flat()
  }

  #reachable(): string[] {
    return [...this.#hubs].map(hub => join('/run', `meshbook-${hub}`))
  }

  /** Of every process, so that one that is left in a sandbox is found too. */
  async #mountsLeft(): Promise<string[]> {
    const marks = [`${basename(this.#folder)}/data/tasks`, ...this.#reachable()]
    const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
    const found = await Promise.all(
      pids.map(async pid => {
        const [mounts, command] = await Promise.all(
          ['mountinfo', 'cmdline'].map(name => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
        )
        const isThere = marks.some(mark => mounts!.includes(mark) || command!.includes(mark))
        return isThere ? [`process ${pid}: ${command!.replaceAll('\0', ' ').slice(0, 200)}`] : []
      }),
    )
    return found.flat()
  }

  async #disksLeft(): Promise<string[]> {
    const disks = (await readdir('/sys/block')).filter(name => name.startsWith('loop'))
    const files = await Promise.all(
      disks.map(name => readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '')),
    )
    return files.filter(file => file.includes(basename(this.#folder)))
  }
}
