/** One dump by CRIU: of a copy, which ends with it, or of the whole tree, which goes on. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, open, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { freemem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MeshError } from '@meshbook/core/errors.ts'
import { identityOf } from '../../kernels/process-identity.ts'
import { frozenMsOf } from './criu-images.ts'
import { type Criu, dumpArguments, runToEnd, whyFailed } from './criu-run.ts'
import type { DumpTarget } from './dump-target.ts'
import { copyWhileStill, removeRemaps, type SavedFiles } from './saved-files.ts'

const run = promisify(execFile)
/** A tree that stands still for longer than this goes on, and the dump has failed. */
const standMs = 60_000
const dumpMs = 300_000
const copyMs = 20_000

export interface Dump {
  folder: string
  images: string
  frozenMs: number
  files: SavedFiles
}

export interface DumpOrder {
  criu: Criu
  target: DumpTarget
  leaveRunning: boolean
  scratch: string
  folder: string
}

/** In memory where there is room for it twice, as it is read again at once; else on the disk. */
export async function dumpFolder(workFolder: string, bytes: number): Promise<string> {
  await sweep('/dev/shm', 'meshbook-dump-')
  await sweep(workFolder, 'dump-')
  const own = `${process.pid}-${(await identityOf(process.pid))?.split(' ').at(-1) ?? 0}-`
  const memory = await statfs('/dev/shm').catch(() => undefined)
  const room = memory ? memory.bavail * memory.bsize : 0
  if (room > bytes * 1.2 && (await availableBytes()) > bytes * 1.5) return mkdtemp(`/dev/shm/meshbook-dump-${own}`)
  await mkdir(workFolder, { recursive: true, mode: 0o700 })
  return mkdtemp(join(workFolder, `dump-${own}`))
}

/** Those of processes that were ended in the middle of it. */
async function sweep(folder: string, start: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, pid, ticks] = name.startsWith(start) ? (/^(\d+)-(\d+)-/.exec(name.slice(start.length)) ?? []) : []
    if (pid === undefined || (await identityOf(Number(pid)))?.endsWith(` ${ticks}`)) continue
    await removeDump(join(folder, name))
  }
}

async function availableBytes(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'latin1').catch(() => '')
  const kilobytes = /^MemAvailable:\s*(\d+) kB/m.exec(text)?.[1]
  return kilobytes ? Number(kilobytes) * 1024 : freemem()
}

/**
 * CRIU calls a script while the processes stand still; it tells us by one pipe and waits for the other. If nobody
 * answers the dump fails and the processes go on.
 */
export async function dump({ criu, target, leaveRunning, scratch, folder }: DumpOrder): Promise<Dump> {
  const images = join(folder, 'images')
  await mkdir(images, { mode: 0o700 })
  const [asked, answer] = [join(folder, 'asked'), join(folder, 'answer')]
  await run('mkfifo', ['-m', '600', asked, answer])
  const script = join(folder, 'when-still')
  await writeFile(script, stillScript(asked, answer), { mode: 0o700 })
  const order = { pid: target.criuPid, images, script, leaveRunning }
  const command = [...target.enter, ...criu.command, ...dumpArguments(order)]
  // Opened for both ways, so that neither side waits for the other to be there.
  const [question, reply] = await Promise.all([open(asked, 'r+'), open(answer, 'r+')])
  let files: SavedFiles | undefined
  let failure: unknown
  try {
    const word = Buffer.alloc(5)
    const still = question.read(word, 0, word.length).then(async () => {
      if (word.toString('latin1') !== 'still') return
      try {
        const limit = new Promise<never>((_, reject) => setTimeout(reject, copyMs, tooSlow()).unref())
        files = await Promise.race([
          copyWhileStill(images, { root: target.root, copies: join(folder, 'open'), scratch }),
          limit,
        ])
        await reply.write('go\n')
      } catch (error) {
        failure = error
        await reply.write('no\n')
      }
    })
    const end = await runToEnd(command, dumpMs)
    // Whoever still waits for the script's word is let go.
    await question.write('end\n')
    await still
    if (files) await removeRemaps(files, target.root)
    if (failure instanceof MeshError) throw failure
    if (!end.ok || !files || failure) throw await failed(join(images, 'dump.log'), end.how, failure)
    return { folder, images, files, frozenMs: frozenMsOf(await readFile(join(images, 'stats-dump'))) }
  } finally {
    await Promise.all([question.close(), reply.close()])
  }
}

function tooSlow(): MeshError {
  return new MeshError('SNAPSHOT_FAILED', { detail: 'the files that it has open could not be copied in time' })
}

async function failed(log: string, how: string, cause: unknown): Promise<MeshError> {
  const detail = cause instanceof Error ? cause.message : await whyFailed(log, how)
  return new MeshError('SNAPSHOT_FAILED', { detail, cause })
}

function stillScript(asked: string, answer: string): string {
  return [
    '#!/bin/sh',
    '[ "$CRTOOLS_SCRIPT_ACTION" = post-dump ] || exit 0',
    `echo still > ${quoted(asked)}`,
    `[ "$(timeout ${standMs / 1000} head -n 1 ${quoted(answer)})" = go ]`,
    '',
  ].join('\n')
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`
}

export function removeDump(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true })
}
