import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RestoreAbility, SnapshotFit } from './snapshot.ts'
import { type RestoringDevice, whyUnfit } from './snapshot-fit.ts'

const fit: SnapshotFit = { os: 'linux', arch: 'x64', cpu: ['avx2', 'bmi2'], language: 'python', version: '3.11.2' }
const restores: RestoreAbility = {
  kinds: ['image', 'portable'],
  os: 'linux',
  arch: 'x64',
  cpu: ['avx2', 'bmi2', 'avx512f'],
}
const python = { language: 'python' }
const device = (change: Partial<RestoringDevice> = {}): RestoringDevice => ({
  name: 'tower',
  runtimes: [python],
  restores,
  ...change,
})

test('RT64 an image fits the same system and architecture and a processor that has all that it may use', () => {
  const image = { kind: 'image' as const, fit }
  assert.equal(whyUnfit(image, device()), undefined)
  const unfit = (change: Partial<RestoreAbility>) => whyUnfit(image, device({ restores: { ...restores, ...change } }))
  assert.match(unfit({ kinds: ['portable'] }) ?? '', /tower cannot restore whole processes/)
  assert.match(unfit({ os: 'darwin' }) ?? '', /saved on linux, and tower has darwin/)
  assert.match(unfit({ arch: 'arm64' }) ?? '', /kind x64, and that of tower is arm64/)
  assert.match(unfit({ cpu: ['avx2'] }) ?? '', /lacks bmi2, which/)
  assert.match(unfit({ cpu: [] }) ?? '', /lacks avx2, bmi2, which/)
  const many = { kind: 'image' as const, fit: { ...fit, cpu: ['a', 'b', 'c', 'd', 'e'] } }
  assert.match(whyUnfit(many, device()) ?? '', /lacks a, b, c and 2 more/)
})

test('RT64 saved variables fit any system that has the language, by any of its names', () => {
  const portable = { kind: 'portable' as const, fit: { ...fit, os: 'win32', arch: 'arm64', cpu: [] } }
  assert.equal(whyUnfit(portable, device()), undefined)
  assert.equal(whyUnfit(portable, device({ runtimes: [{ language: 'py' }] })), undefined)
  assert.match(whyUnfit(portable, device({ runtimes: [{ language: 'r' }] })) ?? '', /no kernel for python on tower/)
})

test('RT64 a device that says nothing, or nothing that helps, restores nothing', () => {
  for (const none of [undefined, { ...restores, kinds: [] }])
    assert.match(whyUnfit({ kind: 'portable', fit }, device({ restores: none })) ?? '', /tower restores no saved/)
})
