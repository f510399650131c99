/**
 * Joins by the browser of this machine (RFC 8252): it opens the hub's page, the user confirms, and the page leads back to
 * a port of loopback with a code that only this process can use, by its verifier (PKCE) and the device's key.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { joinProofText, pairingUrl } from '@meshbook/core/pairing.ts'
import { type AuthorizeDevice, deviceTokenSchema, type Newcomer } from '@meshbook/core/pairing-api.ts'
import type { DeviceKey } from '@meshbook/device/device-key.ts'
import type { HubDoor } from './hub-door.ts'

const secret = (): string => randomBytes(32).toString('base64url')

export async function joinByRedirect(
  door: HubDoor,
  key: DeviceKey,
  device: Newcomer,
  open: (url: string) => void,
): Promise<void> {
  const state = secret()
  const verifier = secret()
  const back = await listenForRedirect(state)
  try {
    const asked: AuthorizeDevice = {
      ...device,
      redirectUri: back.uri,
      state,
      codeChallenge: createHash('sha256').update(verifier).digest('base64url'),
    }
    open(pairingUrl(door.hub, 'redirect', Buffer.from(JSON.stringify(asked)).toString('base64url')))
    const code = await back.code
    const answer = await door.form(
      '/auth/device/token',
      {
        client_id: 'meshbook',
        grant_type: 'authorization_code',
        code,
        redirect_uri: back.uri,
        code_verifier: verifier,
        proof: key.sign(joinProofText(new URL(door.hub).host, code, verifier)),
      },
      deviceTokenSchema,
    )
    if ('error' in answer) throw new MeshError('PAIRING_REFUSED', { detail: answer.about })
  } finally {
    back.close()
  }
}

interface Redirect {
  uri: string
  code: Promise<string>
  close(): void
}

const path = '/paired'

async function listenForRedirect(state: string): Promise<Redirect> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  let timer: NodeJS.Timeout | undefined
  const code = new Promise<string>((resolve, reject) => {
    const late = new MeshError('TIMEOUT', { detail: 'nobody confirmed in the browser; `meshbook pair` needs none' })
    timer = setTimeout(() => reject(late), limits.deviceGrantMs)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const shown = answer(request, response, host, state)
      if (shown === 'denied') reject(new MeshError('PAIRING_REFUSED', { detail: 'it was refused in the browser' }))
      else if (shown) resolve(shown.code)
    })
  })
  // Whoever waits for it is told; until then it may fail without anybody listening.
  code.catch(() => undefined)
  return {
    uri: `http://${host}${path}`,
    code,
    close() {
      clearTimeout(timer)
      server.close()
      server.closeIdleConnections()
    },
  }
}

/** Only the page that knows the state is listened to; others, such as pages that try ports, get nothing. */
function answer(
  { method, headers, url }: IncomingMessage,
  response: ServerResponse,
  host: string,
  state: string,
): { code: string } | 'denied' | undefined {
  const asked = URL.parse(url ?? '', `http://${host}`)
  const code = asked?.searchParams.get('code')
  const denied = asked?.searchParams.get('error') === 'access_denied'
  const isOurs = method === 'GET' && headers.host === host && asked?.pathname === path
  if (!isOurs || asked.searchParams.get('state') !== state || !(code || denied)) {
    response.writeHead(404, { connection: 'close' }).end()
    return undefined
  }
  response
    .writeHead(200, pageHeaders)
    .end(page(denied ? 'This machine was not added' : 'This machine is one of your devices now'))
  return code ? { code } : 'denied'
}

const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  connection: 'close',
}

function page(title: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Meshbook</title><style>body{font:16px/1.6 system-ui,sans-serif;max-width:30rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark;text-align:center}</style><h1>${title}</h1><p>You can close this page and go back to the terminal.</p></html>`
}
