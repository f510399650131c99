/**
 * The folder of a saved session (KN51, KN52): a manifest, and the files that this names with their hashes. Nothing in it
 * is believed before names are plain, files are files, and their bytes are what was written. The same format as
 * ../python/meshbook_kernel/saved_folder.py.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'

export const savedFormat = 1
const pieceBytes = 4 << 20
const manifestBytes = 64 << 20
const mostFiles = 20_000
const mostBytes = 64 * 2 ** 30
export const manifestName = 'manifest.json'
/** No separator, no leading dot: nothing that leads out of a folder. */
const plainName = /^[a-z][a-z0-9-]{0,60}\.[a-z0-9]{1,12}$/

export const savedFileSchema = v.object({
  name: v.pipe(v.string(), v.regex(plainName)),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
})
export type SavedFile = v.InferOutput<typeof savedFileSchema>

const bodySchema = v.looseObject({
  format: v.literal(savedFormat),
  language: v.pipe(v.string(), v.maxLength(100)),
  version: v.pipe(v.string(), v.maxLength(200)),
  files: v.pipe(v.array(savedFileSchema), v.maxLength(mostFiles)),
})
export type SavedBody = v.InferOutput<typeof bodySchema>

/** What was saved is not what was written. */
export class Damaged extends Error {}

const head = (sha256: string) => `{"sha256":"${sha256}","body":`
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

/** The files of the folder are complete: notes them, with their hashes, in its manifest. */
export async function writeManifest(
  folder: string,
  rest: { language: string; version: string } & Record<string, unknown>,
): Promise<void> {
  const names = (await readdir(folder)).sort()
  const files: SavedFile[] = []
  for (const name of names) files.push({ name, ...(await measure(folder, name)) })
  const text = JSON.stringify({ format: savedFormat, ...rest, files })
  const part = join(folder, `${manifestName}.part`)
  await writeFile(part, `${head(hashOf(text))}${text}}`, { mode: 0o600, flag: 'wx' })
  await rename(part, join(folder, manifestName))
}

/** Throws Damaged. */
export async function readManifest(folder: string): Promise<SavedBody> {
  const handle = await openPlain(folder, manifestName)
  try {
    const { size } = await handle.stat()
    if (size > manifestBytes) throw new Damaged('the manifest is too large')
    const whole = await handle.readFile('utf8')
    const text = whole.slice(head(hashOf('')).length, -1)
    if (whole !== `${head(hashOf(text))}${text}}`) throw new Damaged('the manifest is not as it was written')
    const body = v.safeParse(bodySchema, JSON.parse(text))
    if (!body.success) throw new Damaged(`the manifest says something else: ${body.issues[0].message}`)
    return body.output
  } finally {
    await handle.close()
  }
}

/** The manifest, once every file that it names is there as it was written. Throws Damaged. */
export async function checkFolder(folder: string, language: string): Promise<SavedBody> {
  const body = await readManifest(folder)
  if (body.language !== language) throw new Damaged(`it was saved by a kernel of ${body.language}`)
  if (body.files.reduce((sum, { bytes }) => sum + bytes, 0) > mostBytes)
    throw new Damaged('it is larger than what is restored')
  for (const { name, bytes, sha256 } of body.files) {
    const found = await measure(folder, name)
    if (found.bytes !== bytes) throw new Damaged(`${name} has not the length that it had`)
    if (found.sha256 !== sha256) throw new Damaged(`${name} is not as it was written`)
  }
  return body
}

async function openPlain(folder: string, name: string): Promise<FileHandle> {
  if (!plainName.test(name)) throw new Damaged(`it names a file ${JSON.stringify(name.slice(0, 80))}`)
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
  const handle = await open(join(folder, name), flags).catch((error: NodeJS.ErrnoException) => {
    throw new Damaged(`${name} cannot be opened: ${error.code}`)
  })
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw new Damaged(`${name} is no file`)
}

async function measure(folder: string, name: string): Promise<{ bytes: number; sha256: string }> {
  const handle = await openPlain(folder, name)
  try {
    const hash = createHash('sha256')
    const piece = Buffer.allocUnsafe(pieceBytes)
    let bytes = 0
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, pieceBytes, bytes)
      if (bytesRead === 0) return { bytes, sha256: hash.digest('hex') }
      hash.update(piece.subarray(0, bytesRead))
      bytes += bytesRead
    }
  } finally {
    await handle.close()
  }
}
