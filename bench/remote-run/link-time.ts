/** What a round trip over the benchmark's slow link takes when there is nothing but the link: timers are late at times. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { TcpProxy } from '../../tests/network/tcp-proxy.ts'
import { at } from './timed.ts'

export async function roundTripMs(oneWayMs: number): Promise<number> {
  const server = createServer(socket => socket.on('error', () => socket.destroy()).pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const proxy = new TcpProxy({ host: '127.0.0.1', port }, oneWayMs)
  const socket = connect(await proxy.listen('127.0.0.1'), '127.0.0.1').setNoDelay(true)
  const took: number[] = []
  for (let i = 0; i < 25; i++) {
    const started = performance.now()
    socket.write('.')
    await once(socket, 'data')
    took.push(performance.now() - started)
  }
  socket.end()
  await once(socket, 'close')
  await proxy.close()
  server.close()
  return at(took, 0.5)
}
