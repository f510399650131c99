/**
 * A runtime that speaks MRP, strict about what it receives, with a real Python behind it: each dialect that is in use,
 * by a switch. What it takes for wrong is answered with 400 and kept in `complaints`, which must be empty at the end.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { PythonRuntime, type RuntimeEvent } from './python-runtime.ts'

export interface Dialect {
  /** How `start` and `stdin_request` name the run; `own`: by an id that the runtime made itself. */
  id: 'execId' | 'exec_id' | 'own'
  text: 'content' | 'both' | 'accumulated'
  /** Displays come as events, or only in the result, or their bytes are fetched. */
  displays: 'events' | 'result' | 'assets'
  /** A ping and a comment between all events. */
  pings: boolean
  lineEnd: '\n' | '\r\n'
  /** Everything at the end, in one piece. */
  eager: boolean
  lacks: readonly string[]
}

export const dialects = {
  plain: { id: 'execId', text: 'content', displays: 'events', pings: false, lineEnd: '\n', eager: false, lacks: [] },
  accumulating: {
    id: 'execId',
    text: 'both',
    displays: 'result',
    pings: true,
    lineEnd: '\r\n',
    eager: false,
    lacks: [],
  },
  older: {
    id: 'exec_id',
    text: 'accumulated',
    displays: 'assets',
    pings: true,
    lineEnd: '\n',
    eager: false,
    lacks: ['inspect', 'input/cancel'],
  },
  eager: {
    id: 'own',
    text: 'content',
    displays: 'result',
    pings: false,
    lineEnd: '\n',
    eager: true,
    lacks: ['input', 'input/cancel', 'complete', 'inspect', 'variables'],
  },
} as const satisfies Record<string, Dialect>

type Body = Record<string, unknown>
type Reply = { status: number; body: Body }

const ids = { execId: 'string', exec_id: 'string', session: 'string' }
const fields: Record<string, Record<string, string>> = {
  'execute/stream': { code: 'string', storeHistory: 'boolean', ...ids },
  input: { text: 'string', ...ids },
  'input/cancel': ids,
  interrupt: ids,
  complete: { code: 'string', cursor: 'number', session: 'string' },
  inspect: { code: 'string', cursor: 'number', detail: 'number', session: 'string' },
  variables: { session: 'string' },
  reset: { session: 'string' },
}

export class MrpServer {
  readonly complaints: string[] = []
  /** Ids that came with orders, in order. */
  readonly orders: string[] = []
  readonly requests: string[] = []
  readonly #dialect: Dialect
  readonly #runtime: PythonRuntime
  readonly #assets = new Map<string, Buffer>()
  #server: Server | undefined
  #port = 0
  #turn: Promise<unknown> = Promise.resolve()
  #number = 0

  private constructor(dialect: Dialect, runtime: PythonRuntime) {
    this.#dialect = dialect
    this.#runtime = runtime
  }

  static async start(t: TestContext, dialect: Dialect, cwd: string): Promise<MrpServer> {
    const server = new MrpServer(dialect, await PythonRuntime.start(t, cwd))
    t.after(async () => {
      await server.stop()
      assert.deepEqual(server.complaints, [], 'the client kept to the protocol')
    })
    await server.listen()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mrp/v1`
  }

  async listen(): Promise<void> {
    this.#server = createServer((request, response) => void this.#serve(request, response)).listen(
      this.#port,
      '127.0.0.1',
    )
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Cuts every connection; what runs goes on. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }

  /** Cuts the connections that there are; new ones are taken. */
  cut(): void {
    this.#server?.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(/^\/mrp\/v1\//, '')
    this.requests.push(`${request.method} ${path}`)
    if (request.method === 'GET' && path.startsWith('assets/')) return this.#sendAsset(response, path)
    const body = await this.#bodyOf(request, path)
    if (this.#dialect.lacks.includes(path)) return send(response, { status: 404, body: { error: 'Not found' } })
    if (!body) return send(response, { status: 400, body: { error: 'not understood' } })
    if (path === 'execute/stream') return this.#inTurn(() => this.#execute(body, response))
    send(response, { status: 200, body: await this.#answer(path, body) })
  }

  #sendAsset(response: ServerResponse, path: string): void {
    const bytes = this.#assets.get(decodeURIComponent(path.slice('assets/'.length)))
    response.writeHead(bytes ? 200 : 404, { 'content-type': 'image/png' }).end(bytes)
  }

  async #bodyOf(request: IncomingMessage, path: string): Promise<Body | undefined> {
    const wanted = Object.hasOwn(fields, path) ? fields[path] : undefined
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const body = parsed(text)
    const wrong = !wanted
      ? `${request.method} ${path} is no request`
      : request.method !== 'POST' || request.headers['content-type'] !== 'application/json'
        ? `${path} was not posted as JSON`
        : complaintOf(body, wanted)
    if (wrong) this.complaints.push(wrong)
    return wrong ? undefined : body
  }

  async #answer(path: string, body: Body): Promise<Body> {
    const about = { code: body.code, cursor: body.cursor }
    switch (path) {
      case 'input':
        return { accepted: await this.#input(body) }
      case 'input/cancel':
        return { cancelled: await this.#runtime.interrupt() }
      case 'interrupt':
        return { interrupted: await this.#runtime.interrupt() }
      case 'complete':
        return this.#runtime.complete(about)
      case 'inspect':
        return this.#runtime.inspect(about)
      case 'variables':
        return this.#runtime.variables()
      default:
        await this.#runtime.restart()
        return { success: true }
    }
  }

  async #input({ text, execId }: Body): Promise<boolean> {
    if (execId !== this.#idOf(this.orders.at(-1)!)) this.complaints.push(`input for ${execId}, which asks nothing`)
    if (!String(text).endsWith('\n')) this.complaints.push('an answer is a whole line')
    return this.#runtime.input(String(text).slice(0, -1))
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }

  #idOf(given: string): string {
    return this.#dialect.id === 'own' ? `own-${this.#number}` : given
  }

  async #execute({ code, execId, exec_id: other }: Body, response: ServerResponse): Promise<void> {
    if (execId !== other) this.complaints.push('two ids for one run')
    this.orders.push(String(execId))
    this.#number++
    const stream = new DialectStream(response, this.#dialect, this.#idOf(String(execId)), this.#assets)
    await stream.start()
    for await (const event of this.#runtime.execute(String(code))) await stream.write(event)
    await stream.end()
  }
}

/** One run, told in the words of a dialect. */
class DialectStream {
  readonly #response: ServerResponse
  readonly #dialect: Dialect
  readonly #id: string
  readonly #assets: Map<string, Buffer>
  readonly #whole = { stdout: '', stderr: '' }
  readonly #displays: Body[] = []
  readonly #files: Body[] = []
  #held = ''
  #result: Body | string | null = null

  constructor(response: ServerResponse, dialect: Dialect, id: string, assets: Map<string, Buffer>) {
    this.#response = response
    this.#dialect = dialect
    this.#id = id
    this.#assets = assets
  }

  async start(): Promise<void> {
    if (!this.#dialect.eager) this.#head()
    await this.#send('start', { ...this.#named(), timestamp: new Date().toISOString() })
  }

  #head(): void {
    this.#response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  }

  #named(): Body {
    return { [this.#dialect.id === 'exec_id' ? 'exec_id' : 'execId']: this.#id }
  }

  async write(event: RuntimeEvent): Promise<void> {
    switch (event.type) {
      case 'stdout':
      case 'stderr':
        return this.#text(event.type, event.text)
      case 'display':
        return this.#display(event.data)
      case 'question':
        return this.#send('stdin_request', { prompt: event.prompt, password: event.password, ...this.#named() })
      case 'result':
        this.#result = event.text
        return
      case 'completed':
        return this.#send('result', this.#outcome())
      case 'failed':
        return this.#send('error', { ...event.error, line: null, column: null })
    }
  }

  #text(kind: 'stdout' | 'stderr', text: string): Promise<void> {
    const { text: how } = this.#dialect
    if (this.#whole[kind].length < 1_000_000 || how !== 'content') this.#whole[kind] += text
    const accumulated = this.#whole[kind]
    if (this.#dialect.eager) return Promise.resolve()
    return this.#send(kind, {
      ...(how === 'accumulated' ? {} : { content: text }),
      ...(how === 'content' ? {} : { accumulated }),
    })
  }

  async #display(data: Record<string, string>): Promise<void> {
    const { displays } = this.#dialect
    if (displays === 'events') return this.#send('display', { data, metadata: {} })
    const image = data['image/png']
    if (displays === 'result' || image === undefined) this.#displays.push({ data, metadata: {} })
    else {
      const path = `figure ${this.#assets.size + 1}.png`
      this.#assets.set(path, Buffer.from(image, 'base64'))
      // The address that it names is nobody's: a client that goes there is lost.
      this.#files.push({ path, url: 'http://127.0.0.1:1/elsewhere.png', mimeType: 'image/png', assetType: 'image' })
    }
  }

  #outcome(): Body {
    const { stdout, stderr } = this.#whole
    const text = stdout.length < 1_000_000 ? { stdout, stderr } : { stdout: '', stderr: '' }
    const shown = { displayData: this.#displays, assets: this.#files }
    return { success: true, ...text, result: this.#result, error: null, ...shown, executionCount: 1, duration: 1 }
  }

  async end(): Promise<void> {
    await this.#send('done', {})
    if (this.#dialect.eager) this.#head()
    this.#response.end(this.#held)
  }

  async #send(event: string, data: Body): Promise<void> {
    const { lineEnd, pings, eager } = this.#dialect
    const ping = pings ? [': keep', 'event: ping', 'data: {}', ''] : []
    const text = [...ping, `event: ${event}`, `data: ${JSON.stringify(data)}`, '', ''].join(lineEnd)
    if (eager) this.#held += text
    else if (!this.#response.destroyed && !this.#response.write(text)) await drained(this.#response)
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

function parsed(text: string): Body {
  try {
    return JSON.parse(text) as Body
  } catch {
    return {}
  }
}

function complaintOf(body: Body, wanted: Record<string, string>): string | undefined {
  const missing = Object.keys(wanted).filter(name => typeof body[name] !== wanted[name])
  const more = Object.keys(body).filter(name => !Object.hasOwn(wanted, name))
  return missing.length + more.length > 0 ? `wrong fields: ${[...missing, ...more].join(', ')}` : undefined
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
