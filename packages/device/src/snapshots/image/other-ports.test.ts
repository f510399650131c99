/** A port that somebody has where a session is restored (SN29). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../testing/temporary-folder.ts'
import { boundPlacesOf, connectionsOf } from './criu-images.ts'
import { imagesWithFreePorts } from './other-ports.ts'

const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) | 0x80, ...varint(value >>> 7)])
const number = (field: number, value: number) => [...varint(field * 8), ...varint(value)]
const bytes = (field: number, value: number[]) => [...varint(field * 8 + 2), ...varint(value.length), ...value]
const localhost = 0x0100007f
const far = 0x0100007f + 0x05000000

/** As CRIU writes it: id, number of the inode, family, type, protocol, state, ports, flags, backlog, addresses. */
function socket(id: number, state: number, port: number, address = localhost, protocol = 6): Buffer {
  const words = [...varint(address >>> 0)]
  const fields = [number(1, id), number(2, 99), number(3, 2), number(4, 1), number(5, protocol), number(6, state)]
  const more = [number(7, port), number(8, state === 1 ? 443 : 0), number(9, 2), number(10, 100), bytes(11, words)]
  const inner = [...fields, ...more, ...[bytes(12, [0]), bytes(20, [1, 2, 3])]].flat()
  const entry = Buffer.from([...number(1, 2), ...number(2, id), ...bytes(4, inner)])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(entry.length)
  return Buffer.concat([length, entry])
}

async function images(sockets: Buffer[]): Promise<{ folder: string; work: string }> {
  const top = await temporaryFolder()
  const [folder, work] = [join(top, 'images'), join(top, 'work')]
  for (const each of [folder, work]) await mkdir(each)
  const marks = Buffer.alloc(8)
  marks.writeUInt32LE(0x54564319)
  await writeFile(join(folder, 'files.img'), Buffer.concat([marks, ...sockets]))
  await writeFile(join(folder, 'pages-1.img'), 'pages')
  return { folder, work }
}

test('SN29 what listens on a port that is taken here listens on another; the rest of the images is as it was', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const it = await images([socket(1, 10, port), socket(2, 1, 50_001), socket(3, 10, port, far)])
  const before = await readFile(join(it.folder, 'files.img'))
  const { folder, notes } = await imagesWithFreePorts(it.folder, '127.9.9.9', it.work)
  const after = await readFile(join(folder, 'files.img'))
  const [moved, stays] = boundPlacesOf(after)
  assert.notEqual(moved!.port, port)
  assert.deepEqual([stays!.address, stays!.port], ['127.0.0.6', port])
  assert.deepEqual(connectionsOf(after), connectionsOf(before))
  assert.deepEqual(notes, [
    `Port ${port} of 127.0.0.1 is taken here: what listened there is on port ${moved!.port} now.`,
  ])
  assert.ok((await lstat(join(folder, 'pages-1.img'))).isSymbolicLink())
  assert.deepEqual(await readFile(join(it.folder, 'files.img')), before, 'what was opened is not changed')
})

test('SN29 images whose ports are free, and the place of the kernel itself, are taken as they are', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const it = await images([socket(1, 10, port), socket(2, 1, port)])
  assert.deepEqual(await imagesWithFreePorts(it.folder, '127.0.0.1', it.work), { folder: it.folder, notes: [] })
  const udp = await images([socket(1, 7, 1, localhost, 17)])
  assert.equal((await imagesWithFreePorts(udp.folder, '', udp.work)).folder, udp.folder)
})
