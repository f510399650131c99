/** Where things are on this machine. Names only; the owners of each file create it. */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export interface DataFolder {
  root: string
  /** Of the device daemon. */
  device: string
  /** Where projects without a folder of their own are put. */
  projects: string
  /** Address and token of the running daemon's control socket; only its user can read it. */
  control: string
}

export function dataFolder(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): DataFolder {
  const chosen = flag ?? env.MESHBOOK_DATA
  const root = chosen ? resolve(chosen) : join(homedir(), '.meshbook')
  return {
    root,
    device: join(root, 'device'),
    projects: chosen ? join(root, 'projects') : join(homedir(), 'Meshbook'),
    control: join(root, 'control.json'),
  }
}
