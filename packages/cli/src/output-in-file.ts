/** Waits, for a while, until a notebook's file has what its runs said: it is written a moment after they have ended. */
import { readFile } from 'node:fs/promises'
import type { ApiClient } from './api-client.ts'
import { progress, say } from './print.ts'

const lookMs = 100
/** The device writes an output at most ten times a second: what stands still for longer is the end. */
const stillMs = 400
const mostMs = 10_000

export async function waitForOutput(
  client: ApiClient,
  document: string,
  file: string,
  runs: readonly string[],
): Promise<void> {
  if (runs.length === 0) return
  const wait = progress()
  // The runs have ended, whatever becomes of the hub now.
  const textAtHub = () => client.text(`/documents/${document}/content`).catch(() => undefined)
  let last = ''
  let stillFor = 0
  for (let waited = 0; waited < mostMs; waited += lookMs) {
    const now = await readFile(file, 'utf8').catch(() => '')
    const isThere = runs.every(run => now.includes(`output:${run}`))
    stillFor = isThere && now === last ? stillFor + lookMs : 0
    last = now
    if (stillFor >= stillMs && (await textAtHub()) === now) return wait.clear()
    if (waited > 1_000) wait.show('Waiting for the output to be in the file…')
    await new Promise(done => setTimeout(done, lookMs))
  }
  wait.clear()
  say(`The output is not in ${file} yet; the device that ran it writes it there as soon as it can.`)
}
