/**
 * A hub, a desktop and a laptop with roots and disks of their own, and a phone: sessions are made on the desktop, which
 * is then switched off as by its plug.
 */

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { DocumentInfo, List, Run } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { SessionInfo } from '@meshbook/core/messages.ts'
import type { Move } from '@meshbook/core/moves-api.ts'
import type { NumberedEvent } from '@meshbook/core/run.ts'
import { criuFolder } from '../contract/criu.ts'
import { eventually } from '../mesh-process.ts'
import { JsonChild } from './json-child.ts'
import { type Cleanup, hubAddress, hubPort, Lab } from './lab.ts'
import { makeAuthority, ready } from './lab-mesh.ts'
import { RootedMachine } from './rooted-machine.ts'
import { type SessionProgram, sessionPrograms } from './session-programs.ts'

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const script = (name: string): string => join(import.meta.dirname, name)
const token = 'mb_sessions-lab-token'
const hubUrl = `https://${hubAddress}:${hubPort}`
/** A device counts as offline after six seconds. */
const timesDivisor = 10
const savedMs = 180_000
const answerMs = 120_000
const homeMs = 120_000
const begunPath = '/home/me/begun'
const authorityPath = '/home/me/authority.pem'

export type MachineName = 'Desk' | 'Laptop'

export interface Answer {
  run: Run
  printed: string
  log: NumberedEvent[]
}

export class SessionsMesh {
  readonly desk: RootedMachine
  readonly laptop: RootedMachine
  readonly phone: JsonChild
  readonly #data: string

  private constructor(desk: RootedMachine, laptop: RootedMachine, phone: JsonChild, data: string) {
    this.desk = desk
    this.laptop = laptop
    this.phone = phone
    this.#data = data
  }

  static async open(cleanup: Cleanup): Promise<SessionsMesh> {
    const data = await mkdtemp(join(tmpdir(), 'meshbook-sessions-'))
    const lab = Lab.open(cleanup)
    cleanup.after(() => rm(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
    const authority = makeAuthority(lab, join(data, 'hub')).file
    const proxy = new JsonChild(cleanup, lab, 'proxy', script('proxy-main.ts'))
    const phone = new JsonChild(cleanup, lab, 'phone', script('phone-main.ts'), [hubUrl, token], {
      NODE_EXTRA_CA_CERTS: authority,
    })
    await proxy.ask({ do: 'listen' })
    await startHub(cleanup, lab, join(data, 'hub'))
    const env = {
      NODE_EXTRA_CA_CERTS: authorityPath,
      MESHBOOK_TOKEN: token,
      MESHBOOK_TIMES_DIVISOR: `${timesDivisor}`,
      MESHBOOK_KEYCHAIN: 'off',
      MESHBOOK_SNAPSHOT: 'criu',
    }
    const desk = await RootedMachine.make(cleanup, lab, 'desk', { system: 'this', env })
    const laptop = await RootedMachine.make(cleanup, lab, 'laptop', { system: 'second', env })
    const criu = await criuFolder()
    for (const machine of [desk, laptop]) {
      await machine.copyIn(authority, authorityPath)
      await machine.copyIn(criu, '/home/me/.local/share/meshbook/criu')
      await machine.write('/home/me/project/README.md', '# Project\n')
      await machine.write(begunPath, '')
    }
    const mesh = new SessionsMesh(desk, laptop, phone, data)
    await mesh.powerOn('Desk')
    await mesh.#attach(desk)
    await mesh.powerOn('Laptop')
    await mesh.#attach(laptop)
    return mesh
  }

  machine(name: MachineName): RootedMachine {
    return name === 'Desk' ? this.desk : this.laptop
  }

  async powerOn(name: MachineName): Promise<void> {
    await this.machine(name).powerOn(['up', '--hub', hubUrl, '--name', name, '--json', '--data', '/home/me/data'])
  }

  async #attach(machine: RootedMachine): Promise<void> {
    machine.run(...machine.main, 'attach', '/home/me/project', '--project', 'project', '--data', '/home/me/data')
  }

  /** A notebook of the program, at the hub and on both machines. */
  async notebook(program: SessionProgram): Promise<DocumentInfo> {
    const { name, language, kernel, make, ask } = program
    const head = kernel ? `---\nkernelspec:\n  name: ${kernel}\n  language: ${language}\n---\n` : ''
    const cell = (code: string) => `\`\`\`${language}\n${code.trim()}\n\`\`\`\n`
    await this.desk.write(`/home/me/project/${name}.md`, `${head}# ${name}\n\n${cell(make)}\n${cell(ask)}`)
    const find = () =>
      this.phone.ask<DocumentInfo>({ do: 'document', path: `me/project/${name}.md` }).catch(() => undefined)
    return eventually(`${name}.md is at the hub`, find, 60_000)
  }

  /** Asked for on the phone; resolves with the run when it has ended, and what it printed. */
  async run(document: DocumentInfo, program: SessionProgram, cell: 0 | 1, on?: string): Promise<Answer> {
    return this.answer(await this.submit(document, program, cell, on), program.name)
  }

  /** Asks for a run on the phone; resolves with its id. */
  async submit(
    document: DocumentInfo,
    program: SessionProgram,
    cell: 0 | 1,
    on?: string,
    more: { onLoss?: 'resume' } = {},
  ): Promise<string> {
    const id = newId('run', Date.now(), systemRandom)
    const { language, kernel, name } = program
    await this.phone.ask({
      do: 'submit',
      body: {
        id,
        document: document.id,
        cell: { by: 'index', index: cell },
        language,
        session: name,
        code: (cell === 0 ? program.make : program.ask).trim(),
        ...(kernel && { kernel }),
        ...(on && { on }),
        ...more,
      },
    })
    return id
  }

  /** Follows a run to its end. */
  async answer(id: string, name: string, ms = answerMs): Promise<Answer> {
    const log = await within(ms, `${name} answers`, this.phone.ask<NumberedEvent[]>({ do: 'follow', run: id }))
    const run = await this.phone.ask<Run>({ do: 'run', run: id })
    const printed = log.map(({ event }) => (event.type === 'stdout' ? event.text : '')).join('')
    return { run, printed: printed.trim(), log }
  }

  /** The run that was begun in the place of one that was interrupted. */
  async repeatOf(run: string): Promise<string | undefined> {
    const { items } = await this.phone.ask<List<Run>>({ do: 'runs' })
    return items.find(({ againOf }) => againOf === run)?.id
  }

  async sessions(): Promise<SessionInfo[]> {
    return (await this.phone.ask<List<SessionInfo>>({ do: 'sessions' })).items
  }

  async idOf(name: MachineName): Promise<string> {
    const { items } = await this.phone.ask<List<{ id: string; name: string }>>({ do: 'devices' })
    return items.find(device => device.name === name)!.id
  }

  /** The hub has an image of each of them in which every run is. */
  async allSaved(count: number): Promise<void> {
    const isSaved = ({ saved }: SessionInfo) => saved?.snapshot && saved.kind === 'image' && saved.behind === 0
    let seen: SessionInfo[] = []
    const look = async () => {
      seen = await this.sessions()
      return seen.filter(isSaved).length >= count
    }
    await eventually('everything is saved', look, savedMs).catch(thrown => {
      throw new Error(`${(thrown as Error).message}: ${JSON.stringify(seen.map(({ name, saved }) => [name, saved]))}`)
    })
  }

  async allAt(name: MachineName, count: number): Promise<void> {
    const id = await this.idOf(name)
    const look = async () => (await this.sessions()).filter(({ device }) => device === id).length >= count
    await eventually(`all sessions are on ${name}`, look, homeMs).catch(async thrown => {
      const { items } = await this.phone.ask<List<Move>>({ do: 'moves' })
      const told = items.map(({ kind, session, state, code, detail }) => ({ kind, session, state, code, detail }))
      throw new Error(`${(thrown as Error).message}: ${JSON.stringify([told, await this.sessions()])}`)
    })
  }

  /** Restoring shows a session the libraries that it had, and leaves those of the machine alone (SN23). */
  changedSystems(): string[] {
    return [this.desk, this.laptop].flatMap(machine => machine.changedSystem(begunPath))
  }

  /** Times at which two heads of one session were live at once (I4), by the hub's own rows. */
  doubleHolders(): number {
    const database = new DatabaseSync(join(this.#data, 'hub', 'hub.db'), { readOnly: true })
    try {
      const row = database
        .prepare(
          `SELECT COUNT(*) AS n FROM heads a JOIN heads b ON a.session_id = b.session_id AND a.fence < b.fence
          WHERE a.ended_at IS NULL OR a.ended_at > b.created_at`,
        )
        .get() as { n: number }
      return row.n
    } finally {
      database.close()
    }
  }

  /** What the hub stored of heads and runs, and what both machines said last: for a scene that went wrong. */
  evidence(): string {
    const database = new DatabaseSync(join(this.#data, 'hub', 'hub.db'), { readOnly: true })
    try {
      const rows = [
        'SELECT session_id, device_id, fence, created_at, ended_at, end_reason FROM heads ORDER BY created_at',
        'SELECT run_id, session_id, status, device_id, fence, error, cancel_reason FROM runs ORDER BY arrival',
      ].flatMap(sql => database.prepare(sql).all())
      return [...rows.map(row => JSON.stringify(row)), 'Desk:', ...this.desk.said, 'Laptop:', ...this.laptop.said].join(
        '\n',
      )
    } finally {
      database.close()
    }
  }
}

export interface SceneResult {
  answers: number
  wrong: string[]
  doubleHolders: number
}

/** Made on the desktop; then one repetition a morning: asked of on the laptop after the plug was pulled, and at home again. */
export async function sessionsScene(mesh: SessionsMesh, mornings = 1, say?: (result: SceneResult) => void) {
  const result: SceneResult = { answers: 0, wrong: [], doubleHolders: 0 }
  try {
    const made = await makeSessions(mesh)
    for (let morning = 1; morning <= mornings; morning++) {
      await oneMorning(mesh, made, 2 * morning - 1, result)
      result.doubleHolders = mesh.doubleHolders()
      say?.(result)
    }
    result.wrong.push(...mesh.changedSystems().map(path => `${path} of the system was changed`))
  } catch (thrown) {
    throw new Error(`${(thrown as Error).message}\n${mesh.evidence()}`)
  }
  if (result.wrong.length > 0) result.wrong.push(mesh.evidence())
  return result
}

interface MadeSession {
  program: SessionProgram
  document: DocumentInfo
  word: string
}

async function makeSessions(mesh: SessionsMesh): Promise<MadeSession[]> {
  const desk = await mesh.idOf('Desk')
  const documents: [SessionProgram, DocumentInfo][] = []
  for (const program of sessionPrograms) documents.push([program, await mesh.notebook(program)])
  const made: MadeSession[] = []
  for (const [program, document] of documents) {
    const { run, printed, log } = await mesh.run(document, program, 0, desk)
    if (run.status !== 'completed')
      throw new Error(`${program.name} could not be made: ${run.status} ${JSON.stringify(log.at(-1))}`)
    made.push({ program, document, word: printed })
  }
  return made
}

/** `time`: how often the sessions will have been asked after the first of its two questions. */
async function oneMorning(mesh: SessionsMesh, made: MadeSession[], time: number, result: SceneResult): Promise<void> {
  const ask = (asked: number, where: MachineName) =>
    Promise.all(
      made.map(async ({ program, document, word }) => {
        const { run, printed } = await mesh.run(document, program, 1)
        result.answers++
        const expected = `${word} ${program.answer(asked)}`
        if (run.status !== 'completed' || printed !== expected || run.deviceName !== where)
          result.wrong.push(`${program.name} on ${run.deviceName} (${run.status}): ${printed}, not ${expected}`)
      }),
    )
  await mesh.allSaved(made.length)
  await mesh.machine('Desk').powerOff()
  if (!mesh.desk.isOff) throw new Error('the disk of the desktop is still mounted')
  await ask(time, 'Laptop')
  await mesh.allSaved(made.length)
  await mesh.powerOn('Desk')
  await mesh.allAt('Desk', made.length)
  await ask(time + 1, 'Desk')
}

async function startHub(cleanup: Cleanup, lab: Lab, data: string): Promise<void> {
  const args = ['hub', '--host', '0.0.0.0', '--port', `${hubPort}`, '--json', '--data', data]
  const [program, rest] = lab.command('hub', process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args])
  const env = { ...process.env, MESHBOOK_BOOTSTRAP_TOKEN: token, MESHBOOK_TIMES_DIVISOR: `${timesDivisor}` }
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env })
  cleanup.after(() => void child.kill('SIGKILL'))
  await ready(child)
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
