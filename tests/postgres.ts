/**
 * A real PostgreSQL server of a test's own: in a temporary folder, on a free loopback port, as the user `postgres` where
 * the test runs as root. Each database has an owner and a role for the hub, as docs/self-hosting.md tells to make them.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'

interface Teardown {
  after(undo: () => unknown): void
}

export interface TestDatabase {
  /** Signs in as the hub's role. */
  url: string
  /** Signs in as the owner of the tables. */
  ownerUrl: string
  superuserUrl: string
}

const programs = '/usr/lib/postgresql'
const startMs = 30_000

async function programFolder(): Promise<string> {
  const [newest] = (await readdir(programs)).sort((a, b) => Number(b) - Number(a))
  return join(programs, newest!, 'bin')
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const number = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: number('-u'), gid: number('-g') }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

export class TestPostgres {
  readonly #folder: string
  readonly #bin: string
  readonly #port: number
  readonly #password: string
  readonly #user = unprivileged()
  #child: ChildProcess | undefined
  #databases = 0

  private constructor(folder: string, bin: string, port: number, password: string) {
    this.#folder = folder
    this.#bin = bin
    this.#port = port
    this.#password = password
  }

  static async start(t: Teardown): Promise<TestPostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-postgres-'))
    const server = new TestPostgres(folder, await programFolder(), await freePort(), randomBytes(12).toString('hex'))
    t.after(async () => {
      await server.stop('SIGINT')
      await rm(folder, { recursive: true, force: true })
    })
    await server.#init()
    await server.run()
    return server
  }

  async #init(): Promise<void> {
    const { uid, gid } = this.#user
    const secret = join(this.#folder, 'password')
    await writeFile(secret, this.#password)
    if (uid !== undefined && gid !== undefined) for (const path of [this.#folder, secret]) await chown(path, uid, gid)
    const args = ['-D', join(this.#folder, 'data'), '-U', 'postgres', `--pwfile=${secret}`, '-A', 'scram-sha-256']
    execFileSync(join(this.#bin, 'initdb'), [...args, '-E', 'UTF8', '--no-sync'], {
      ...this.#user,
      cwd: this.#folder,
      stdio: 'pipe',
    })
  }

  /** Starts the server, also again after a stop, on the same port. */
  async run(): Promise<void> {
    const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: '60' }
    const child = spawn(
      join(this.#bin, 'postgres'),
      [
        ...['-D', join(this.#folder, 'data'), '-p', String(this.#port)],
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      { ...this.#user, cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let said = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)))
    this.#child = child
    const until = performance.now() + startMs
    while (!(await this.#answers())) {
      if (child.exitCode !== null || performance.now() > until) throw new Error(`PostgreSQL did not start:\n${said}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** SIGINT closes all connections and shuts down; SIGQUIT is a crash that the next start recovers from. */
  async stop(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exit = new Promise(resolve => child.once('exit', resolve))
    child.kill(signal)
    await exit
  }

  /** With the tables and their log. */
  get folder(): string {
    return this.#folder
  }

  async newDatabase(): Promise<TestDatabase> {
    const n = ++this.#databases
    const [owner, app, name] = [`owner${n}`, `hub${n}`, `mesh${n}`]
    await this.#asSuperuser('postgres', [
      `CREATE ROLE ${owner} LOGIN PASSWORD '${this.#password}'`,
      `CREATE ROLE ${app} LOGIN PASSWORD '${this.#password}'`,
      `CREATE DATABASE ${name} OWNER ${owner}`,
    ])
    return { url: this.#url(app, name), ownerUrl: this.#url(owner, name), superuserUrl: this.#url('postgres', name) }
  }

  #url(role: string, database: string): string {
    return `postgresql://${role}:${this.#password}@127.0.0.1:${this.#port}/${database}`
  }

  async #asSuperuser(database: string, statements: string[]): Promise<void> {
    await onDatabase(this.#url('postgres', database), async client => {
      for (const sql of statements) await client.query(sql)
    })
  }

  async #answers(): Promise<boolean> {
    try {
      await this.#asSuperuser('postgres', ['SELECT 1'])
      return true
    } catch {
      return false
    }
  }
}

export async function onDatabase<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await use(client)
  } finally {
    await client.end()
  }
}
