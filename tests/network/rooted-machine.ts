/**
 * A machine of a lab with a disk, a root, processes and a network of its own: what runs on it sees nothing of another
 * machine but what comes over the cable. It can be switched off as by its plug, and on again with the same disk.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Cleanup, Lab, Machine } from './lab.ts'
import { ready } from './lab-mesh.ts'
import { secondRoot } from './second-root.ts'

const checkout = join(import.meta.dirname, '../..')
/** Where each has Meshbook: not at the same place. */
const installed = { this: '/usr/local/lib/meshbook', second: '/opt/meshbook' } as const
/** Of the packages, what only tests and builds use. */
const notNeeded = [
  '@biomejs',
  '@typescript',
  '@rolldown',
  '@babel',
  'playwright-core',
  'axe-core',
  'typescript',
  'vite',
]

/** Of what its service prints. */
const linesKept = 300

/** The first process: mounts what a system has, leaves this machine's tree for good, and reaps. */
const boot = `set -e
R=$1; shift
mount -t proc proc $R/proc
mount -t tmpfs -o mode=755 tmpfs $R/dev
for n in null zero full random urandom tty; do : > $R/dev/$n; mount --bind /dev/$n $R/dev/$n; done
mkdir $R/dev/shm $R/dev/pts
mount -t tmpfs -o mode=1777 tmpfs $R/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts $R/dev/pts
ln -s pts/ptmx $R/dev/ptmx; ln -s /proc/self/fd $R/dev/fd
mount -t tmpfs -o mode=1777 tmpfs $R/tmp
mount --rbind /sys $R/sys
cd $R; mkdir -p mnt; pivot_root . mnt; umount -l /mnt
mkdir -p /home/me; cd /home/me
"$@" &
while :; do wait; sleep 1; done`

export interface MachineSettings {
  /** `this`: this machine's own system, written to on its own disk alone. `second`: another, with other libraries. */
  system: 'this' | 'second'
  env: Record<string, string>
}

export class RootedMachine {
  readonly #lab: Lab
  readonly #machine: Machine
  readonly #settings: MachineSettings
  readonly #place: string
  #init: ChildProcess | undefined
  readonly #said: string[] = []

  private constructor(lab: Lab, machine: Machine, settings: MachineSettings, place: string) {
    this.#lab = lab
    this.#machine = machine
    this.#settings = settings
    this.#place = place
  }

  static async make(cleanup: Cleanup, lab: Lab, machine: Machine, settings: MachineSettings): Promise<RootedMachine> {
    const place = await mkdtemp(join(tmpdir(), `meshbook-machine-${machine}-`))
    const made = new RootedMachine(lab, machine, settings, place)
    cleanup.after(async () => {
      await made.powerOff()
      await rm(place, { recursive: true, force: true })
    })
    await made.#makeDisk()
    return made
  }

  /** Of the command line, on this machine. */
  get main(): readonly string[] {
    const at = installed[this.#settings.system]
    const node = join(at, 'node_modules/.bin/node')
    return [node, '--disable-warning=ExperimentalWarning', join(at, 'packages/cli/src/main.ts')]
  }

  /** A file or folder of the disk, from outside, while the machine is on or off. */
  async write(path: string, text: string): Promise<void> {
    const isOff = this.#init === undefined
    if (isOff) this.#mountDisk()
    const file = join(this.#root, path)
    await mkdir(join(file, '..'), { recursive: true })
    await writeFile(file, text)
    if (isOff) this.#unmountDisk()
  }

  async copyIn(from: string, path: string): Promise<void> {
    const isOff = this.#init === undefined
    if (isOff) this.#mountDisk()
    await cp(from, join(this.#root, path), { recursive: true, verbatimSymlinks: true })
    if (isOff) this.#unmountDisk()
  }

  /** Runs a command of Meshbook that prints a ready line, as the system's only service. */
  async powerOn(args: readonly string[]): Promise<void> {
    this.#mountDisk()
    const own = ['env', '-i', ...Object.entries(this.#env).map(([name, value]) => `${name}=${value}`)]
    const inside = ['unshare', '-m', '-p', '-f', '--propagation', 'private', 'sh', '-c', boot, 'boot', this.#root]
    const [program, rest] = this.#lab.command(this.#machine, inside[0]!, [
      ...inside.slice(1),
      ...own,
      ...this.main,
      ...args,
    ])
    this.#init = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#init.stdout, this.#init.stderr])
      if (stream) createInterface(stream).on('line', line => this.#hear(line))
    await ready(this.#init)
  }

  /** What its only service printed last, also before the plug was pulled. */
  get said(): readonly string[] {
    return this.#said
  }

  #hear(line: string): void {
    this.#said.push(line)
    if (this.#said.length > linesKept) this.#said.shift()
  }

  /** A command on the running machine. */
  run(...args: string[]): string {
    const pid = this.#firstPid()
    const env = Object.entries(this.#env).map(([name, value]) => `${name}=${value}`)
    return execFileSync('nsenter', ['-t', `${pid}`, '-a', '-r', '-w', 'env', '-i', ...env, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })
  }

  /** Programs and libraries that are not as they were when `file` was written. */
  changedSystem(file: string): string[] {
    const own = [`${installed[this.#settings.system]}/*`, '*.pyc'].flatMap(path => ['!', '-path', path])
    const found = this.run('find', '/usr', '-xdev', '-type', 'f', '-cnewer', file, ...own)
    return found.split('\n').filter(path => path !== '')
  }

  /** The plug is pulled: every process is killed at once, and the disk is taken out. */
  async powerOff(): Promise<void> {
    const init = this.#init
    this.#init = undefined
    if (init && init.exitCode === null && init.signalCode === null) {
      const gone = once(init, 'exit')
      process.kill(this.#firstPidOf(init), 'SIGKILL')
      await gone
    }
    this.#unmountDisk()
  }

  /** Nothing of its disk can be reached from anywhere. */
  get isOff(): boolean {
    return this.#init === undefined && !readFileSync('/proc/mounts', 'utf8').includes(this.#place)
  }

  get #root(): string {
    return this.#settings.system === 'this' ? join(this.#place, 'root') : join(this.#place, 'disk')
  }

  get #env(): Record<string, string> {
    return { HOME: '/home/me', PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LANG: 'C.UTF-8', ...this.#settings.env }
  }

  #firstPid(): number {
    if (!this.#init) throw new Error(`${this.#machine} is off`)
    return this.#firstPidOf(this.#init)
  }

  /** `unshare -f` waits for the one that is first in the new namespace. */
  #firstPidOf(init: ChildProcess): number {
    const children = readFileSync(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8').trim()
    return children === '' ? init.pid! : Number(children.split(' ')[0])
  }

  async #makeDisk(): Promise<void> {
    const image = join(this.#place, 'disk.img')
    execFileSync('truncate', ['-s', '24G', image])
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=1', image])
    const names = ['disk', 'root']
    for (const name of names) await mkdir(join(this.#place, name))
    execFileSync('mount', ['-o', 'loop', image, join(this.#place, 'disk')])
    if (this.#settings.system === 'this') for (const name of ['upper', 'work']) await mkdir(join(this.#disk, name))
    else execFileSync('cp', ['-a', `${await secondRoot()}/.`, this.#disk])
    await this.#install(this.#settings.system === 'this' ? join(this.#disk, 'upper') : this.#disk)
    this.#unmountDisk()
  }

  get #disk(): string {
    return join(this.#place, 'disk')
  }

  async #install(root: string): Promise<void> {
    const to = join(root, installed[this.#settings.system])
    await mkdir(to, { recursive: true })
    const excluded = notNeeded.map(name => `--exclude=node_modules/${name}`)
    const pack = ['tar', '-C', checkout, ...excluded, '-cf', '-', 'package.json', 'packages', 'kernels', 'node_modules']
    execFileSync('sh', ['-c', '"$@" | tar -C "$0" -xf -', to, ...pack])
  }

  #mountDisk(): void {
    execFileSync('mount', ['-o', 'loop', join(this.#place, 'disk.img'), this.#disk])
    if (this.#settings.system === 'second') return
    const [upper, work] = [join(this.#disk, 'upper'), join(this.#disk, 'work')]
    execFileSync('mount', [
      '-t',
      'overlay',
      'overlay',
      '-o',
      `lowerdir=/,upperdir=${upper},workdir=${work}`,
      this.#root,
    ])
  }

  #unmountDisk(): void {
    const mounted = () =>
      readFileSync('/proc/mounts', 'utf8')
        .split('\n')
        .map(line => line.split(' ')[1] ?? '')
        .filter(path => path.startsWith(`${this.#place}/`))
    for (const path of mounted().toReversed()) execFileSync('umount', [path])
  }
}
