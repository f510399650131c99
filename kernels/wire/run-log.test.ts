import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameReader } from './frames.ts'
import { Run, RunLog } from './run-log.ts'

function eventsOf(run: Run, after = 0) {
  const reader = new FrameReader(1 << 20)
  return run
    .after(after)
    .flatMap(({ frame }) => [...reader.push(frame)] as { n: number; event: { type: string; text?: string } }[])
}

test('events are kept until they are acknowledged, and sent again from any of them (KN12)', () => {
  const log = new RunLog(1000)
  const run = new Run('r', '', '')
  log.begin(run)
  log.text('stdout', 'one\n')
  log.end({ type: 'completed' })
  assert.deepEqual(
    eventsOf(run).map(({ event }) => event.type),
    ['started', 'stdout', 'completed'],
  )
  assert.deepEqual(
    eventsOf(run, 2).map(({ n }) => n),
    [3],
  )
  log.ack('r', 2)
  assert.deepEqual(
    eventsOf(run).map(({ n }) => n),
    [3],
  )
})

test('a program without room is blocked, and goes on when the host has caught up (KN14)', () => {
  const log = new RunLog(300)
  let freed = 0
  log.onRoom = () => freed++
  log.begin(new Run('r', '', ''))
  log.text('stdout', `${'x'.repeat(400)}\n`)
  assert.equal(log.hasRoom, false)
  log.ack('r', log.current!.last)
  assert.equal(log.hasRoom, true)
  assert.equal(freed, 1)
})

test('what follows a pause leaves at once, what follows quickly is joined (KN15)', async () => {
  const log = new RunLog(1000)
  const run = new Run('r', '', '')
  log.begin(run)
  for (let i = 0; i < 100; i++) log.text('stdout', `\r${i}`)
  assert.equal(run.last, 2, 'the first frame has left')
  await sleep(40)
  assert.equal(run.last, 3, 'the others are one event')
})

test('what is printed between runs belongs to the next, the newest of it (KN17)', () => {
  const log = new RunLog(1 << 20)
  log.text('stdout', 'x'.repeat(100_000))
  log.text('stderr', 'late\n')
  const run = new Run('r', '', '')
  log.begin(run)
  log.end({ type: 'completed' })
  const texts = eventsOf(run).flatMap(({ event }) => event.text ?? [])
  assert.deepEqual(texts.at(-1), 'late\n')
  assert.ok(texts.join('').length <= 65_536 + 5)
})

test('text is cut between characters, and a lone surrogate becomes U+FFFD (KN1)', () => {
  const log = new RunLog(1 << 20)
  const run = new Run('r', '', '')
  log.begin(run)
  log.text('stdout', `x${'😀'.repeat(70_000)}\ud800`)
  log.end({ type: 'completed' })
  const texts = eventsOf(run).flatMap(({ event }) => event.text ?? [])
  assert.equal(texts.join(''), `x${'😀'.repeat(70_000)}\ufffd`)
  assert.ok(texts.every(text => text.isWellFormed() && text.length <= 65_536))
})

test('the last 100 runs stay known, and the one in progress always (KN13)', () => {
  const log = new RunLog(1000)
  for (let i = 0; i < 150; i++) {
    log.begin(new Run(`r${i}`, '', ''))
    log.end({ type: 'completed' })
  }
  assert.equal(log.runs.size, 100)
  assert.ok(log.runs.has('r149') && !log.runs.has('r0'))
})
