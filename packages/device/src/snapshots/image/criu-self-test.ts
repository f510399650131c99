/** Whether a CRIU can do here what is asked of it: a small process is dumped, restored as a session would be, and ended. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asMeshError } from '@meshbook/core/errors.ts'
import { treeOf } from './criu-images.ts'
import { type Criu, cleanEnvironment } from './criu-run.ts'
import { openedNames } from './decode-image.ts'
import { dump } from './dump.ts'
import { dumpTarget } from './dump-target.ts'
import { restore } from './restore.ts'

const sleepSeconds = '600'

/** Undefined if it can; else why not. */
export async function selfTest(criu: Criu, signal: AbortSignal): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-criu-'))
  const child = spawn('sleep', [sleepSeconds], { detached: true, stdio: 'ignore', cwd: '/', env: cleanEnvironment })
  const ended = once(child, 'exit')
  try {
    await once(child, 'spawn')
    const target = await dumpTarget(child.pid!)
    if (!target) return 'a process that was to be dumped ended'
    const { images } = await dump({ criu, target, leaveRunning: false, scratch: '', folder })
    await ended
    return await restoredAgain(criu, folder, images, signal)
  } catch (error) {
    return asMeshError(error).detail ?? (error as Error).message
  } finally {
    child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

async function restoredAgain(
  criu: Criu,
  folder: string,
  images: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const tree = treeOf(await readFile(join(images, 'pstree.img')))
  const plan = { ...emptyPlan, rootPid: tree[0]!.pid, mostPid: tree[0]!.pid }
  await mkdir(join(folder, 'store'))
  if (images !== join(folder, openedNames.images)) return 'its images are not where they should be'
  const restored = await restore({
    criu,
    folder,
    plan,
    files: { closure: [], open: [], fifos: [] },
    closureStore: join(folder, 'store'),
    projectFolder: '/',
    scratch: '',
    before: () => Promise.resolve(),
    signal,
  })
  const children = await readFile(`/proc/${restored.pid}/task/${restored.pid}/children`, 'latin1')
  const words = await readFile(`/proc/${children.trim().split(/\s+/)[0]}/cmdline`, 'utf8').catch(() => '')
  await restored.undo()
  return words.includes(sleepSeconds) ? undefined : 'what was restored is not what was dumped'
}

const emptyPlan = {
  format: 'meshbook-image-1' as const,
  chain: { keys: [], base: [], baseBytes: 0, deltas: [], others: [] },
  pages: [],
  large: [],
  files: [],
  watches: null,
  ownNamespace: false,
  kernel: { name: '', address: '127.0.0.1', port: 0, token: '', scratch: '' },
  projectPaths: ['/'],
  folders: [],
}
