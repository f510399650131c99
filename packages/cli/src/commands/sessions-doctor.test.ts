import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionHere, SnapshotsHere } from '@meshbook/core/snapshots-here.ts'
import { linesOf } from './sessions-doctor.ts'

const at = new Date(2026, 4, 3, 14, 2).getTime()
const portable = { kind: 'portable', state: 'able' } as const
const session = {
  session: 'ses_1',
  head: 'hd_1',
  project: 'prj_1',
  name: 'default',
  language: 'python',
  behind: 0,
  saved: [],
  cannot: [],
} as unknown as SessionHere
const saved = {
  kind: 'image',
  snapshot: null,
  asOf: { at, run: null },
  bytes: 38_000_000,
  addedBytes: 40_000,
  pauseMs: 5,
  tookMs: 900,
  atHub: true,
  lost: [],
} as SessionHere['saved'][number]

const lines = (change: Partial<SnapshotsHere>) =>
  linesOf({ use: 'auto', abilities: [portable], sessions: [], ...change }, at + 60_000).join('\n')

test('SD1 each way of saving is said to work, or why not and what to do; a machine without images is not broken', () => {
  const why = 'no CRIU that works with this kernel'
  const next = 'Set it up: `meshbook sessions doctor --install`.'
  const text = lines({ abilities: [{ kind: 'image', state: 'unable', why, next }, portable] })
  assert.match(text, /– Image .*: no CRIU that works with this kernel\n {4}Set it up/)
  assert.match(text, /✔ Portable .*: works/)
  assert.match(text, /No session is live on this machine\. Run a cell/)
  assert.match(lines({ use: 'off' }), /MESHBOOK_SNAPSHOT is off\n.*MESHBOOK_SNAPSHOT=auto/)
  assert.match(lines({ use: 'portable' }), /Only portable states are made/)
  assert.match(lines({ abilities: [{ kind: 'image', state: 'measuring' }] }), /… Image .*being tried/)
})

test('SD2 of each live session: as of when it is saved, how, where, and what of it would be lost', () => {
  const cannot = [{ name: 'tcp 10.0.0.4:5432', reason: 'an open connection' }]
  const lost = [{ name: 'con', reason: 'a database connection' }]
  const old = { ...saved, kind: 'portable', asOf: { at: at - 1_000, run: null }, unfit: 'no fork() here' } as const
  const text = lines({ sessions: [{ ...session, behind: 1, cannot, saved: [old, { ...saved, atHub: false, lost }] }] })
  assert.match(
    text,
    /! python default \(ses_1\): saved as of 14:02, 1 cell behind, image, 38 MB; only on this machine yet/,
  )
  assert.match(text, /not portable: no fork\(\) here/)
  assert.match(text, /would be lost: con \(a database connection\)\n {4}would be lost: tcp 10\.0\.0\.4:5432/)
  assert.match(text, /Close what can be closed/)
  assert.match(
    lines({ sessions: [{ ...session, saved: [saved] }] }),
    /✔ python default .*saved as of 14:02, image, 38 MB$/,
  )
  const failed = { ...saved, asOf: null, error: 'the disk is full' }
  assert.match(
    lines({ sessions: [{ ...session, saved: [failed] }] }),
    /✖ .*not yet movable\n {4}the last image failed: the disk is full/,
  )
})
