/** A hub and devices as processes of their own, one of them over slow links, and one document to run in. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ApiClient } from '@meshbook/cli/api-client.ts'
import { control } from '@meshbook/cli/control.ts'
import { dataFolder } from '@meshbook/cli/data-folder.ts'
import { TcpProxy } from '../../tests/network/tcp-proxy.ts'

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const token = 'mb_remote-run-benchmark'

export interface Started {
  pid: number
  url: string
  device: string
}

export interface BenchMesh {
  folder: string
  hub: Started
  /** Joined to the hub directly. */
  near: Started
  /** Joined over a link with latency; so is the client. */
  far: Started
  client: ApiClient
  farClient: ApiClient
  hubUrl: string
  token: string
  document: string
  close(): Promise<void>
}

export async function startMesh(oneWayMs: number): Promise<BenchMesh> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
  const children: ChildProcess[] = []
  const start = (name: string, args: string[]): Promise<Started> => launch(children, join(folder, name), args)
  const hub = await start('hub', ['hub', '--port', '0'])
  const proxy = new TcpProxy({ host: '127.0.0.1', port: Number(new URL(hub.url).port) }, oneWayMs)
  const farUrl = `http://127.0.0.1:${await proxy.listen('127.0.0.1')}`
  const near = await start('near', ['up', '--hub', hub.url, '--name', 'Near'])
  const far = await start('far', ['up', '--hub', farUrl, '--name', 'Far'])
  const client = new ApiClient({ hub: hub.url, token })
  return {
    ...{ folder, hub, near, far, client, token },
    hubUrl: hub.url,
    farClient: new ApiClient({ hub: farUrl, token }),
    document: await attachBoth(folder, client),
    close: async () => {
      for (const child of children.reverse()) await end(child)
      await proxy.close()
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

async function attachBoth(folder: string, client: ApiClient): Promise<string> {
  for (const name of ['near', 'far']) {
    const project = join(folder, `${name}-project`)
    await mkdir(project, { recursive: true })
    if (name === 'near') await writeFile(join(project, 'bench.md'), '# Bench\n')
    await control(dataFolder(join(folder, name)).control, '/attach', { folder: project, project: 'bench' })
  }
  for (let attempt = 0; ; attempt++) {
    try {
      return (await client.documentAt('me/bench/bench.md')).id
    } catch (error) {
      if (attempt > 200) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

async function launch(children: ChildProcess[], data: string, args: string[]): Promise<Started> {
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=16', '--disable-warning=ExperimentalWarning', main, ...args, '--json', '--data', data],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, MESHBOOK_TOKEN: token, MESHBOOK_BOOTSTRAP_TOKEN: token },
    },
  )
  children.push(child)
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', code => reject(new Error(`${args[0]} ended with ${code}`)))
  })
  const said = JSON.parse(line) as Partial<Started>
  return { pid: child.pid!, url: said.url ?? '', device: said.device ?? '' }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}
