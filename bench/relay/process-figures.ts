/** Memory and processor time of a server process, as the operating system counts them. */
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { sleep } from './marked-edits.ts'

export function rssKiB(pid: number): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', `${pid}`], { encoding: 'utf8' })
  const value = Number(stdout.trim())
  if (!(value > 0)) throw new Error(`no memory figure for process ${pid}`)
  return value
}

/** Waits until the process has stopped working through what it was given; without /proc it waits for the whole time. */
export async function untilQuiet(pid: number, maxMs: number): Promise<void> {
  const end = performance.now() + maxMs
  if (process.platform !== 'linux') return sleep(maxMs)
  for (let before = await ticks(pid); performance.now() < end; ) {
    await sleep(400)
    const now = await ticks(pid)
    if (now - before <= 2) return
    before = now
  }
}

/** User and system time of all its threads, in hundredths of a second. */
async function ticks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}
