/** One request on the socket on which a hub answers its workers. */
import { request } from 'node:http'
import { join } from 'node:path'

export type Asked = [method: string, path: string, body?: unknown, headers?: Record<string, string>]

export function askAsWorker(
  dataFolder: string,
  ...[method, path, body, headers = {}]: Asked
): Promise<{ status: number; json: Record<string, unknown> }> {
  const socketPath = join(dataFolder, 'compute/door/hub.sock')
  const all = { host: '127.0.0.1:1', 'content-type': 'application/json', ...headers }
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers: all })
    sent.once('error', reject)
    sent.once('response', response => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text || '{}') }))
    })
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
