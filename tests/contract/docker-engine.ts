/**
 * A container engine of its own for a test: `dockerd` with its data, its sockets and its pid file in a temporary folder,
 * no network, and nothing that another engine on the machine has. Stopped by its pid; its folder is removed.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DockerEngine } from '@meshbook/hub/compute/docker-engine.ts'
import type { Cleanup } from '../mesh-process.ts'

/** Whether one can be started here. */
export const canDocker = process.getuid?.() === 0 && spawnSync('sh', ['-c', 'command -v dockerd']).status === 0
export const noDocker = canDocker ? false : 'needs root and dockerd'

const readyMs = 60_000

export class TestEngine {
  readonly folder: string
  readonly api: DockerEngine
  #process: ChildProcess | undefined

  private constructor(folder: string) {
    this.folder = folder
    this.api = new DockerEngine(this.socket)
  }

  static async start(t: Cleanup): Promise<TestEngine> {
    const engine = new TestEngine(await mkdtemp(join(tmpdir(), 'mbd-')))
    t.after(() => engine.remove())
    await engine.begin()
    return engine
  }

  get socket(): string {
    return join(this.folder, 'docker.sock')
  }

  async begin(): Promise<void> {
    const at = (name: string): string => join(this.folder, name)
    const places = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')]
    const network = ['--bridge', 'none', '--iptables=false', '--ip-masq=false', '--ip-forward=false']
    await rm(at('pid'), { force: true })
    const args = [...places, ...network, '--host', `unix://${this.socket}`, '--log-level', 'error']
    this.#process = spawn('dockerd', args, { stdio: 'ignore' })
    const deadline = performance.now() + readyMs
    while (performance.now() < deadline) {
      const isUp = await this.api.ask('GET', '/version', { timeoutMs: 1_000 }).then(
        () => true,
        () => false,
      )
      if (isUp) return
      if (this.#process.exitCode !== null) throw new Error(`dockerd ended with ${this.#process.exitCode}`)
      await sleep(100)
    }
    throw new Error('dockerd does not answer')
  }

  /** What a container wrote so far, with the frames of the log in it. */
  async written(container: string): Promise<string> {
    const path = `/containers/${container}/logs?stdout=1&stderr=1`
    return (await this.api.ask('GET', path)).body.toString('utf8')
  }

  /** As a machine that is switched off: what it ran ends too. */
  async end(): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await gone
    clearTimeout(timer)
  }

  async remove(): Promise<void> {
    await this.end()
    const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map(line => line.split(' ')[1] ?? '')
    for (const path of mounts.filter(mounted => mounted.startsWith(`${this.folder}/`)).reverse())
      execFileSync('umount', ['-l', path])
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}
