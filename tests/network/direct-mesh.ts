/** A desktop and a laptop on one bridge with direct connections on, and what is asked of them in tests of that path. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DocumentInfo, Run } from '@meshbook/core/api.ts'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { eventually } from '../mesh-process.ts'
import { addressOf, type Cleanup } from './lab.ts'
import { LabMesh } from './lab-mesh.ts'

interface LabDevice {
  id: string
  name: string
  status: string
  direct?: string[]
}

const path = 'cells.md'
/** A device counts as gone after six seconds, which is longer than the hub is out of reach in these tests. */
const timesDivisor = 10
type Cut = 'drop' | 'reject'

export class DirectMesh {
  readonly mesh: LabMesh
  readonly document: DocumentInfo
  readonly desk: string
  readonly #code: string

  private constructor(mesh: LabMesh, document: DocumentInfo, desk: string, code: string) {
    this.mesh = mesh
    this.document = document
    this.desk = desk
    this.#code = code
  }

  /** With a notebook of one cell that is on both; each line that it prints says when. */
  static async open(cleanup: Cleanup, { lan, lines }: { lan: boolean; lines: number }): Promise<DirectMesh> {
    const mesh = await LabMesh.open(cleanup, timesDivisor)
    const wish = lan ? ['--lan'] : []
    await mesh.killDesk()
    await mesh.startDesk(...wish)
    await mesh.startLaptop(...wish)
    const code = [
      'import time',
      `for i in range(${lines}):`,
      `    print(f'line {i} at {time.time() * 1000:.0f}', flush=True)`,
      '    time.sleep(0.1)',
    ].join('\n')
    await writeFile(join(mesh.folder, path), `\`\`\`python\n${code}\n\`\`\`\n`)
    const find = () =>
      mesh.phone.ask<DocumentInfo>({ do: 'document', path: `me/project/${path}` }).catch(() => undefined)
    const document = await eventually('the notebook is at the hub', find)
    await eventually('and on the laptop', () => readFile(join(mesh.laptopFolder, path), 'utf8').catch(() => undefined))
    const desk = (await devicesOf(mesh)).find(({ name }) => name === 'Desk')!.id
    const opened = new DirectMesh(mesh, document, desk, code)
    if (lan) await opened.connected()
    return opened
  }

  devices(): Promise<LabDevice[]> {
    return devicesOf(this.mesh)
  }

  /** Both say that they are connected with the other. */
  async connected(): Promise<void> {
    await eventually('both devices are connected directly', async () =>
      (await this.devices()).every(({ direct }) => direct?.length === 1),
    )
  }

  /** The phone asks for a run on the desktop. */
  async run(): Promise<string> {
    const id = newId('run', Date.now(), systemRandom)
    const cell = { by: 'index', index: 0 }
    const body = { id, document: this.document.id, cell, language: 'python', code: this.#code, on: this.desk }
    await this.mesh.phone.ask<Run>({ do: 'submit', body })
    return id
  }

  /** Resolves with the lines that stand in the laptop's file once there are so many of the run, by when each was seen. */
  async seenOnLaptop(run: string, count: number, withinMs: number): Promise<Map<string, number>> {
    const seen = new Map<string, number>()
    const deadline = performance.now() + withinMs
    while (seen.size < count) {
      if (performance.now() > deadline)
        throw new Error(`only ${seen.size} of ${count} lines came within ${withinMs} ms`)
      for (const line of linesOf(await this.onLaptop(), run)) if (!seen.has(line)) seen.set(line, Date.now())
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    return seen
  }

  onLaptop(): Promise<string> {
    return textOf(this.mesh.laptopFolder)
  }

  onDesk(): Promise<string> {
    return textOf(this.mesh.folder)
  }

  atHub(): Promise<string> {
    return this.mesh.phone.ask<string>({ do: 'content', document: this.document.id })
  }

  /** Counts, on the desktop, what comes from the laptop and goes to it, before anything else is done with it. */
  countBridge(): () => { fromLaptop: number; toLaptop: number } {
    const { lab } = this.mesh
    lab.run('desk', 'iptables', '-I', 'INPUT', '-s', addressOf.laptop)
    lab.run('desk', 'iptables', '-I', 'OUTPUT', '-d', addressOf.laptop)
    const bytes = (chain: string): number =>
      Number(lab.run('desk', 'iptables', '-nvxL', chain, '1').trim().split(/\s+/)[1])
    return () => ({ fromLaptop: bytes('INPUT'), toLaptop: bytes('OUTPUT') })
  }

  /** TCP connections of the desktop with the laptop. */
  standing(): number {
    const [a, b, c, d] = addressOf.laptop
      .split('.')
      .map(part => Number(part).toString(16).padStart(2, '0').toUpperCase())
    const rows = this.mesh.lab.run('desk', 'cat', '/proc/net/tcp').split('\n')
    return rows.filter(row => row.includes(` ${d}${c}${b}${a}:`) && row.split(/\s+/)[4] === '01').length
  }

  /** Nothing passes between the two any more; with `reject` both are told so. */
  cut(how: Cut): void {
    this.#rules('-I', how)
  }

  mend(how: Cut): void {
    this.#rules('-D', how)
  }

  #rules(act: '-I' | '-D', how: Cut): void {
    const target = how === 'drop' ? ['DROP'] : ['REJECT', '--reject-with', 'tcp-reset']
    const { lab } = this.mesh
    for (const [machine, other] of [
      ['desk', addressOf.laptop],
      ['laptop', addressOf.desk],
    ] as const) {
      // The reset seems to come from the other side, and has to be let in.
      if (how === 'drop') lab.run(machine, 'iptables', act, 'INPUT', '-p', 'tcp', '-s', other, '-j', 'DROP')
      lab.run(machine, 'iptables', act, 'OUTPUT', '-p', 'tcp', '-d', other, '-j', ...target)
    }
  }
}

/** Empty in the moment in which the file is replaced. */
function textOf(folder: string): Promise<string> {
  return readFile(join(folder, path), 'utf8').catch(() => '')
}

function devicesOf(mesh: LabMesh): Promise<LabDevice[]> {
  return mesh.phone.ask<{ items: LabDevice[] }>({ do: 'devices' }).then(({ items }) => items)
}

/** What a run has printed into a text, in order, also lines that stand there twice. */
export function linesOf(text: string, run: string): string[] {
  const [, block = ''] = text.split(`\`\`\`output:${run}\n`)
  return block
    .split('\n```')[0]!
    .split('\n')
    .filter(line => line.startsWith('line '))
}

/** How long after each line was printed it was seen. */
export function delaysOf(seen: Map<string, number>): number[] {
  return [...seen].map(([line, at]) => at - Number(line.split(' at ')[1]))
}

export function medianDelay(seen: Map<string, number>): number {
  const delays = delaysOf(seen).sort((a, b) => a - b)
  return delays[delays.length >> 1]!
}
