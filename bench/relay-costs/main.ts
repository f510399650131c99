/**
 * What the relay's building blocks cost on this machine: commits, merging, loading, checking, and an edit's way to the
 * disk. `npm run bench -- relay-costs [--json] [--quick]`
 */
import { fdatasyncSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId, parseEpoch, systemRandom } from '@meshbook/core/ids.ts'
import { limits } from '@meshbook/core/limits.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { Relay } from '@meshbook/relay/relay.ts'
import { SqliteDatabase } from '@meshbook/relay/sql/sqlite-database.ts'
import type { DocumentProcedures } from '@meshbook/relay/store/document-procedures.ts'
import type { DocumentKey } from '@meshbook/relay/store/document-store.ts'
import { documentModule, SqliteDocumentStore } from '@meshbook/relay/store/sqlite-document-store.ts'
import { inspectUpdate } from '@meshbook/relay/update-facts.ts'
import { mergeInChunks } from '@meshbook/relay/update-jobs.ts'
import * as Y from 'yjs'

export interface BenchOptions {
  json: boolean
  quick: boolean
}

/** A measured number with the unit it has; `values` are the runs. */
interface Measured {
  metric: string
  unit: string
  values: number[]
}

type Step = () => number | Promise<number>
const msOf = async (work: () => unknown): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function measure(metric: string, unit: string, runs: number, step: Step): Promise<Measured> {
  const values: number[] = []
  for (let run = 0; run < runs; run++) values.push(await step())
  return { metric, unit, values }
}

const sorted = (values: number[]) => [...values].sort((a, b) => a - b)
const quantile = (values: number[], share: number) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))]!
const newKey = (): DocumentKey => ({
  org: newId('org', Date.now(), systemRandom),
  document: newId('document', Date.now(), systemRandom),
})
const row = new Uint8Array(60).fill(7)

async function measureStore(folder: string, quick: boolean): Promise<Measured[]> {
  const database = await SqliteDatabase.open<DocumentProcedures>({
    file: join(folder, 'costs.sqlite'),
    modules: [documentModule],
  })
  const store = new SqliteDocumentStore(database)
  const epoch = parseEpoch(1)
  const commits = quick ? 50 : 500
  const oneByOne = async (rows: number) => {
    const key = newKey()
    const updates = Array.from({ length: rows }, () => row)
    return (
      (await msOf(async () => {
        for (let i = 0; i < commits; i++) await store.append(key, epoch, updates)
      })) / commits
    )
  }
  const together = async () => {
    const keys = Array.from({ length: 100 }, newKey)
    const ms = await msOf(() =>
      Promise.all(Array.from({ length: commits * 20 }, (_, i) => store.append(keys[i % 100]!, epoch, [row]))),
    )
    return ((commits * 20) / ms) * 1000
  }
  const measured = [
    await measure('commit of 1 row, acknowledged', 'ms', 5, () => oneByOne(1)),
    await measure('commit of 10 rows, acknowledged', 'ms', 5, () => oneByOne(10)),
    await measure('commit of 100 rows, acknowledged', 'ms', 5, () => oneByOne(100)),
    await measure('appends of 1 row to 100 documents, group commit', 'rows/s', 5, together),
  ]
  await database.close()
  return measured
}

async function measureDisk(folder: string): Promise<Measured> {
  const file = openSync(join(folder, 'append'), 'a')
  return measure('append of 100 bytes and fdatasync', 'ms', 100, () =>
    msOf(() => {
      writeSync(file, row)
      fdatasyncSync(file)
    }),
  )
}

/** The updates of a person typing at random places of a growing text. */
function typing(count: number): Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  const text = doc.getText('content')
  let seed = 1
  for (let i = 0; i < count; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    text.insert((seed >>> 4) % (text.length + 1), 'x')
  }
  return updates
}

async function measureMerging(updates: Uint8Array[], quick: boolean): Promise<Measured[]> {
  const flat = (count: number) =>
    measure(`mergeUpdates flat, ${count.toLocaleString('en')} updates`, 'ms', quick ? 1 : 3, () =>
      msOf(() => Y.mergeUpdates(updates.slice(0, count))),
    )
  const chunked = (count: number) =>
    measure(
      `mergeUpdates in chunks of ${limits.compactChunkUpdates}, ${count.toLocaleString('en')} updates`,
      'ms',
      quick ? 1 : 3,
      () => msOf(() => mergeInChunks(updates.slice(0, count), limits.compactChunkUpdates)),
    )
  const measured = [await flat(500), await flat(2_000), await flat(10_000), await chunked(10_000)]
  if (updates.length >= 100_000) measured.push(await chunked(100_000))
  return measured
}

async function measureDocument(updates: Uint8Array[], quick: boolean): Promise<Measured[]> {
  const count = updates.length.toLocaleString('en')
  const doc = new Y.Doc()
  const applied = await measure(`apply ${count} updates to a Y.Doc`, 'ms', 1, () =>
    msOf(() => updates.forEach(update => void Y.applyUpdate(doc, update))),
  )
  const state = Y.encodeStateAsUpdate(doc)
  const half = Y.encodeStateVectorFromUpdate(
    mergeInChunks(updates.slice(0, updates.length / 2), limits.compactChunkUpdates),
  )
  const runs = quick ? 1 : 5
  return [
    applied,
    { metric: 'its encoded state', unit: 'MB', values: [state.byteLength / 1e6] },
    await measure('encode its state', 'ms', runs, () => msOf(() => Y.encodeStateAsUpdate(doc))),
    await measure('apply its encoded state', 'ms', runs, () => msOf(() => Y.applyUpdate(new Y.Doc(), state))),
    await measure('diffUpdate on it, without a Y.Doc', 'ms', runs, () => msOf(() => Y.diffUpdate(state, half))),
    await measure('encodeStateVectorFromUpdate on it', 'ms', runs, () =>
      msOf(() => Y.encodeStateVectorFromUpdate(state)),
    ),
    await measure('inspect it (S2–S4, S14)', 'ms', runs, () => msOf(() => inspectUpdate(state, new Map()))),
  ]
}

function measureChecks(updates: Uint8Array[]): Promise<Measured> {
  const client = [...Y.parseUpdateMeta(updates[0]!).from.keys()][0]!
  return measure('inspect one keystroke (S2–S4, S14)', 'µs', 5, async () => {
    const ms = await msOf(() => {
      for (const [i, update] of updates.slice(0, 10_000).entries()) inspectUpdate(update, new Map([[client, i]]))
    })
    return (ms / Math.min(updates.length, 10_000)) * 1000
  })
}

async function measureRelay(folder: string, quick: boolean): Promise<Measured[]> {
  const database = await SqliteDatabase.open<DocumentProcedures>({
    file: join(folder, 'relay.sqlite'),
    modules: [documentModule],
  })
  const relay = new Relay({ store: new SqliteDocumentStore(database), now: Date.now, random: systemRandom })
  const peer = openLocalPeer(relay, newKey(), { name: 'bench' })
  await peer.ready
  const text = peer.doc.getText('content')
  const edits = quick ? 50 : 500
  const times: number[] = []
  for (let i = 0; i < edits; i++) {
    times.push(
      await msOf(() => {
        text.insert(0, 'x')
        return peer.durable()
      }),
    )
  }
  peer.close()
  await relay.close()
  await database.close()
  return [
    { metric: 'an edit through the relay to its acknowledgement, p50', unit: 'ms', values: [quantile(times, 0.5)] },
    { metric: 'an edit through the relay to its acknowledgement, p99', unit: 'ms', values: [quantile(times, 0.99)] },
  ]
}

function report({ metric, unit, values }: Measured, json: boolean): void {
  const ours = quantile(values, 0.5)
  const [min, max] = [Math.min(...values), Math.max(...values)]
  const line = {
    bench: 'relay-costs',
    metric,
    unit,
    ours,
    peer: null,
    peerName: null,
    ratio: null,
    runs: values.length,
    min,
    max,
  }
  const show = (value: number) => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(2))
  const range = values.length > 1 ? ` (${show(min)}–${show(max)})` : ''
  process.stdout.write(json ? `${JSON.stringify(line)}\n` : `| ${metric} | ${show(ours)} ${unit}${range} |\n`)
}

export default async function run({ json, quick }: BenchOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-relay-costs-'))
  try {
    if (!json) process.stdout.write('| cost | median (min–max) |\n|---|---|\n')
    const tell = (...all: Measured[]) => all.forEach(measured => void report(measured, json))
    tell(...(await measureStore(folder, quick)), await measureDisk(folder))
    const updates = typing(quick ? 10_000 : 100_000)
    tell(...(await measureMerging(updates, quick)))
    tell(...(await measureDocument(updates, quick)))
    tell(await measureChecks(updates), ...(await measureRelay(folder, quick)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) await run({ json: process.argv.includes('--json'), quick: process.argv.includes('--quick') })
