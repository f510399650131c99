/** Mounts of overlayfs, where this process may make them (GT41). */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const mountMs = 10_000

export interface OverlayFolders {
  /** Never written. */
  lower: string
  /** What is written. */
  upper: string
  work: string
  /** Where both are seen as one. */
  at: string
}

/** Tried once: rights, the kernel and the file system below decide, and none of them tells. */
export async function canOverlay(folder: string): Promise<boolean> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0 || /[,:\\]/.test(folder)) return false
  const trial = await mkdtemp(join(folder, 'trial-'))
  const folders = { lower: join(trial, 'l'), upper: join(trial, 'u'), work: join(trial, 'w'), at: join(trial, 'at') }
  try {
    for (const path of Object.values(folders)) await mkdir(path)
    await mountOverlay(folders)
    await unmount(folders.at)
    return true
  } catch {
    return false
  } finally {
    await rm(trial, { recursive: true, force: true })
  }
}

export async function mountOverlay({ lower, upper, work, at }: OverlayFolders): Promise<void> {
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},nosuid,nodev`
  await exec('mount', ['-t', 'overlay', 'meshbook', '-o', options, at], { timeout: mountMs })
}

/** What is still open within it stays until it is closed; nobody finds it any more. */
export async function unmount(at: string): Promise<void> {
  await exec('umount', [at], { timeout: mountMs }).catch(() => exec('umount', ['-l', at], { timeout: mountMs }))
}

/** Mounts at or below a folder, the deepest first. */
export async function mountsBelow(folder: string): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  const all = text
    .split('\n')
    .map(line =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
  return all.filter(at => at === folder || at.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)
}
