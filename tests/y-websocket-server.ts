/** The stock server of y-websocket 2 as a process of its own, which can be killed and started again on its port. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { peerFolder } from '../bench/relay/peer-package.ts'

export class YWebsocketServer {
  readonly port: number
  readonly #script: string
  #child: ChildProcess | undefined

  private constructor(script: string, port: number) {
    this.#script = script
    this.port = port
  }

  /** Without a test, whoever starts it stops it. */
  static async start(t?: TestContext): Promise<YWebsocketServer> {
    const peer = { name: 'y-websocket', version: '2.1.0', packages: ['y-websocket@2.1.0'] }
    const script = join(await peerFolder(peer), 'node_modules/y-websocket/bin/server.cjs')
    const server = new YWebsocketServer(script, await freePort())
    t?.after(() => server.kill())
    await server.listen()
    return server
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  async listen(): Promise<void> {
    const env = { ...process.env, HOST: '127.0.0.1', PORT: `${this.port}` }
    const child = spawn(process.execPath, [this.#script], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    this.#child = child
    await once(createInterface({ input: child.stdout }), 'line', { signal: AbortSignal.timeout(20_000) })
  }

  /** At once; it keeps nothing. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

/** For a server that cannot say which port it was given. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
