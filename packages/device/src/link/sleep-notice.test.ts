import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Limits, limits } from '@meshbook/core/limits.ts'
import { until } from '../testing/until.ts'
import { parsePrepareForSleep, SleepNotice, type SleepSources, systemPrograms } from './sleep-notice.ts'

const before = '/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (true,)'
const after = '/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (false,)'

/** What `gdbus monitor` prints of a machine that sleeps once, with what else comes by. */
const recorded = `Monitoring signals on object /org/freedesktop/login1 owned by org.freedesktop.login1
The name org.freedesktop.login1 is owned by :1.7
/org/freedesktop/login1: org.freedesktop.DBus.Properties.PropertiesChanged ('org.freedesktop.login1.Manager', {'BlockInhibited': <'handle-lid-switch'>}, @as [])
/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForShutdown (true,)
${before}
/org/freedesktop/login1: org.freedesktop.login1.Manager.SessionNew ('c2', objectpath '/org/freedesktop/login1/session/c2')
${after}
`

test('DV91 of all that the system tells, sleep and its end are understood', () => {
  assert.deepEqual(
    recorded
      .split('\n')
      .map(parsePrepareForSleep)
      .filter(told => told !== undefined),
    [true, false],
  )
  assert.equal(parsePrepareForSleep(`x ${before}`), undefined)
})

interface Scene {
  events: string[]
  say(line: string): void
  clock: { at: number }
}

/** A system whose programs do what the test says; `lock` stands for the one that holds sleep up. */
function scene(t: TestContext, times: Limits = limits): Scene & { finish(): void } {
  const events: string[] = []
  let say = (_: string): void => undefined
  let finish = (): void => undefined
  const clock = { at: 1_000_000 }
  const sources: SleepSources = {
    follow(program, _, onLine) {
      const name = program === 'sh' ? 'monitor' : 'lock'
      if (name === 'monitor') say = onLine
      else events.push('locked')
      return () => void events.push(`${name} ended`)
    },
  }
  const sleeping = () =>
    new Promise<void>(resolve => {
      events.push('sleeping')
      finish = resolve
    })
  const notice = new SleepNotice({ sleeping, woke: () => events.push('woke') }, times, () => clock.at, sources)
  t.after(() => notice.close())
  notice.start()
  return { events, clock, say: line => say(line), finish: () => finish() }
}

test('DV91 sleep waits until what is to be said was said, and is held up again after waking', async t => {
  const { events, say, finish } = scene(t)
  say(before)
  assert.deepEqual(events, ['locked', 'sleeping'])
  finish()
  await until('the lock is given up', () => events.at(-1) === 'lock ended')
  say(after)
  assert.deepEqual(events.slice(3), ['lock ended', 'locked', 'woke'])
})

test('DV92 a clock that ran on by itself says that the machine slept, and a late timer does not', async t => {
  const { events, clock } = scene(t, { ...limits, clockTickMs: 10 })
  clock.at += limits.clockJumpMs - 1_000
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.deepEqual(events, ['locked'])
  clock.at += 3_600_000
  await until('it is noticed', () => events.includes('woke'))
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.equal(events.filter(event => event === 'woke').length, 1)
})

test('DV91 a program that is not there says nothing and breaks nothing, and one that is there ends when it is told', async () => {
  systemPrograms.follow('meshbook-no-such-program', [], () => assert.fail('nothing says anything'))()
  const lines: string[] = []
  const end = systemPrograms.follow('sh', ['-c', 'echo begun; cat > /dev/null; echo ended'], line => lines.push(line))
  await until('it runs', () => lines.includes('begun'))
  end()
  await until('it ended', () => lines.includes('ended'))
})
