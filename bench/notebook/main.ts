/**
 * A notebook of 500 cells with 20 MB of outputs in a real browser: how long it takes to open, how long a key takes to
 * show, at rest and while output streams, and how much memory the page holds. Beside it, in the same run and in turns,
 * JupyterLab with the same notebook. A document holds at most 15 MiB, and pictures are assets beside it, so of the 20 MB
 * 12 are text and 8 are pictures; in the ipynb all of it is in the file.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { browserFlags, chromiumPath } from '../../tests/browser.ts'
import type { Contender, StorageState } from './contender.ts'
import { makeContent } from './content.ts'
import { heapMegabytes, installClock, openedMs, typeKeys } from './in-page.ts'
import { installJupyter, startJupyter } from './jupyter.ts'
import { startOurs } from './ours.ts'

const json = process.argv.includes('--json')
const quick = process.argv.includes('--quick')
const alone = process.argv.includes('--alone')
const rounds = quick ? 1 : 5
const keys = quick ? 100 : 300
const keyGapMs = 25

interface Samples {
  open: number[]
  reopen: number[]
  idle: number[]
  idleWork: number[]
  streaming: number[]
  streamingWork: number[]
  heap: number[]
}
const empty = (): Samples => ({
  open: [],
  reopen: [],
  idle: [],
  idleWork: [],
  streaming: [],
  streamingWork: [],
  heap: [],
})

const content = makeContent(500, 12_000_000, 8_000_000)
const folder = await mkdtemp(join(tmpdir(), 'meshbook-bench-'))
// A frame is drawn as soon as there is something to draw, so that what is measured is work and not the screen's clock.
const flags = [...browserFlags, '--disable-frame-rate-limit', '--disable-gpu-vsync']
const browser = await chromium.launch({ executablePath: chromiumPath, args: flags })
const contenders: Contender[] = [await startOurs(folder, content)]
try {
  const program = alone ? undefined : installJupyter()
  if (program) contenders.push(await startJupyter(program, folder, content))
  const states = await Promise.all(contenders.map(contender => signIn(browser, contender)))
  const samples = contenders.map(empty)
  for (let round = 0; round < rounds; round++)
    for (const [at, contender] of contenders.entries()) await measure(contender, states[at]!, samples[at]!)
  report(samples)
} finally {
  await browser.close()
  for (const contender of contenders) await contender.close()
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}

async function signIn(in_: Browser, contender: Contender): Promise<StorageState> {
  const context = await in_.newContext()
  const state = await contender.signIn(context)
  await context.close()
  return state
}

async function measure(contender: Contender, storageState: StorageState, samples: Samples): Promise<void> {
  const context = await browser.newContext({ storageState, viewport: { width: 1280, height: 900 } })
  try {
    await context.addInitScript(installClock)
    const page = await context.newPage()
    await contender.open(page)
    samples.open.push(await openedMs(page, contender.editor))
    say(`${contender.name}: open after ${round(samples.open.at(-1)!)} ms`)
    await page.waitForTimeout(3_000)
    await page.locator(contender.editor).first().click()
    await page.keyboard.press('Control+End')
    const idle = await typeKeys(page, keys, keyGapMs)
    samples.idle.push(...idle.paints)
    samples.idleWork.push(...idle.work)
    say(
      `${contender.name}: typed at rest, work ${round(at(idle.work, 0.99))} ms, paint ${round(at(idle.paints, 0.99))} ms`,
    )
    await contender.stream(page)
    say(`${contender.name}: streaming`)
    await page.locator(contender.editor).first().click()
    await page.keyboard.press('Control+End')
    const streaming = await typeKeys(page, keys, keyGapMs)
    samples.streaming.push(...streaming.paints)
    samples.streamingWork.push(...streaming.work)
    await contender.stopStream(page)
    samples.heap.push(await heapMegabytes(page))
    await page.close()
    const again = await context.newPage()
    await contender.open(again)
    samples.reopen.push(await openedMs(again, contender.editor))
  } finally {
    await context.close()
  }
}

function report(samples: readonly Samples[]): void {
  const [ours, peer] = samples as [Samples, Samples | undefined]
  const rows: [string, string, keyof Samples, number][] = [
    ['open', 'ms', 'open', 0.5],
    ['open again', 'ms', 'reopen', 0.5],
    ['key to paint p50', 'ms', 'idle', 0.5],
    ['key to paint p99', 'ms', 'idle', 0.99],
    ['work of a key p99', 'ms', 'idleWork', 0.99],
    ['key to paint while output streams p50', 'ms', 'streaming', 0.5],
    ['key to paint while output streams p99', 'ms', 'streaming', 0.99],
    ['work of a key while output streams p99', 'ms', 'streamingWork', 0.99],
    ['memory', 'MB', 'heap', 0.5],
  ]
  for (const [metric, unit, name, share] of rows) {
    const mine = at(ours[name], share)
    const theirs = peer && at(peer[name], share)
    const figures = {
      bench: 'notebook',
      metric,
      unit,
      ours: round(mine),
      samples: ours[name].length,
      min: round(Math.min(...ours[name])),
      max: round(Math.max(...ours[name])),
    }
    const beside =
      theirs === undefined ? {} : { peer: round(theirs), peerName: 'JupyterLab', ratio: round(theirs / mine) }
    const row = { ...figures, ...beside }
    const words = theirs === undefined ? '' : `, JupyterLab ${row.peer}`
    process.stdout.write(
      json ? `${JSON.stringify(row)}\n` : `${metric}: ${row.ours} ${unit}${words} (${row.min}–${row.max})\n`,
    )
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

function at(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
