/** What a restore has made on the disk of this machine, so that one that fails takes it away again. */
import { randomUUID } from 'node:crypto'
import { access, chmod, copyFile, mkdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

interface Made {
  /** Restores that need it; one that kept it needs it for ever. */
  holders: number
  /** False: somebody else had made it. */
  made: Promise<boolean>
}

/** Several sessions are restored beside each other, and what one of them has made another may need (SN26). */
const madeHere = new Map<string, Made>()

export class MadePaths {
  /** What takes each away, the last first. */
  readonly #undo: (() => Promise<unknown>)[] = []
  readonly #held = new Map<string, Made>()
  readonly #work: string

  /** A folder of this restore, for what was there before. */
  constructor(work: string) {
    this.#work = work
  }

  /** With those above it. */
  async folder(path: string, mode: number): Promise<void> {
    if (!madeHere.has(path) && (await exists(path)) && !madeHere.has(path)) return
    await this.folder(dirname(path), mode)
    await this.#hold(
      path,
      () => makeFolder(path, mode),
      () => rmdir(path),
    )
  }

  async file(path: string, make: () => Promise<unknown>): Promise<void> {
    const made = () => make().then(() => true)
    await this.#hold(path, made, () => rm(path, { recursive: true, force: true }))
  }

  /** What others need as well is made once, and goes with the last of them. */
  async #hold(path: string, make: () => Promise<boolean>, remove: () => Promise<unknown>): Promise<void> {
    const held = madeHere.get(path) ?? { holders: 0, made: make() }
    madeHere.set(path, held)
    held.holders++
    this.#held.set(path, held)
    this.#undo.push(async () => {
      held.holders--
      if (held.holders > 0) return
      madeHere.delete(path)
      if (await held.made.catch(() => true)) await remove()
    })
    await held.made
  }

  /** Puts a file where another may be: that one is kept beside it under the name `aside`, if it is to be kept. */
  async putBack(path: string, from: string, mode: number, aside: string | undefined): Promise<void> {
    await this.folder(dirname(path), 0o700)
    if (await exists(path)) {
      const before = join(this.#work, randomUUID())
      await copyFile(path, before)
      const { mode: modeBefore } = await stat(path)
      // Before it is replaced: whatever ends here then, nothing of the user's is lost.
      if (aside !== undefined) await this.#copyTo(join(dirname(path), aside), before, modeBefore)
      this.#undo.push(() => replace(path, before, modeBefore))
    } else this.#undo.push(() => rm(path, { force: true }))
    await replace(path, from, mode)
  }

  async #copyTo(wanted: string, from: string, mode: number): Promise<void> {
    const path = await freeName(wanted)
    this.#undo.push(() => rm(path, { force: true }))
    await replace(path, from, mode)
  }

  /** It all stays. */
  keep(): void {
    this.#undo.length = 0
    for (const [path, held] of this.#held) {
      held.holders = Number.POSITIVE_INFINITY
      if (madeHere.get(path) === held) madeHere.delete(path)
    }
  }

  async undo(): Promise<void> {
    for (const step of this.#undo.splice(0).reverse()) await step().catch(ignoreUsed)
  }
}

/** Whoever has the file of that name open or mapped keeps what they have. */
export async function replace(path: string, from: string, mode: number): Promise<void> {
  const aside = join(dirname(path), `.meshbook-${randomUUID()}.tmp`)
  try {
    await copyFile(from, aside)
    await chmod(aside, mode & 0o7777)
    await rename(aside, path)
  } finally {
    await rm(aside, { force: true })
  }
}

/** A folder that somebody has put something into meanwhile stays. */
function ignoreUsed(error: NodeJS.ErrnoException): void {
  if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY'].includes(error.code ?? '')) throw error
}

async function freeName(path: string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? path : `${path}-${number}`
    if (!(await exists(name))) return name
  }
}

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

async function makeFolder(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode })
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw thrown
  }
}
