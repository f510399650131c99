/**
 * The two ends of a direct connection's TLS: version 1.3, mutual, and each trusts the one certificate that was granted
 * and no other (LAN10, LAN11). What is said over it is not decided here.
 */
import { constants } from 'node:crypto'
import { connect, createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls'
import { MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import { pemOf, type SecureIdentity } from './certificate.ts'
import type { Grant } from './grants.ts'

const version = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const

/** Whoever is not the peer of a grant that this name stands for does not come through the handshake. */
export function secureServer(
  { key, certificate }: SecureIdentity,
  limits: Limits,
  granted: (name: string) => Grant | undefined,
  accept: (socket: TLSSocket, grant: Grant) => void,
): Server {
  const server = createServer(
    {
      ...version,
      key,
      cert: certificate,
      // Without a name that is known nobody is trusted but this device itself, which does not dial here.
      ca: [certificate],
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: limits.handshakeMs,
      secureOptions: constants.SSL_OP_NO_TICKET,
      SNICallback: (name, done) => {
        const grant = granted(name)
        if (!grant) return done(new MeshError('FORBIDDEN', { detail: 'nobody was granted that' }))
        done(null, createSecureContext({ ...version, key, cert: certificate, ca: [trusted(grant)] }))
      },
    },
    socket => {
      const name: unknown = socket.servername
      const grant = typeof name === 'string' ? granted(name) : undefined
      if (grant && isPinned(socket, grant)) accept(socket, grant)
      else socket.destroy()
    },
  )
  // A stranger's mistakes are nobody's news; the socket is closed by then.
  server.on('tlsClientError', (_, socket) => socket.destroy())
  return server
}

export function secureDial(
  { key, certificate }: SecureIdentity,
  grant: Grant,
  host: string,
  { lanDialMs }: Limits,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (detail: string, cause?: Error): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new MeshError('UNREACHABLE', { detail: `${host}: ${detail}`, cause }))
    }
    const socket = connect({
      ...version,
      host,
      port: grant.port,
      servername: grant.name,
      key,
      cert: certificate,
      ca: [trusted(grant)],
      checkServerIdentity: (_, shown) =>
        shown.raw.toString('base64url') === grant.certificate ? undefined : new Error('it is another device'),
    })
    const timer = setTimeout(() => fail('no answer'), lanDialMs)
    socket.once('error', error => fail(error.message, error))
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      if (isPinned(socket, grant)) resolve(socket)
      else fail('it is another device')
    })
  })
}

function trusted({ certificate }: Grant): string {
  return pemOf(Buffer.from(certificate, 'base64url'))
}

function isPinned(socket: TLSSocket, grant: Grant): boolean {
  return socket.authorized && socket.getPeerX509Certificate()?.raw.toString('base64url') === grant.certificate
}
