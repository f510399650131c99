/** Lets an HTTPS server answer plain HTTP on the same port too: the first byte of a connection says which it is (TL6). */
import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import { limits } from '@meshbook/core/limits.ts'

/** Of the record that begins a TLS handshake. */
const handshake = 0x16

/** Returns what cuts off those that have not said anything yet. */
export function openBothDoors(server: Server, waitMs: number = limits.handshakeMs): () => void {
  const encrypted = server.listeners('connection') as ((socket: Socket) => void)[]
  const waiting = new Set<Socket>()
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const late = setTimeout(() => socket.destroy(), waitMs)
    const isOver = (): void => {
      clearTimeout(late)
      waiting.delete(socket)
    }
    waiting.add(socket)
    const fail = (): void => void socket.destroy()
    socket.once('error', fail)
    socket.once('close', isOver)
    socket.once('readable', () => {
      const first = socket.read(1) as Buffer | null
      // Ended before it said anything.
      if (first === null) return void socket.destroy()
      isOver()
      socket.removeListener('close', isOver)
      socket.removeListener('error', fail)
      socket.unshift(first)
      if (first[0] === handshake) for (const listener of encrypted) listener.call(server, socket)
      // What follows a finished handshake is the server's HTTP.
      else server.emit('secureConnection', socket)
    })
  })
  return () => {
    for (const socket of waiting) socket.destroy()
  }
}
