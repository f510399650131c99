/** The tool host of a task worker: files and commands of the checkout, as the user that tools are (TW10-TW12). */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { brokerSockets } from '@meshbook/core/broker.ts'
import { LocalWorkspace } from '@meshbook/engine/agent/local-workspace.ts'
import { bridgeTo } from '../worker/socket-bridge.ts'
import { author } from './checkout.ts'
import { serveWorkspace } from './tool-host.ts'

export interface ToolHostOptions {
  /** With the sockets that tools may open. */
  sockets: string
  repo: string
  home: string
  pipe: { from: Readable; to: Writable }
  newName: () => string
}

/** Where memory is short, what tools started goes first. */
const firstToGo = '1000'

export async function hostTools({ sockets, repo, home, pipe, newName }: ToolHostOptions): Promise<void> {
  await writeFile('/proc/self/oom_score_adj', firstToGo)
  for (const folder of [repo, home]) await mkdir(folder, { recursive: true })
  const git = await bridgeTo(join(sockets, brokerSockets.git))
  const packages = await bridgeTo(join(sockets, brokerSockets.packages))
  const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].map(name => [name, packages.url])
  const near = '127.0.0.1,localhost,::1'
  const env = {
    ...Object.fromEntries(proxies),
    NO_PROXY: near,
    no_proxy: near,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: home,
    USER: 'tools',
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    CI: '1',
    TMPDIR: '/tmp',
    GIT_TERMINAL_PROMPT: '0',
    ...author,
  }
  const workspace = await LocalWorkspace.at({ root: repo, env, newName })
  const gitPort = Number(new URL(git.url).port)
  await serveWorkspace(workspace, gitPort, pipe.from, pipe.to)
}
