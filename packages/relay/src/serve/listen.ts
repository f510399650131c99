/** A server begins to listen and stops, with the errors of the catalogue. */
import type { Server } from 'node:http'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'

export interface ListeningPlace {
  host: string
  /** 0: any that is free. */
  port: number
}

export async function listenAt(server: Server, { host, port }: ListeningPlace): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(listenError(error, { host, port })))
    server.listen({ port, host }, resolve)
  })
}

function listenError(error: NodeJS.ErrnoException, { host, port }: ListeningPlace): MeshError {
  if (error.code === 'EADDRINUSE') return new MeshError('PORT_IN_USE', { detail: `port ${port}`, cause: error })
  if (error.code === 'EACCES')
    return new MeshError('BAD_CONFIG', { detail: `PORT: this user may not listen on port ${port}`, cause: error })
  return new MeshError('BAD_CONFIG', { detail: `MESHBOOK_HOST: cannot listen on ${host}`, cause: error })
}

/** Waits for requests that are being answered, though not for long. */
export async function stopListening(server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  server.closeIdleConnections()
  const cut = setTimeout(() => server.closeAllConnections(), limits.shutdownMs / 5)
  await closed
  clearTimeout(cut)
}
