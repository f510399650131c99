/** HTTP requests with exactly the headers a test wants, also those that fetch would set itself. */
import { request } from 'node:http'

export interface RawAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

export function rawRequest(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Uint8Array },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false })
    sent.setTimeout(5_000, () => sent.destroy(new Error(`no answer from ${url}`)))
    sent.on('error', reject)
    sent.on('response', response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
        // A stream does not end by itself: its head is enough.
        if (response.headers['content-type'] === 'text/event-stream') response.destroy()
      })
      response.on('close', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
    })
    sent.end(options.body)
  })
}
