import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Way } from '@meshbook/core/notify-api.ts'
import { wayFinding } from './check-push.ts'

const way: Way = {
  ...{
    id: 'w',
    kind: 'push',
    name: 'Phone',
    host: 'push.example',
    shown: 'push.example',
    createdAt: 0,
    current: false,
    endpointHash: null,
  },
  ...{ codeUntil: null, acceptedAt: null, confirmedAt: null, failure: null, test: null },
}

test('NT20 doctor says of each way when it was last confirmed, or what fails there and what to do', () => {
  const check = 'Notifications by push (Phone, push.example)'
  assert.deepEqual(wayFinding(way), { check, ok: true, seen: 'nothing was sent yet' })
  assert.equal(wayFinding({ ...way, acceptedAt: 0 }).seen, 'last accepted at 1970-01-01T00:00:00.000Z, never confirmed')
  assert.equal(wayFinding({ ...way, confirmedAt: 0 }).seen, 'last confirmed at 1970-01-01T00:00:00.000Z')
  assert.equal(wayFinding({ ...way, codeUntil: 0 }).seen, 'it awaits its code')
  const failure = { at: 0, code: 'not-allowed', detail: 'HTTP 403', next: 'Do this.' } as const
  assert.deepEqual(wayFinding({ ...way, failure }), { check, ok: false, seen: 'not-allowed HTTP 403', fix: 'Do this.' })
})
