/**
 * Stands in for a kernel session where only its processes matter: a Python program that answers questions over TCP, is
 * copied by fork as the kernels are (KN53, KN54), and whose whole tree can be dumped.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshError } from '@meshbook/core/errors.ts'
import type { KernelSession, KernelShape, SavedKernel, SessionSpec } from '@meshbook/device/kernels/port.ts'
import { identityOf } from '@meshbook/device/kernels/process-identity.ts'

const server = `
import ctypes, json, os, socket, sys, threading, time, traceback
place = json.loads(sys.argv[1])
names = {}
def listen():
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((place['address'], place['port'])); s.listen(); return s
s = listen()
while True:
    c, _ = s.accept()
    f = c.makefile('rw')
    try: order = json.loads(f.readline())
    except (OSError, ValueError): c.close(); continue
    if 'fork' in order:
        watches = order['fork']; os.makedirs(watches, 0o700)
        r, w = os.pipe()
        begun = time.monotonic(); first = os.fork()
        if first == 0:
            second = os.fork()
            if second: os.write(w, str(second).encode()); os._exit(0)
            os.setsid(); os.close(r); os.close(w); f.close(); c.close(); s.close()
            while not os.path.exists(watches + '/resume.json'): time.sleep(0.01)
            place = json.load(open(watches + '/resume.json')); os.remove(watches + '/resume.json'); os.rmdir(watches)
            s = listen(); continue
        pause = (time.monotonic() - begun) * 1000
        os.close(w); pid = int(os.read(r, 20)); os.close(r); os.waitpid(first, 0)
        answer = dict(pid=pid, pauseMs=pause)
    else:
        try:
            if 'run' in order: exec(order['run'], names); answer = dict(ok=True)
            else:
                exec('value_ = ' + order['value'], names)
                answer = dict(value=names.pop('value_'))
        except Exception: answer = dict(error=traceback.format_exc())
    try: f.write(json.dumps(answer) + '\\n'); f.close(); c.close()
    except OSError: pass
`

export interface Place {
  address: string
  port: number
}

/** Asks a program at its address, as it answers one connection after the other. */
export async function ask(place: Place, order: object): Promise<Record<string, unknown>> {
  const socket = connect(place.port, place.address)
  await once(socket, 'connect')
  socket.write(`${JSON.stringify(order)}\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  const answer = JSON.parse(text) as Record<string, unknown>
  if (typeof answer.error === 'string') throw new Error(answer.error)
  return answer
}

export const runIn = (place: Place, code: string) => ask(place, { run: code })
export const valueIn = async (place: Place, code: string) => (await ask(place, { value: code })).value

export interface PlainOptions {
  folder: string
  spec: SessionSpec
  place: Place
  /** It can be copied; else its whole tree is dumped. */
  forks: boolean
  threads?: number
  children?: number
  /** Instead of the Python program. */
  command?: string[]
}

export async function startPlain(options: PlainOptions): Promise<PlainSession> {
  const { folder, place } = options
  await mkdir(folder, { recursive: true })
  const program = join(folder, 'server.py')
  await writeFile(program, server)
  const [name, ...args] = options.command ?? ['python3', program, JSON.stringify(place)]
  const child = spawn(name!, args, { cwd: folder, detached: true, stdio: 'ignore' })
  await once(child, 'spawn')
  await listens(place)
  return new PlainSession(options, child.pid!, child)
}

/** Of a restored kernel. */
export function adoptPlain(options: Omit<PlainOptions, 'place'>, saved: SavedKernel): PlainSession {
  if (saved.kind !== 'image') throw new Error('it is no image')
  return new PlainSession({ ...options, place: saved }, saved.pid, undefined)
}

export async function listens(place: Place): Promise<void> {
  for (let left = 500; ; left--) {
    const socket = connect(place.port, place.address)
    const there = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (there) return
    if (left === 0) throw new Error('it does not listen')
    await sleep(10)
  }
}

export class PlainSession {
  readonly options: PlainOptions
  readonly pid: number
  readonly #child: ChildProcess | undefined
  readonly #watched: string[] = []
  held = 0

  constructor(options: PlainOptions, pid: number, child: ChildProcess | undefined) {
    this.options = options
    this.pid = pid
    this.#child = child
  }

  get place(): Place {
    return this.options.place
  }

  async end(): Promise<void> {
    for (const folder of this.#watched) await rm(folder, { recursive: true, force: true })
    try {
      process.kill(this.pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    while ((await identityOf(this.pid)) !== undefined) await sleep(5)
  }

  /** As much of the port as saving needs. */
  get session(): KernelSession {
    const { spec, forks, threads = 0, children = 0, folder } = this.options
    const refused = () => Promise.reject(new MeshError('INTERNAL', { detail: 'not asked for in these tests' }))
    const shape = async (): Promise<KernelShape> => ({
      pid: this.pid,
      ownNamespace: false,
      forks,
      saves: false,
      threads,
      children,
      ...this.place,
      token: 'token',
      scratch: '',
      version: '3',
      lastRun: null,
      running: null,
    })
    return {
      spec,
      kernelName: 'Python 3',
      shape,
      fork: async () => {
        const watches = `/dev/shm/meshbook-${Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex')}`
        this.#watched.push(watches)
        const { pid, pauseMs } = (await ask(this.place, { fork: watches })) as { pid: number; pauseMs: number }
        const here = await numberHere(pid, this.pid)
        const identity = (await identityOf(here)) ?? 'ended'
        return { pid: here, identity, pauseMs, lastRun: null, threads: 0, children: 0, variables: [], more: 0, watches }
      },
      hold: async () => {
        this.held++
        return {
          release: async () => {
            this.held--
          },
        }
      },
      save: refused,
      execute: refused,
      events: () => {
        throw new Error(`${folder} has no events`)
      },
      input: refused,
      cancel: refused,
      complete: refused,
      inspect: refused,
      variables: refused,
      restart: refused,
      shutdown: refused,
      forget: refused,
      asset: refused,
    }
  }
}

/** A number of a pid namespace, as this one has it. */
async function numberHere(pid: number, near: number): Promise<number> {
  const space = await readlink(`/proc/${near}/ns/pid`)
  if (space === (await readlink('/proc/self/ns/pid'))) return pid
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || (await readlink(`/proc/${name}/ns/pid`).catch(() => '')) !== space) continue
    const status = await readFile(`/proc/${name}/status`, 'latin1').catch(() => '')
    if (Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1]) === pid) return Number(name)
  }
  throw new Error(`there is no process ${pid}`)
}
