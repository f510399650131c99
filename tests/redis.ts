/** A real Redis server of a test's own, on a free loopback port, without a file. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pingRedis } from '@meshbook/hub/documents/redis-neighbours.ts'
import { freePort } from './postgres.ts'

interface Teardown {
  after(undo: () => unknown): void
}

export class TestRedis {
  readonly url: string
  readonly #port: number
  readonly #folder: string
  #child: ChildProcess | undefined

  private constructor(port: number, folder: string) {
    this.#port = port
    this.#folder = folder
    this.url = `redis://127.0.0.1:${port}`
  }

  static async start(t: Teardown): Promise<TestRedis> {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-redis-'))
    const server = new TestRedis(await freePort(), folder)
    t.after(async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    })
    await server.run()
    return server
  }

  /** Starts the server, also again after a stop, on the same port. */
  async run(): Promise<void> {
    const args = ['--port', String(this.#port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#folder]
    const child = spawn('redis-server', args, { stdio: 'ignore' })
    this.#child = child
    const until = performance.now() + 20_000
    while (!(await this.#answers())) {
      if (child.exitCode !== null || performance.now() > until) throw new Error('Redis did not start')
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exit = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exit
  }

  async #answers(): Promise<boolean> {
    try {
      await pingRedis(this.url)
      return true
    } catch {
      return false
    }
  }
}
