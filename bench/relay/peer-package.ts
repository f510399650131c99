/** Puts a peer's published package into a cache folder outside the workspace, once, and says where it lies. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

export interface PeerPackage {
  /** Names the folder: `<name>@<version>`. */
  name: string
  version: string
  packages: readonly string[]
}

export async function peerFolder(peer: PeerPackage): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const folder = join(cache, 'meshbook-bench', `${peer.name}@${peer.version}`)
  if (existsSync(join(folder, 'package-lock.json'))) return folder
  process.stderr.write(`installing ${peer.packages.join(' ')} into ${folder}\n`)
  const fresh = `${folder}.${process.pid}`
  try {
    await mkdir(fresh, { recursive: true })
    await writeFile(join(fresh, 'package.json'), '{"private":true}')
    install(fresh, peer.packages)
    await rm(folder, { recursive: true, force: true })
    await rename(fresh, folder)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return folder
}

/** With optional packages: the storage of y-websocket is one. */
function install(cwd: string, packages: readonly string[]): void {
  // Native parts are built for the Node that will load them.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}` }
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages]
  const { status, error } = spawnSync('npm', args, { cwd, env, stdio: ['ignore', 2, 2], timeout: 300_000 })
  if (status !== 0) throw new Error(`npm install ${packages.join(' ')} failed`, { cause: error })
}
