/**
 * A real S3 server for the tests: s3rver behind a front of our own. s3rver stores and answers as S3 does but does not
 * check signatures of version 4, cannot abort an upload in parts, orders and pages lists in its own way, and takes a range's
 * end of 0 for none. The front checks every request as AWS describes it (key, date, region, signed headers, body), does
 * those three itself, and can be told to misbehave.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { S3Config } from '@meshbook/hub/objects/s3-config.ts'
import S3rver from 's3rver'

const bucket = 'meshbook-test'
const accessKeyId = 'MESHTESTKEY'
const secretAccessKey = 'canary+secret/of+the+test'
const region = 'eu-test-1'
const mostSkewMs = 15 * 60_000

/** What the front does instead of passing a request on. */
export type Fault = 'cut' | 'silent' | 503 | 429 | 500

export class S3Server {
  readonly refused: string[] = []
  /** Uploads in parts that were begun and neither completed nor aborted. */
  readonly open = new Set<string>()
  requests = 0
  /** Asked for every request, with its method and path. */
  fault: (method: string, path: string) => Fault | undefined = () => undefined
  /** Lets a request through and loses its answer. */
  loseAnswer: (method: string, path: string) => boolean = () => false
  /** Alters the body on its way, after it was signed. */
  alter = false
  #server: Server | undefined
  #backPort = 0

  static async start(t: TestContext): Promise<S3Server> {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-s3-'))
    const back = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory: folder,
      vhostBuckets: false,
      configureBuckets: [{ name: bucket }],
    })
    const server = new S3Server()
    server.#backPort = (await back.run()).port
    server.#server = createServer((incoming, answer) => void server.#serve(incoming, answer))
    await new Promise<void>(resolve => server.#server!.listen(0, '127.0.0.1', resolve))
    t.after(async () => {
      server.#server!.closeAllConnections()
      await new Promise(resolve => server.#server!.close(resolve))
      back.httpServer.closeAllConnections()
      await back.close()
      await rm(folder, { recursive: true, force: true })
    })
    return server
  }

  get port(): number {
    return (this.#server!.address() as AddressInfo).port
  }

  config(changes: Partial<S3Config> = {}): S3Config {
    return {
      endpoint: `http://127.0.0.1:${this.port}`,
      bucket,
      region,
      accessKeyId,
      secretAccessKey,
      prefix: 'some/where/',
      pathStyle: true,
      ...changes,
    }
  }

  env(): NodeJS.ProcessEnv {
    return {
      MESHBOOK_S3_ENDPOINT: `http://127.0.0.1:${this.port}`,
      MESHBOOK_S3_BUCKET: bucket,
      MESHBOOK_S3_REGION: region,
      MESHBOOK_S3_ACCESS_KEY_ID: accessKeyId,
      MESHBOOK_S3_SECRET_ACCESS_KEY: secretAccessKey,
    }
  }

  async #serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    this.requests++
    const { method = 'GET', url = '/' } = incoming
    const fault = this.fault(method, url)
    if (fault === 'silent') return
    if (fault === 'cut') return void incoming.socket.destroy()
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    if (this.alter && body.length > 0) body[0]! ^= 1
    if (fault !== undefined) return refuse(answer, fault, 'SlowDown')
    const wrong = wrongWith(method, url, incoming.headers, body)
    if (wrong !== undefined) {
      this.refused.push(wrong)
      return refuse(answer, 403, wrong)
    }
    await this.#pass(method, withBucket(url, incoming.headers.host ?? ''), incoming.headers, body, answer)
  }

  /** To s3rver, which wants to know its own key alone. */
  #pass(
    method: string,
    path: string,
    headers: IncomingHttpHeaders,
    body: Buffer,
    answer: ServerResponse,
  ): Promise<void> {
    const { searchParams } = new URL(path, 'http://x')
    const uploadId = searchParams.get('uploadId')
    if (uploadId !== null && !this.open.has(uploadId)) return Promise.resolve(refuse(answer, 404, 'NoSuchUpload'))
    if (method === 'DELETE' && uploadId !== null) {
      this.open.delete(uploadId)
      answer.writeHead(204).end()
      return Promise.resolve()
    }
    const { authorization: _, host: __, range, ...rest } = headers
    const passed = { ...rest, 'content-length': String(body.length) }
    return new Promise((resolve, reject) => {
      const sent = request({
        host: '127.0.0.1',
        port: this.#backPort,
        method,
        path: path.replace(/&(?:max-keys|start-after)=[^&]*/g, ''),
        headers: { ...passed, ...asAdmin(passed) },
      })
      sent.on('error', reject)
      sent.on('response', response => {
        const parts: Buffer[] = []
        response.on('data', part => parts.push(part))
        response.on('end', () => {
          const whole = Buffer.concat(parts)
          const text = searchParams.has('list-type') ? pageOf(whole.toString(), searchParams) : whole
          this.#follow(method, path, uploadId, response.statusCode!, text)
          if (this.loseAnswer(method, path)) answer.destroy()
          else if (range && response.statusCode === 200) sendRange(answer, range, text)
          else
            answer
              .writeHead(response.statusCode!, {
                ...response.headers,
                ...(method === 'HEAD' ? {} : { 'content-length': text.length }),
              })
              .end(text)
          resolve()
        })
      })
      sent.end(body)
    })
  }

  #follow(method: string, path: string, uploadId: string | null, status: number, text: Buffer): void {
    if (method !== 'POST' || status >= 300) return
    if (uploadId !== null) this.open.delete(uploadId)
    else if (/[?&]uploads/.test(path)) this.open.add(/<UploadId>(.*?)</.exec(text.toString())![1]!)
  }
}

function pageOf(xml: string, query: URLSearchParams): Buffer {
  const after = query.get('start-after') ?? ''
  const most = Number(query.get('max-keys') ?? 1_000)
  const entries = [...xml.matchAll(/<Contents>.*?<Key>(.*?)<\/Key>.*?<\/Contents>/gs)]
    .filter(([, key = '']) => key > after)
    .sort(([, a = ''], [, b = '']) => (a < b ? -1 : 1))
  const page = entries.slice(0, most).map(([entry]) => entry)
  return Buffer.from(
    `<ListBucketResult><IsTruncated>${entries.length > most}</IsTruncated>${page.join('')}</ListBucketResult>`,
  )
}

function sendRange(answer: ServerResponse, range: string, whole: Buffer): void {
  const [start = 0, end = 0] = range.match(/\d+/g)!.map(Number)
  const part = whole.subarray(start, end + 1)
  const told = `bytes ${start}-${start + part.length - 1}/${whole.length}`
  answer.writeHead(206, { 'content-range': told, 'content-length': part.length }).end(part)
}

/** s3rver takes every well-formed signature of version 4 of its own key. */
function asAdmin(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const scope = `${String(headers['x-amz-date']).slice(0, 8)}/us-east-1/s3/aws4_request`
  return {
    authorization: `AWS4-HMAC-SHA256 Credential=S3RVER/${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
  }
}

function refuse(answer: ServerResponse, status: number, code: string): void {
  answer.writeHead(status, { 'content-type': 'application/xml' })
  answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`)
}

const hex = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** The name of what is wrong, as S3 calls it; undefined if the request is signed as it should be. */
function wrongWith(method: string, url: string, headers: IncomingHttpHeaders, body: Buffer): string | undefined {
  const parsed =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    )
  if (!parsed) return 'AccessDenied'
  const [, key, day, wantedRegion, signedHeaders = '', signature = ''] = parsed
  if (key !== accessKeyId) return 'InvalidAccessKeyId'
  if (wantedRegion !== region) return 'AuthorizationHeaderMalformed'
  const date = String(headers['x-amz-date'])
  if (!date.startsWith(day!)) return 'AuthorizationHeaderMalformed'
  if (!['host', 'x-amz-content-sha256', 'x-amz-date'].every(name => signedHeaders.split(';').includes(name)))
    return 'AccessDenied'
  const scope = `${day}/${region}/s3/aws4_request`
  const canonical = canonicalRequest(method, url, headers, signedHeaders)
  const signed = ['AWS4-HMAC-SHA256', date, scope, hex(canonical)].join('\n')
  const signing = ['eu-test-1', 's3', 'aws4_request'].reduce(
    (key, part) => hmac(key, part),
    hmac(`AWS4${secretAccessKey}`, day!),
  )
  if (!timingSafeEqual(hmac(signing, signed), Buffer.from(signature, 'hex'))) return 'SignatureDoesNotMatch'
  if (Math.abs(Date.now() - timeOf(date)) > mostSkewMs) return 'RequestTimeTooSkewed'
  return headers['x-amz-content-sha256'] === hex(body) ? undefined : 'XAmzContentSHA256Mismatch'
}

function canonicalRequest(method: string, url: string, headers: IncomingHttpHeaders, signedHeaders: string): string {
  const [path = '/', search = ''] = url.split('?')
  const query = [...new URLSearchParams(search)]
    .map(pair => pair.map(strictEncoded) as [string, string])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(pair => pair.join('='))
    .join('&')
  const lines = signedHeaders.split(';').map(
    name =>
      `${name}:${String(headers[name] ?? '')
        .trim()
        .replace(/\s+/g, ' ')}\n`,
  )
  const uri = path
    .split('/')
    .map(part => strictEncoded(decodeURIComponent(part)))
    .join('/')
  return [method, uri, query, lines.join(''), signedHeaders, headers['x-amz-content-sha256']].join('\n')
}

const strictEncoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

const timeOf = (date: string): number =>
  Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))

/** A bucket in the host name, put into the path. */
function withBucket(url: string, host: string): string {
  return host.startsWith(`${bucket}.`) ? `/${bucket}${url}` : url
}

/** Reaches the front whatever host a request names, since test names of hosts are in no directory. */
export function fetchVia(port: number): (request: Request) => Promise<Response> {
  return async asked => {
    const url = new URL(asked.url)
    const body = Buffer.from(await asked.arrayBuffer())
    return await new Promise<Response>((resolve, reject) => {
      const headers = { ...Object.fromEntries(asked.headers), host: url.host, 'content-length': String(body.length) }
      const sent = request({ host: '127.0.0.1', port, method: asked.method, path: url.pathname + url.search, headers })
      sent.on('error', reject)
      sent.on('response', response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('end', () => {
          const status = response.statusCode!
          const empty = asked.method === 'HEAD' || status === 204 || status === 304
          const init = {
            status,
            headers: Object.entries(response.headers).map(([k, v]) => [k, String(v)] as [string, string]),
          }
          resolve(new Response(empty ? null : Buffer.concat(chunks), init))
        })
      })
      sent.end(body)
    })
  }
}
