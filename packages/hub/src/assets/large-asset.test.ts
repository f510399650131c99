/** A hub as a process of its own: what a large asset costs it, and what a kill leaves of an upload. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { temporaryFolder } from '../testing/test-hub.ts'

const MiB = 2 ** 20
const program = new URL('../testing/hub-process.ts', import.meta.url).pathname

interface RunningHub {
  url: string
  token: string
  child: ChildProcess
}

async function start(t: TestContext, folder: string): Promise<RunningHub> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  atEnd(t, () => kill(child))
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve)
    child.once('exit', code => reject(new Error(`the hub ended with ${code}`)))
  })
  return { ...(JSON.parse(line) as { url: string; token: string }), child }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

/** 0 for one that is ending: it has no memory any more. */
async function memoryOf({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
}

/** The same bytes for the same offset. */
function* pieces(bytes: number, from = 0): Generator<Buffer> {
  for (let at = from; at < bytes; at += MiB) yield Buffer.alloc(Math.min(MiB, bytes - at), (at / MiB) % 251)
}

function idOf(bytes: number): string {
  const hash = createHash('sha256')
  for (const piece of pieces(bytes)) hash.update(piece)
  return `sha256-${hash.digest('hex')}`
}

test('I10 an asset of 200 MB streams up and down while the hub grows by less than half of it', async t => {
  const size = 200 * MiB
  const id = idOf(size)
  const { url, token, child } = await start(t, await temporaryFolder(t))
  const headers = { authorization: `Bearer ${token}` }
  // What the first upload of any size costs once is not what is asked here.
  assert.equal(await upload(url, idOf(20 * MiB), 20 * MiB, headers), 201)
  const before = await memoryOf(child)
  let most = 0
  const watch = setInterval(() => {
    memoryOf(child).then(now => {
      most = Math.max(most, now)
    }, assert.fail)
  }, 20)
  assert.equal(await upload(url, id, size, headers), 201)
  const afterUpload = most
  const hash = createHash('sha256')
  for await (const chunk of (await fetch(`${url}/api/v1/assets/${id}`, { headers })).body!) hash.update(chunk)
  clearInterval(watch)
  assert.equal(`sha256-${hash.digest('hex')}`, id)
  t.diagnostic(
    `the hub grew by ${Math.round((afterUpload - before) / MiB)} MiB up, ${Math.round((most - before) / MiB)} MiB in all`,
  )
  assert.ok(most - before < 100e6, `grew by ${most - before}`)
})

test('AS3 I9 kill -9 in the middle of an upload loses no acknowledged byte', async t => {
  const folder = await temporaryFolder(t)
  const size = 120 * MiB
  const id = idOf(size)
  let acknowledged = 0
  for (let kills = 0; kills < 5; kills++) {
    const hub = await start(t, folder)
    const offset = await offsetOf(hub, id)
    assert.ok(offset >= acknowledged, `${offset} of ${acknowledged}`)
    // A machine that is faster than the kill has stored all of it, which is no loss either.
    if (offset + 2 * MiB >= size) break
    const piece = Buffer.concat([...pieces(size, offset - (offset % MiB))]).subarray(
      offset % MiB,
      (offset % MiB) + 2 * MiB,
    )
    const range = `bytes ${offset}-${offset + piece.length - 1}/${size}`
    assert.equal(await put(hub, id, piece, range), 202)
    acknowledged = offset + piece.length
    const cut = streamUntilKilled(hub, id, acknowledged, size)
    await new Promise(resolve => setTimeout(resolve, 30 + kills * 60))
    await kill(hub.child)
    await cut
  }
  const hub = await start(t, folder)
  const offset = await offsetOf(hub, id)
  assert.ok(offset >= acknowledged)
  const rest = Buffer.concat([...pieces(size)]).subarray(offset)
  if (offset < size) assert.equal(await put(hub, id, rest, `bytes ${offset}-${size - 1}/${size}`), 201)
  assert.equal(await offsetOf(hub, id), size)
})

function upload(url: string, id: string, size: number, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/api/v1/assets/${id}`, {
      method: 'PUT',
      headers: { ...headers, 'content-length': String(size) },
    })
    sent.on('error', reject)
    sent.on('response', response => resolve(response.resume().statusCode!))
    Readable.from(pieces(size), { highWaterMark: 1 }).pipe(sent)
  })
}

async function offsetOf({ url, token }: RunningHub, id: string): Promise<number> {
  const head = await fetch(`${url}/api/v1/assets/${id}`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${token}` },
  })
  return Number(head.headers.get('upload-offset'))
}

async function put({ url, token }: RunningHub, id: string, body: Buffer, range: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-range': range }
  const answer = await fetch(`${url}/api/v1/assets/${id}`, { method: 'PUT', headers, body: new Uint8Array(body) })
  return answer.status
}

/** Sends all the rest; how it ends does not matter. */
function streamUntilKilled({ url, token }: RunningHub, id: string, from: number, size: number): Promise<void> {
  const range = `bytes ${from}-${size - 1}/${size}`
  const headers = { authorization: `Bearer ${token}`, 'content-range': range, 'content-length': String(size - from) }
  return new Promise(resolve => {
    const sent = request(`${url}/api/v1/assets/${id}`, { method: 'PUT', headers })
    sent.on('error', () => resolve())
    sent.on('response', response => response.resume().on('end', resolve))
    Readable.from([Buffer.concat([...pieces(size)]).subarray(from)]).pipe(sent)
  })
}
