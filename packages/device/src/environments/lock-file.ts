/** The lock files of a project's folder, and where the environment of each is kept. Reads; writes nothing. */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { decidingFiles, type LockedLanguage, type LockFile, lockFiles } from '@meshbook/core/environments.ts'
import { limits } from '@meshbook/core/limits.ts'

/** Written last: who has it is whole (EN4). */
export const markName = 'meshbook-environment.json'

export interface FoundLock {
  file: LockFile
  language: LockedLanguage
  /** Its environment, whether or not it has been made. */
  folder: string
  text: string
}

/** A folder that is not there asks for nothing. */
export async function locksOf(projectFolder: string): Promise<FoundLock[]> {
  const names = new Set(await readdir(projectFolder).catch(() => []))
  const found = await Promise.all(decidingFiles(names).map(file => readLock(projectFolder, file)))
  return found.filter(lock => lock !== undefined)
}

/** The environment of this language that has been made and is whole. */
export async function madeEnvironment(projectFolder: string, language: string): Promise<string | undefined> {
  const lock = (await locksOf(projectFolder)).find(found => found.language === language)
  return lock && (await isMade(lock.folder)) ? lock.folder : undefined
}

export function isMade(folder: string): Promise<boolean> {
  return stat(join(folder, markName)).then(
    found => found.isFile(),
    () => false,
  )
}

export function environmentsFolder(projectFolder: string): string {
  return join(projectFolder, '.meshbook', 'environments')
}

async function readLock(projectFolder: string, file: LockFile): Promise<FoundLock | undefined> {
  const path = join(projectFolder, file)
  const facts = await stat(path).catch(() => undefined)
  if (!facts?.isFile() || facts.size > limits.lockFileBytes) return undefined
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const language = lockFiles[file]
  return { file, language, folder: join(environmentsFolder(projectFolder), `${language}-${keyOf(file, text)}`), text }
}

/** The system is part of it: a folder may be on a disk that several machines share (EN3). */
function keyOf(file: LockFile, text: string): string {
  const hash = createHash('sha256').update(`${file}\n${process.platform} ${process.arch}\n`).update(text)
  return hash.digest('hex').slice(0, 16)
}
