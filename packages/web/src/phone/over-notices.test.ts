import assert from 'node:assert/strict'
import { test } from 'node:test'
import { overNotices } from './over-notices.ts'

test('PH52 notices that are over, of gates that are decided, or of what is looked at, are taken away', () => {
  const notice = (data: unknown) => ({ data, close: () => undefined })
  const shown = [
    notice({ url: '/m/runs/r1', over: true }),
    notice({ url: '/m/gates/open' }),
    notice({ url: '/m/gates/decided' }),
    notice({ url: '/m/gates/unknown' }),
    notice({ url: '/m/runs/here' }),
    notice(null),
    notice({ url: 5 }),
  ]
  const open = new Map([
    ['open', true],
    ['decided', false],
  ])
  assert.deepEqual(
    overNotices(shown, '/m/runs/here', gate => open.get(gate)).map(({ data }) => (data as { url: string }).url),
    ['/m/runs/r1', '/m/gates/decided', '/m/runs/here'],
  )
})
