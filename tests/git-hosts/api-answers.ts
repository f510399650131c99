/** What the stand-ins of git hosts share: bodies that are read strictly, answers as JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http'

export async function readBody(request: IncomingMessage): Promise<Record<string, unknown> | null> {
  let text = ''
  for await (const piece of request) text += String(piece)
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

export function answer(response: ServerResponse, status: number, body: unknown): true {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
  return true
}
