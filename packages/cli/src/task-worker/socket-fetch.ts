/** `fetch` over a unix socket, for clients that take one: the host of an address is of no meaning, its path is. */
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

/** Nobody listens at the socket: nothing of the request was sent. */
const unsent = new Set(['ENOENT', 'ECONNREFUSED'])
const noticedMs = 100

/** `there` is waited for before each request, also again where nobody listened after all (TW25). */
export function fetchOver(socketPath: string, there: (signal: AbortSignal) => Promise<void>): typeof fetch {
  const ask = fetchOnce(socketPath)
  return async (input, init) => {
    const asked = new Request(input, init)
    const body = asked.body === null ? undefined : Buffer.from(await asked.arrayBuffer())
    for (;;) {
      await there(asked.signal)
      try {
        return await ask(asked, body)
      } catch (thrown) {
        const { cause } = thrown as { cause?: NodeJS.ErrnoException }
        if (asked.signal.aborted || !unsent.has(cause?.code ?? '')) throw thrown
      }
      await sleep(noticedMs, undefined, { signal: asked.signal })
    }
  }
}

function fetchOnce(socketPath: string): (asked: Request, body: Buffer | undefined) => Promise<Response> {
  return (asked, body) => {
    const { pathname, search, host } = new URL(asked.url)
    const headers = {
      ...Object.fromEntries(asked.headers),
      host,
      ...(body && { 'content-length': String(body.byteLength) }),
    }
    return new Promise((resolve, reject) => {
      const options = { socketPath, path: `${pathname}${search}`, method: asked.method, headers, signal: asked.signal }
      const sent = request(options, answer => {
        const status = answer.statusCode ?? 502
        const hasBody = ![204, 205, 304].includes(status) && asked.method !== 'HEAD'
        if (!hasBody) answer.resume()
        const pairs = Object.entries(answer.headersDistinct).flatMap(([name, values]) =>
          (values ?? []).map((value): [string, string] => [name, value]),
        )
        const stream = hasBody ? (Readable.toWeb(answer) as ReadableStream<Uint8Array>) : null
        resolve(new Response(stream, { status, headers: pairs }))
      })
      sent.once('error', cause =>
        reject(asked.signal.aborted ? asked.signal.reason : new TypeError('fetch failed', { cause })),
      )
      sent.end(body)
    })
  }
}
