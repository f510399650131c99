import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { kinds, newRing, RingReader, RingWriter } from './ring.ts'

test('messages of every length come out as they went in, around the end of the ring too', () => {
  const memory = newRing()
  const seen: string[] = []
  let woken = 0
  const writer = new RingWriter(memory, () => woken++)
  const reader = new RingReader(memory, (_kind, message) => seen.push(message))
  const sent: string[] = []
  reader.drain(() => true)
  for (let i = 0; i < 60; i++) {
    const message = `${i}${'ü😀'.repeat((i * 7919) % 30_000)}`
    sent.push(message)
    writer.write(kinds.json, message)
    reader.drain(() => true)
  }
  assert.deepEqual(seen, sent)
  assert.equal(woken, 60, 'a sleeping reader is woken each time')
})

test('a full ring blocks the writer until it is read (KN14)', async t => {
  const memory = newRing()
  const source = `
    import { workerData } from 'node:worker_threads'
    const { RingWriter, kinds } = await import(workerData.url)
    const writer = new RingWriter(workerData.memory, () => undefined)
    for (let i = 0; i < 1000; i++) writer.writeText(kinds.stdout, 'x'.repeat(15_000))
  `
  const url = new URL('./ring.ts', import.meta.url).href
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { memory, url },
  })
  t.after(() => worker.terminate())
  let bytes = 0
  const reader = new RingReader(memory, (_kind, message) => (bytes += message.length))
  const timer = setInterval(() => reader.drain(() => true), 1)
  await once(worker, 'exit')
  clearInterval(timer)
  reader.drain(() => true)
  assert.equal(bytes, 15_000_000)
})
