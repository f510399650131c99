/** The shipped programs in a lab: a hub, a desktop that is a device of it, a phone, and the proxy between them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { JsonChild } from './json-child.ts'
import { type Cleanup, hubAddress, hubPort, Lab, type Machine } from './lab.ts'

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const script = (name: string): string => join(import.meta.dirname, name)
const token = 'mb_network-lab-token'
const hubUrl = `https://${hubAddress}:${hubPort}`
const startMs = 30_000

export interface LabAuthority {
  /** The certificate of the authority, in PEM. */
  file: string
  fingerprint: string
  page: string
  left: string[]
}

/** What is done on a hub's machine before others can reach it: nobody from elsewhere is answered in the open (TL10). */
export function makeAuthority(lab: Lab, data: string, publicUrl?: string): LabAuthority {
  const node = ['--disable-warning=ExperimentalWarning', main]
  const env = publicUrl === undefined ? [] : [`MESHBOOK_PUBLIC_URL=${publicUrl}`]
  const asked = ['tls', '--json', '--data', data, '--port', `${hubPort}`]
  return JSON.parse(lab.run('hub', 'env', ...env, process.execPath, ...node, ...asked)) as LabAuthority
}

export class LabMesh {
  readonly lab: Lab
  readonly proxy: JsonChild
  readonly phone: JsonChild
  /** The folder of the project on the desktop. */
  readonly folder: string
  /** The same on the laptop, where it is started too. */
  readonly laptopFolder: string
  readonly #data: string
  readonly #trust: { NODE_EXTRA_CA_CERTS: string }
  readonly #programs = new Map<Machine, ChildProcess>()

  readonly #timesDivisor: number

  private constructor(
    lab: Lab,
    data: string,
    trust: { NODE_EXTRA_CA_CERTS: string },
    proxy: JsonChild,
    phone: JsonChild,
    timesDivisor: number,
  ) {
    this.#trust = trust
    this.#timesDivisor = timesDivisor
    this.lab = lab
    this.#data = data
    this.folder = join(data, 'project')
    this.laptopFolder = join(data, 'laptop-project')
    this.proxy = proxy
    this.phone = phone
  }

  /** The times after which a device counts as gone are divided. */
  static async open(cleanup: Cleanup, timesDivisor = 30): Promise<LabMesh> {
    const data = await mkdtemp(join(tmpdir(), 'meshbook-lab-'))
    // The lab is closed first, and with it every process.
    const lab = Lab.open(cleanup)
    cleanup.after(() => rm(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
    const proxy = new JsonChild(cleanup, lab, 'proxy', script('proxy-main.ts'))
    const trust = { NODE_EXTRA_CA_CERTS: makeAuthority(lab, join(data, 'hub')).file }
    const phone = new JsonChild(cleanup, lab, 'phone', script('phone-main.ts'), [hubUrl, token], trust)
    const mesh = new LabMesh(lab, data, trust, proxy, phone, timesDivisor)
    cleanup.after(() => mesh.#stop())
    await proxy.ask({ do: 'listen' })
    await mesh.#start('hub', ['hub', '--host', '0.0.0.0', '--port', `${hubPort}`])
    await mkdir(mesh.folder, { recursive: true })
    await mesh.startDesk()
    mesh.#attach('desk', mesh.folder)
    return mesh
  }

  #attach(machine: Machine, folder: string): void {
    const options = ['--project', 'project', '--data', join(this.#data, machine)]
    const node = ['--disable-warning=ExperimentalWarning', main]
    this.lab.run(machine, process.execPath, ...node, 'attach', folder, ...options)
  }

  async startDesk(...args: string[]): Promise<void> {
    await this.#start('desk', ['up', '--hub', hubUrl, '--name', 'Desk', ...args])
  }

  /** The laptop of the same home is a device too, with the same project. */
  async startLaptop(...args: string[]): Promise<void> {
    await mkdir(this.laptopFolder, { recursive: true })
    await this.#start('laptop', ['up', '--hub', hubUrl, '--name', 'Laptop', ...args])
    this.#attach('laptop', this.laptopFolder)
  }

  /** kill -9 of the daemon; kernel hosts and kernels live on. */
  async killDesk(): Promise<void> {
    const child = this.#programs.get('desk')!
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  async #start(machine: Machine, args: readonly string[]): Promise<void> {
    const node = ['--disable-warning=ExperimentalWarning', main, ...args]
    const options = ['--json', '--data', join(this.#data, machine)]
    const [command, rest] = this.lab.command(machine, process.execPath, [...node, ...options])
    const env = {
      ...process.env,
      ...this.#trust,
      MESHBOOK_TOKEN: token,
      MESHBOOK_BOOTSTRAP_TOKEN: token,
      MESHBOOK_TIMES_DIVISOR: `${this.#timesDivisor}`,
    }
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env })
    this.#programs.set(machine, child)
    await ready(child)
  }

  #stop(): void {
    for (const child of this.#programs.values()) child.kill('SIGKILL')
  }
}

export function ready(child: ChildProcess): Promise<{ url: string; link: string }> {
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-20_000)))
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready after ${startMs} ms: ${errors}`)), startMs)
    createInterface({ input: child.stdout! }).once('line', line => {
      clearTimeout(timer)
      const told = JSON.parse(line) as { ready?: boolean; url: string; link: string }
      if (told.ready) resolve(told)
      else reject(new Error(line))
    })
    child.once('exit', code => reject(new Error(`it ended with ${code}: ${errors}`)))
  })
}
