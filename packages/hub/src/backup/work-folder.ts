/**
 * Where backups and restores of a data folder do their work, and the one step by which restored data takes the place of
 * the old. The work folder is inside the data folder: on the same disk, and as private. What is in it is never needed
 * again, except while the note of a swap stands beside it: from then on the swap only goes forward, whoever finishes it.
 */
import { access, mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '@meshbook/core/errors.ts'
import { lockFile } from '@meshbook/relay/sql/sqlite-connection.ts'
import { storageErrorOf } from '@meshbook/relay/sql/sqlite-error.ts'
import * as v from 'valibot'
import { storageError } from '../store/storage-error.ts'
import { syncFolder, writeWhole } from './whole-file.ts'

const workName = 'backup-work'
const noteName = 'restore-pending.json'
const noteSchema = v.object({ keep: v.pipe(v.string(), v.regex(/^before-restore-[0-9TZ-]+$/)) })

/** The hub's own, in the order in which they change places: a log goes away before the file that it belongs to. */
const logs = ['hub.db-wal', 'hub.db-shm']
const swapped = ['hub.db', 'assets', 'backup-recipient.txt']

/** Where a restore makes the new data inside the work folder. */
export function newDataIn(work: string): string {
  return join(work, 'new')
}

/** One backup or restore of a data folder at a time; whatever an earlier one left behind is finished or removed first. */
export async function withWorkFolder<T>(dataFolder: string, use: (work: string) => Promise<T>): Promise<T> {
  await orStorage(mkdir(dataFolder, { recursive: true, mode: 0o700 }))
  const work = join(dataFolder, workName)
  const unlock = lockWork(dataFolder)
  try {
    if (await readNote(dataFolder)) await finishSwap(dataFolder)
    await rm(work, { recursive: true, force: true })
    await orStorage(mkdir(work, { mode: 0o700 }))
    return await use(work)
  } finally {
    if (!(await exists(join(dataFolder, noteName)))) await rm(work, { recursive: true, force: true })
    unlock()
  }
}

function lockWork(dataFolder: string): () => void {
  try {
    return lockFile(join(dataFolder, workName))
  } catch (thrown) {
    if (!(thrown instanceof MeshError)) throw cannotLock(dataFolder, thrown)
    throw new MeshError(thrown.code, { detail: `a backup or restore of ${dataFolder} is running`, cause: thrown })
  }
}

function cannotLock(dataFolder: string, thrown: unknown): MeshError {
  const known = storageErrorOf(thrown, dataFolder)
  return known?.code === 'DISK_FULL' ? known : new MeshError('READ_ONLY_FOLDER', { detail: dataFolder, cause: thrown })
}

/** No hub uses the folder until this is released. */
export function lockData(dataFolder: string): () => void {
  return lockFile(join(dataFolder, 'hub.db'))
}

/** For a hub that starts: finishes the restore that a kill interrupted, and removes what a killed backup left behind. */
export async function finishRestore(dataFolder: string): Promise<void> {
  if (await exists(join(dataFolder, noteName))) {
    const release = lockData(dataFolder)
    try {
      await finishSwap(dataFolder)
    } finally {
      release()
    }
  }
  if (await exists(join(dataFolder, workName))) await removeLeftWork(dataFolder)
}

async function removeLeftWork(dataFolder: string): Promise<void> {
  let unlock: () => void
  try {
    unlock = lockWork(dataFolder)
  } catch (thrown) {
    // A backup may run while a hub starts.
    if (thrown instanceof MeshError && thrown.code === 'DATA_IN_USE') return
    throw thrown
  }
  await rm(join(dataFolder, workName), { recursive: true, force: true })
  unlock()
}

/**
 * Puts the new data of the work folder into place. Needs both locks. The note decides: without it everything is as it
 * was, with it the new data will be there. Returns where the old data is, if there was any.
 */
export async function swapIn(dataFolder: string, keep: string, onStep: Step = none): Promise<string | undefined> {
  await writeWhole(join(dataFolder, noteName), JSON.stringify({ keep }), join(dataFolder, workName, noteName))
  await onStep()
  await finishSwap(dataFolder, onStep)
  const kept = join(dataFolder, keep)
  return (await exists(kept)) ? kept : undefined
}

/** Called between any two steps, where a kill may come. */
type Step = () => Promise<void> | void
const none: Step = () => undefined

async function finishSwap(dataFolder: string, onStep: Step = none): Promise<void> {
  const note = await readNote(dataFolder)
  if (!note) return
  const fresh = newDataIn(join(dataFolder, workName))
  const keep = join(dataFolder, note.keep)
  await orStorage(mkdir(keep, { recursive: true, mode: 0o700 }))
  const move = async (from: string, to: string, name: string): Promise<void> => {
    await orStorage(rename(join(from, name), join(to, name)))
    for (const folder of [to, from]) await syncFolder(folder)
    await onStep()
  }
  if (await exists(join(fresh, 'hub.db')))
    for (const name of logs) if (await exists(join(dataFolder, name))) await move(dataFolder, keep, name)
  for (const name of swapped) {
    if (!(await exists(join(fresh, name)))) continue
    if (await exists(join(dataFolder, name))) await move(dataFolder, keep, name)
    await move(fresh, dataFolder, name)
  }
  await rmdir(keep).catch(unlessFull)
  await rm(join(dataFolder, noteName))
  await syncFolder(dataFolder)
  await onStep()
}

async function readNote(dataFolder: string): Promise<v.InferOutput<typeof noteSchema> | undefined> {
  const path = join(dataFolder, noteName)
  if (!(await exists(path))) return undefined
  return v.parse(noteSchema, JSON.parse(await readFile(path, 'utf8')))
}

function unlessFull(thrown: NodeJS.ErrnoException): void {
  if (thrown.code !== 'ENOTEMPTY' && thrown.code !== 'EEXIST') throw thrown
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw storageError(thrown)
  }
}

async function orStorage<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (thrown) {
    throw storageError(thrown)
  }
}
