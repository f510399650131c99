/**
 * A small Internet of network namespaces (NW1–NW3): a hub, a proxy, and behind the NAT of their routers a home with a
 * desktop and a laptop, and a phone. It owns namespaces, addresses and the rules of iptables; what runs in them is not
 * its business.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export type Machine = 'hub' | 'proxy' | 'desk' | 'laptop' | 'phone'
export type Router = 'home' | 'carrier'

export const hubAddress = '198.51.100.10'
export const hubPort = 3005
const proxyAddress = '198.51.100.5'
/** Of the proxy's doors; the router of that name leads its machines there. */
export const doorOf = { home: 4001, carrier: 4002 } as const satisfies Record<Router, number>
const outside = { home: ['198.51.100.20', '198.51.100.21'], carrier: ['198.51.100.30', '198.51.100.31'] } as const
const inside = { home: '192.168.7', carrier: '10.77.0' } as const satisfies Record<Router, string>
export const addressOf = { desk: '192.168.7.10', laptop: '192.168.7.11', phone: '10.77.0.10' } as const

/** Whoever calls back when a test or a soak is over. */
export interface Cleanup {
  after(close: () => void | Promise<void>): void
}

export class Lab {
  readonly #mark: string
  readonly #wan: Record<Router, number> = { home: 0, carrier: 0 }
  #links = 0

  private constructor(mark: string) {
    this.#mark = mark
  }

  static open(cleanup: Cleanup): Lab {
    reapOrphans()
    const lab = new Lab(`mbnet-${process.pid}-${startOf(process.pid)}-${labs++}`)
    cleanup.after(() => lab.close())
    lab.#build()
    return lab
  }

  /** What `spawn` is given so that a program runs on that machine. */
  command(machine: Machine | Router, program: string, args: readonly string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', this.#name(machine), program, ...args]]
  }

  run(machine: Machine | Router, program: string, ...args: string[]): string {
    const [ip, rest] = this.command(machine, program, args)
    return execFileSync(ip, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
  }

  /** The router loses every packet that it should pass on, until it is mended (NW13). */
  dropPackets(router: Router, isDropping: boolean): void {
    this.run(router, 'iptables', isDropping ? '-I' : '-D', 'FORWARD', '-j', 'DROP')
  }

  /** The router gets another address on the Internet: what it translated before is forgotten (NW13). */
  changeAddress(router: Router): void {
    const addresses = outside[router]
    const before = addresses[this.#wan[router] % 2]!
    this.#wan[router]++
    // In this order: with the first address of a network its others go too.
    ip('-n', this.#name(router), 'addr', 'del', `${before}/24`, 'dev', 'wan')
    ip('-n', this.#name(router), 'addr', 'add', `${this.#wanOf(router)}/24`, 'dev', 'wan')
  }

  close(): void {
    removeNamespaces(name => name.startsWith(`${this.#mark}-`))
  }

  #name(machine: Machine | Router | 'internet'): string {
    return `${this.#mark}-${machine}`
  }

  #wanOf(router: Router): string {
    return outside[router][this.#wan[router] % 2]!
  }

  #build(): void {
    this.#bridge('internet')
    this.#join('hub', 'internet', 'wan', hubAddress)
    this.#join('proxy', 'internet', 'wan', proxyAddress)
    for (const router of ['home', 'carrier'] as const) this.#route(router)
    for (const machine of ['desk', 'laptop'] as const) this.#behind('home', machine)
    this.#behind('carrier', 'phone')
  }

  /** A router translates what leaves, and leads what is for the hub to its door of the proxy. */
  #route(router: Router): void {
    this.#join(router, 'internet', 'wan', this.#wanOf(router))
    this.#bridge(router, `${inside[router]}.1`)
    this.run(router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    const table = (...rule: string[]) => this.run(router, 'iptables', '-w', '5', '-t', 'nat', '-A', ...rule)
    const toHub = ['-d', hubAddress, '-p', 'tcp', '--dport', `${hubPort}`]
    table('PREROUTING', ...toHub, '-j', 'DNAT', '--to-destination', `${proxyAddress}:${doorOf[router]}`)
    table('POSTROUTING', '-o', 'wan', '-j', 'MASQUERADE')
  }

  #behind(router: Router, machine: keyof typeof addressOf): void {
    this.#join(machine, router, 'lan', addressOf[machine])
    ip('-n', this.#name(machine), 'route', 'add', 'default', 'via', `${inside[router]}.1`)
  }

  #make(machine: Machine | Router | 'internet'): string {
    const name = this.#name(machine)
    if (namespaces().includes(name)) return name
    ip('netns', 'add', name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
    return name
  }

  #bridge(machine: Router | 'internet', address?: string): void {
    const name = this.#make(machine)
    ip('-n', name, 'link', 'add', 'bridge', 'type', 'bridge')
    ip('-n', name, 'link', 'set', 'bridge', 'up')
    if (address) ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'bridge')
  }

  /** A cable from the machine's interface to the bridge of another. */
  #join(machine: Machine | Router, to: Router | 'internet', device: string, address: string): void {
    const [name, other] = [this.#make(machine), this.#name(to)]
    const port = `port${this.#links++}`
    ip('-n', name, 'link', 'add', device, 'type', 'veth', 'peer', 'name', port, 'netns', other)
    ip('-n', other, 'link', 'set', port, 'master', 'bridge', 'up')
    ip('-n', name, 'link', 'set', device, 'up')
    ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', device)
  }
}

let labs = 0

export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
}

export function namespaces(): string[] {
  return ip('netns', 'list')
    .split('\n')
    .map(line => line.split(' ', 1)[0]!)
    .filter(name => name !== '')
}

/** Labs whose maker is gone, also one whose process id was given to another since (NW3). */
export function reapOrphans(): void {
  removeNamespaces(name => {
    const [, pid, start] = /^mbnet-(\d+)-(\d+)-/.exec(name) ?? []
    return pid !== undefined && startOf(Number(pid)) !== Number(start)
  })
}

function removeNamespaces(isMeant: (name: string) => boolean): void {
  for (const name of namespaces().filter(isMeant)) {
    for (const pid of ip('netns', 'pids', name).split('\n').filter(Boolean)) endIfAlive(Number(pid))
    ip('netns', 'del', name)
  }
}

function endIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** When a process was started, in ticks since the machine was; undefined when it is gone. */
export function startOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')[19])
  } catch {
    return undefined
  }
}
