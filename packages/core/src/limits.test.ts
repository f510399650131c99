import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits, scaledTimes } from './limits.ts'

test('I10 every limit is a whole number above 0 and ends with its unit', () => {
  const unit =
    /(?:Bytes|Calls|Chars|Depth|Ms|Seconds|Rows|Lines|Frames|Streams|Updates|Batch|Aliases|Texts|Files|Awake|Matches|Cells|Expansions|Colours|Percent|MiB|Outputs|Readers|Writers|Tries|Backlog|AtOnce|Waiting|Parts|Variables|Items|Features|Events|Jobs|PerMinute|Per[A-Z][A-Za-z]+)$/
  for (const [name, value] of Object.entries(limits)) {
    assert.ok(Number.isSafeInteger(value) && value > 0, name)
    assert.match(name, name === 'clientsPerDocument' ? /./ : unit)
  }
})

test('what is inside fits into what is around it', () => {
  assert.ok(limits.preAuthFrameBytes < limits.syncFrameBytes)
  assert.ok(limits.channelChunkBytes < limits.channelFrameBytes)
  assert.ok(limits.runEventBytes < limits.channelFrameBytes)
  assert.ok(limits.displayInlineBytes < limits.runEventBytes)
  assert.ok(limits.updateBytes <= limits.documentBytes && limits.documentBytes < limits.syncFrameBytes)
  assert.ok(limits.cellCodeBytes <= limits.requestBodyBytes)
  assert.ok(limits.documentOutputBytes <= limits.runOutputBytes)
  assert.ok(limits.pathSegmentBytes < limits.pathBytes)
})

test('a device is suspect before it is offline, and a lease does not outlive the wait for it', () => {
  for (const times of [limits, scaledTimes(30)]) {
    assert.ok(times.pingMs < times.suspectMs && times.suspectMs < times.offlineMs)
    assert.ok(times.heartbeatMs <= times.suspectMs && times.leaseMs >= times.offlineMs)
    assert.ok(times.reconnectMinMs <= times.reconnectMaxMs)
  }
})

test('scaled times divide what decides about devices and nothing else', () => {
  const scaled = scaledTimes(30)
  assert.equal(scaled.offlineMs, 2_000)
  assert.equal(scaled.suspectMs, 1_000)
  assert.equal(scaled.pingMs, 334)
  assert.equal(scaled.requestMs, limits.requestMs)
  assert.equal(scaled.documentBytes, limits.documentBytes)
})
