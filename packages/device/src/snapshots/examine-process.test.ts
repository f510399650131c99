import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { addressOf, readTree, type TreeFacts, whatIsLost } from './examine-process.ts'

const own = { address: '127.1.2.3', port: 9_000 }
const tree = (descriptors: [string, string?][], sockets = '', mapped: string[] = []): TreeFacts => ({
  processes: [{ pid: 1, descriptors: descriptors.map(([target, flags = '00']) => ({ target, flags })), mapped }],
  sockets,
})
const line = (local: string, remote: string, state: string, inode: number) =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000 20 4 30 10 -1`

test('SN97 addresses are read as the system writes them', () => {
  assert.equal(addressOf('0100007F:1F90'), '127.0.0.1:8080')
  assert.equal(addressOf('00000000000000000000000001000000:0050'), '[::1]:80')
  assert.equal(addressOf('0000000000000000FFFF00000100000A:0016'), '10.0.0.1:22')
})

test('SN97 a connection to elsewhere is told; the kernel’s own, one within the session and a listener are not', () => {
  const sockets = [
    line('0302017F:2328', '0100007F:D431', '01', 11),
    line('0100007F:1F90', '0200000A:1538', '01', 12),
    line('0100007F:1111', '0100007F:2222', '01', 13),
    line('0100007F:2222', '0100007F:1111', '01', 14),
    line('0100007F:3333', '00000000:0000', '0A', 15),
    line('0100007F:4444', '0900000A:1538', '01', 99),
  ].join('\n')
  const mine = [11, 12, 13, 14, 15].map((inode): [string] => [`socket:[${inode}]`])
  assert.deepEqual(
    whatIsLost(tree(mine, sockets), own).map(({ name }) => name),
    ['connection to 10.0.0.2:5432'],
  )
})

test('SN97 a pipe is told if its other end is outside, and says which', () => {
  const lost = whatIsLost(
    tree([
      ['pipe:[1]', '00'],
      ['pipe:[1]', '01'],
      ['pipe:[2]', '0100001'],
      ['pipe:[3]', '00'],
    ]),
    own,
  )
  assert.deepEqual(
    lost.map(({ name, reason }) => [name, /reads|writes/.exec(reason)![0]]),
    [
      ['pipe:[2]', 'reads'],
      ['pipe:[3]', 'writes'],
    ],
  )
})

test('SN97 memory of a graphics card is told, by its device or its library', () => {
  const named = (facts: TreeFacts) => whatIsLost(facts, own).map(({ name }) => name)
  assert.deepEqual(named(tree([['/dev/nvidia0']])), ['graphics card'])
  assert.deepEqual(named(tree([], '', ['/usr/lib/libcuda.so.535.1'])), ['graphics card'])
  assert.deepEqual(named(tree([['/dev/null']], '', ['/usr/lib/libc.so.6'])), [])
})

test('SN97 a terminal is told unless the session has both of its ends', () => {
  const names = (targets: [string][]) => whatIsLost(tree(targets), own).map(({ name }) => name)
  assert.deepEqual(names([['/dev/pts/3'], ['/dev/pts/3']]), ['/dev/pts/3'])
  assert.deepEqual(names([['/dev/pts/3'], ['/dev/ptmx']]), [])
})

test('SN97 of a real process with a child: the pipe to us and the connection', {
  skip: process.platform !== 'linux',
}, async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const code = `const s = require('net').connect(${port}, '127.0.0.1', () => console.log('ready')); require('child_process').spawn('sleep', ['30'], { stdio: 'ignore' })`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => {
    child.kill('SIGKILL')
    server.close()
  })
  const connected = once(server, 'connection')
  await once(child.stdout!, 'data')
  const [socket] = await connected
  t.after(() => socket.destroy())
  const facts = await readTree(child.pid!)
  t.after(() => {
    for (const { pid } of facts.processes) if (pid !== child.pid) process.kill(pid, 'SIGKILL')
  })
  assert.equal(facts.processes.length, 2)
  const lost = whatIsLost(facts, own).map(({ name }) => name)
  assert.ok(lost.includes(`connection to 127.0.0.1:${port}`), lost.join())
})
