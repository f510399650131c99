/** Which mode is kept, for the account at each hub and for this machine: one file, written whole. */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import * as v from 'valibot'
import { control } from '../control.ts'
import type { DataFolder } from '../data-folder.ts'
import { type ModeKept, type ModeName, modes } from './mode.ts'

const keptSchema = v.object({
  machine: v.optional(v.picklist(modes)),
  accounts: v.optional(v.record(v.string(), v.picklist(modes)), {}),
})
type Kept = v.InferOutput<typeof keptSchema>

const fileOf = ({ root }: DataFolder): string => join(root, 'workflows', 'mode.json')

export async function readKeptMode(folder: DataFolder): Promise<ModeKept> {
  const [hub, { machine, accounts }] = await Promise.all([linkedHub(folder), read(folder)])
  const own = hub !== null && Object.hasOwn(accounts, hub) ? accounts[hub]! : null
  return { account: hub === null ? null : { hub, mode: own }, machine: machine ?? null }
}

/** For the linked account where there is one. Null: nothing is kept. */
export async function keepMode(folder: DataFolder, mode: ModeName | null): Promise<void> {
  const [hub, { machine, accounts }] = await Promise.all([linkedHub(folder), read(folder)])
  const { [hub ?? '']: _before, ...others } = accounts
  const isHere = hub === null
  const forMachine = isHere ? mode : machine
  const forAccounts = isHere || mode === null ? others : { ...others, [hub]: mode }
  await write(folder, { ...(forMachine && { machine: forMachine }), accounts: forAccounts })
}

/** Of the daemon that runs here. */
async function linkedHub({ control: file }: DataFolder): Promise<string | null> {
  try {
    return (await control(file, '/status', {})).hub
  } catch (thrown) {
    if (asMeshError(thrown).code === 'UNREACHABLE') return null
    throw thrown
  }
}

async function read(folder: DataFolder): Promise<Kept> {
  const text = await readFile(fileOf(folder), 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return '{}'
    throw thrown
  })
  try {
    return v.parse(keptSchema, JSON.parse(text))
  } catch (cause) {
    const todo = '`meshbook workflow mode` needs it mended or removed'
    throw new MeshError('BAD_REQUEST', { detail: `${fileOf(folder)} is not what was written there; ${todo}`, cause })
  }
}

async function write(folder: DataFolder, kept: Kept): Promise<void> {
  const file = fileOf(folder)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(`${file}.new`, JSON.stringify(kept), { mode: 0o600, flush: true })
  await chmod(`${file}.new`, 0o600)
  await rename(`${file}.new`, file)
}
