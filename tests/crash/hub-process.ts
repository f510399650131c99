/** A hub as a process of its own that a test kills and starts again over the same folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Limits } from '@meshbook/core/limits.ts'

const program = join(import.meta.dirname, '../../packages/hub/src/testing/hub-process.ts')
/** As the launcher of the command line has them. */
const flags = ['--max-semi-space-size=16', '--disable-warning=ExperimentalWarning']
const startMs = 60_000

export interface HubAddress {
  url: string
  token: string
  project: string
}

export class HubProcess {
  readonly child: ChildProcess
  readonly exited: Promise<unknown>
  errors = ''

  constructor(
    data: string,
    env: NodeJS.ProcessEnv = {},
    nodeArgs: readonly string[] = [],
    limits: Partial<Limits> = {},
  ) {
    this.child = spawn(process.execPath, [...flags, ...nodeArgs, program, data, '0', JSON.stringify(limits)], {
      // The hub ends when its stdin does, so that it never outlives the test.
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(data, '../compiled'), ...env },
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    this.exited = once(this.child, 'exit')
  }

  get pid(): number {
    return this.child.pid!
  }

  /** Where it listens; rejects when it ends before it does. */
  async ready(): Promise<HubAddress> {
    const late = setTimeout(() => this.child.kill('SIGKILL'), startMs)
    const lines = createInterface({ input: this.child.stdout! })
    try {
      for await (const line of lines) {
        const told = JSON.parse(line) as HubAddress & { failed?: string; message?: string }
        if (told.failed) throw new Error(`the hub did not start: ${told.failed} ${told.message}\n${this.errors}`)
        return told
      }
    } finally {
      clearTimeout(late)
      this.child.stdout!.resume()
    }
    throw new Error(`the hub ended before it listened\n${this.errors}`)
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    this.child.kill('SIGKILL')
    await this.exited
  }
}
