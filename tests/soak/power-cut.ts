/** 3,000 power cuts of the store, and as many as show that the model sees a store that does not wait for its disk. */
import assert from 'node:assert/strict'
import { cutDevice, recordDevice } from '../crash/power-cut/device-cuts.ts'
import { type CutFigures, cutStore, recordStore } from '../crash/power-cut/store-cuts.ts'
import type { Soak, SoakOptions } from './main.ts'

const recordings = 10

export const soak: Soak = async options => {
  const points = options.count ?? 3_000
  const store = await storeCuts(options, points)
  assert.equal(store.lossy, 0, store.firstLoss)
  const device = await cutDevice(await recordDevice(200), options.seed, Math.ceil(points / 10), 2)
  options.say(JSON.stringify(device))
  assert.deepEqual([device.torn, device.lossy], [0, 0], device.firstLoss)
  const without = await cutStore(
    await recordStore(options.seed, 400, 'no-fsync.ts'),
    options.seed,
    Math.ceil(points / 10),
  )
  const late = await cutStore(
    await recordStore(options.seed, 400, 'late-fsync.ts'),
    options.seed,
    Math.ceil(points / 10),
  )
  assert.ok(without.lossy > without.crashPoints / 2 && late.lossy > late.crashPoints / 3, 'the model sees nothing')
  return { store, device, lossyWithoutFsync: shareOf(without), lossyWithLateFsync: shareOf(late) }
}

async function storeCuts({ seed, say }: SoakOptions, points: number): Promise<CutFigures> {
  const all: CutFigures = { crashPoints: 0, withChangesAtRisk: 0, promisesChecked: 0, lossy: 0, firstLoss: undefined }
  for (let i = 0; i < recordings; i++) {
    const one = await cutStore(
      await recordStore(seed * recordings + i, 600),
      seed * recordings + i,
      Math.ceil(points / recordings),
    )
    for (const name of ['crashPoints', 'withChangesAtRisk', 'promisesChecked', 'lossy'] as const) all[name] += one[name]
    all.firstLoss ??= one.firstLoss
    say(JSON.stringify(all))
  }
  return all
}

const shareOf = ({ lossy, crashPoints }: CutFigures): string => `${lossy} of ${crashPoints}`
