/** A sample of `npm run soak -- task-kills`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bubblewrap } from '../sandbox/driver-beds.ts'
import { taskKills } from './task-kills.ts'

test('TK12, TK13, TK32, TK33 kill -9 of workers and of the hub at any moment of tasks: each ends once, pushed once, proposed once, and nothing is left', {
  skip: bubblewrap.skip,
}, async t => {
  const figures = await taskKills(11, { kills: 8, tasksPerWave: 3 }, text => t.diagnostic(text))
  t.diagnostic(JSON.stringify(figures))
  assert.ok(figures.kills.worker > 0 && figures.kills.hub > 0, JSON.stringify(figures))
})
