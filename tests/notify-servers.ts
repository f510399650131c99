/** An ntfy server, a receiver of webhooks and an incoming webhook of Slack, as strict as what they stand for. */
import assert from 'node:assert/strict'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Teardown {
  after(undo: () => unknown): void
}

export interface Told {
  body: Record<string, unknown>
  text: string
  headers: IncomingMessage['headers']
}

export interface NotifyServer {
  origin: string
  told: Told[]
  wrongs: string[]
  /** Statuses of the next answers; then 200. */
  answers: (number | Answer)[]
}

export interface Answer {
  status: number
  headers?: Record<string, string>
  text?: string
}

async function start(t: Teardown, check: (told: Told) => void): Promise<NotifyServer> {
  const own: NotifyServer = { origin: '', told: [], wrongs: [], answers: [] }
  const server = createServer(async (request, answer) => {
    const text = Buffer.concat((await request.toArray()) as Buffer[]).toString('utf8')
    try {
      assert.equal(request.method, 'POST')
      assert.equal(request.headers['content-type'], 'application/json')
      const told = { body: JSON.parse(text) as Told['body'], text, headers: request.headers }
      check(told)
      const next = own.answers.shift() ?? 200
      const { status, headers = {}, text: said = '' } = typeof next === 'number' ? { status: next } : next
      if (status === 200) own.told.push(told)
      answer.writeHead(status, headers).end(said)
    } catch (error) {
      own.wrongs.push(String(error))
      answer.writeHead(400).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  own.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return own
}

/** Publishing as JSON, as https://docs.ntfy.sh/publish/#publish-as-json has it. */
export function startNtfy(t: Teardown, token: string | null): Promise<NotifyServer> {
  return start(t, ({ body, headers }) => {
    assert.equal(headers.authorization, token === null ? undefined : `Bearer ${token}`)
    const { topic, title, message, priority, tags, click, ...rest } = body
    assert.deepEqual(rest, {}, 'nothing that ntfy does not know')
    assert.match(String(topic), /^[-_A-Za-z0-9]{1,64}$/)
    for (const words of [title, message]) assert.ok(typeof words === 'string' && words.trim() !== '')
    assert.ok(Number.isInteger(priority) && Number(priority) >= 1 && Number(priority) <= 5)
    assert.ok(Array.isArray(tags) && tags.every(tag => /^[a-z_]+$/.test(String(tag))))
    assert.match(String(click), /^https?:\/\//)
  })
}

/** `secret` is read when a message comes. */
export function startWebhook(t: Teardown, secret: () => string): Promise<NotifyServer> {
  return start(t, ({ text, headers }) => {
    const [, seconds = '', mac = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-meshbook-signature'])) ?? []
    const expected = createHmac('sha256', secret()).update(`${seconds}.${text}`).digest()
    assert.ok(timingSafeEqual(expected, Buffer.from(mac, 'hex')), 'the signature is over time and body')
    assert.match(String(headers['x-meshbook-delivery']), /^[\w-]+$/)
  })
}

/** As https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks has it, and its marks in text. */
export function startSlack(t: Teardown): Promise<NotifyServer> {
  return start(t, ({ body }) => {
    const { text, blocks, ...rest } = body
    assert.deepEqual(rest, {}, 'nothing that Slack does not know')
    checkMarks(text)
    assert.ok(Array.isArray(blocks) && blocks.length > 0 && blocks.length <= 50)
    for (const block of blocks) {
      assert.deepEqual(Object.keys(block), ['type', 'text'])
      assert.deepEqual([block.type, block.text.type, block.text.verbatim], ['section', 'mrkdwn', true])
      checkMarks(block.text.text)
      assert.ok(block.text.text.length <= 3_000)
    }
  })
}

/** `<…>` is a link of http(s) with words; every other mark is escaped. */
function checkMarks(text: unknown): void {
  assert.ok(typeof text === 'string' && text.trim() !== '')
  const rest = text.replace(/<https?:\/\/[^<>|\s]+\|[^<>|]+>/g, '')
  assert.ok(!/[<>]|&(?!amp;|lt;|gt;)/.test(rest), text)
}
