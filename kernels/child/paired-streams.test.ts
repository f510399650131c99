import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PairedStreams } from './paired-streams.ts'

const mark = (word: string) => `\x1b]mb;n;${word}\x07`

function streams(room = () => true) {
  const seen: string[] = []
  const paired = new PairedStreams('n', {
    text: (kind, text) => seen.push(`${kind}:${text}`),
    word: word => seen.push(`word:${word}`),
    hasRoom: room,
  })
  return { paired, seen }
}

test('KN33 however the two streams come in, nothing passes a barrier before all in front of it in both', () => {
  const out = Buffer.from(`a${mark('b1')}${mark('b2')}c${mark('b3')}${mark('m1')}`)
  const err = Buffer.from(`${mark('b1')}b${mark('b2')}${mark('b3')}`)
  for (let cut = 0; cut <= out.length; cut++) {
    for (const order of ['out err out', 'err out out', 'out out err']) {
      const { paired, seen } = streams()
      const pieces = [out.subarray(0, cut), out.subarray(cut)]
      for (const kind of order.split(' '))
        paired.push(kind === 'out' ? 'stdout' : 'stderr', kind === 'out' ? pieces.shift()! : err)
      assert.deepEqual(seen, ['stdout:a', 'stderr:b', 'stdout:c', 'word:m1'], `${order} at ${cut}`)
    }
  }
})

test('KN33 a barrier that one stream lacks is made up for by a later one', () => {
  const { paired, seen } = streams()
  paired.push('stdout', Buffer.from(`a${mark('b1')}b`))
  assert.deepEqual(seen, ['stdout:a'])
  paired.push('stderr', Buffer.from(mark('b2')))
  assert.deepEqual(seen, ['stdout:a', 'stdout:b'])
})

test('KN14 without room nothing is handed over, and nothing is lost', () => {
  let room = false
  const { paired, seen } = streams(() => room)
  paired.push('stdout', Buffer.from('a'))
  paired.push('stderr', Buffer.from('b'))
  assert.deepEqual([seen, paired.heldUnits('stdout')], [[], 1])
  room = true
  paired.advance()
  assert.deepEqual(seen, ['stdout:a', 'stderr:b'])
})

test('KN34 when the interpreter has ended, what waits at a barrier is told', () => {
  const { paired, seen } = streams()
  paired.push('stdout', Buffer.from(`${mark('b1')}last words`))
  paired.release()
  assert.deepEqual(seen, ['stdout:last words'])
})
