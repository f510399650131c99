/** Somebody types: how long after a key is pressed at one client the other shows it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { BenchMesh } from './mesh.ts'

export interface Typists {
  /** Milliseconds of each key, pressed every 20 ms until `until` is over. */
  type(until: Promise<unknown>): Promise<number[]>
  stop(): void
}

export async function startTypists({ hubUrl, token, document }: BenchMesh): Promise<Typists> {
  const child = fork(join(import.meta.dirname, 'typing.ts'), [hubUrl, token, document], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  await told(child)
  return {
    async type(until) {
      child.send('type')
      await until
      child.send('stop')
      return (await told(child)) as number[]
    },
    stop: () => child.disconnect(),
  }
}

async function told(child: ChildProcess): Promise<unknown> {
  return (await once(child, 'message', { signal: AbortSignal.timeout(60_000) }))[0]
}
