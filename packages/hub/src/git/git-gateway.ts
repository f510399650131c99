/**
 * The gateway (GT20–GT25): git over HTTP for the worker of one task, on a socket that is that worker's alone. Fetches are
 * answered from the task repository; a push is read here, and only what is allowed of it reaches git.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import type { Log } from '../log.ts'
import { bytesIn, clearHalfPacks } from './disk-use.ts'
import { readFetchRequest } from './fetch-request.ts'
import { endGroup, type GitConfig, type GitOrder, type GitProgram } from './git-program.ts'
import type { Mirrors } from './mirrors.ts'
import { flush, onBand, packet, readPackets } from './pkt-line.ts'
import {
  type PushCommand,
  type PushHead,
  type PushReport,
  parseReport,
  prefixOf,
  pushCapabilities,
  readPushHead,
  refusalOf,
  reportBytes,
} from './push-commands.ts'
import { zeroCommit } from './ref-list.ts'
import type { TaskRepositories, TaskRepository, TaskScope } from './task-repositories.ts'

export interface GatewayPorts {
  git: GitProgram
  mirrors: Mirrors
  repositories: TaskRepositories
  log: Log
  limits: Limits
  /** A push was taken: commits that are durable now. */
  pushed?: (scope: TaskScope, refs: { ref: string; commit: string }[]) => void
}

export type GitHandler = (request: IncomingMessage, response: ServerResponse) => void

/** Where the worker finds it, behind the host of its socket. */
export const gatewayPath = '/repo.git'

export class GitGateway {
  readonly #ports: GatewayPorts

  constructor(ports: GatewayPorts) {
    this.#ports = ports
  }

  /** For the socket of one worker. The task has a repository already. */
  handlerFor(scope: TaskScope): GitHandler {
    const door = new TaskDoor(this.#ports, scope)
    return (request, response) => void door.serve(request, response)
  }
}

class TaskDoor {
  readonly #ports: GatewayPorts
  readonly #scope: TaskScope
  /** What was offered to the worker: it may ask for it though the refs have moved on. */
  readonly #offered = new Set<string>()
  #requests = 0
  /** Pushes go one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(ports: GatewayPorts, scope: TaskScope) {
    this.#ports = ports
    this.#scope = scope
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.on('close', () => gone.abort(new MeshError('INTERRUPTED', { detail: 'the worker hung up' })))
    // What fails while it is sent is told by the end of the connection.
    response.on('error', () => undefined)
    request.on('error', () => undefined)
    this.#requests++
    try {
      if (this.#requests > this.#ports.limits.gitRequestsPerTask)
        throw new MeshError('TOO_MANY', { detail: 'requests of git at the same time' })
      await this.#answer(request, response, gone.signal)
    } catch (thrown) {
      this.#fail(asMeshError(thrown), request, response)
    } finally {
      this.#requests--
    }
  }

  #fail(error: MeshError, request: IncomingMessage, response: ServerResponse): void {
    const { log } = this.#ports
    if (error.code === 'INTERNAL') log.error({ err: error, task: this.#scope.task }, 'the git gateway failed')
    else log.debug({ task: this.#scope.task, code: error.code, detail: error.detail }, 'the git gateway refused')
    if (response.headersSent) {
      response.destroy()
      return
    }
    request.resume()
    response.writeHead(error.entry.http ?? 500, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
    response.end(`${error.message}\n`)
  }

  async #answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const url = URL.parse(request.url ?? '', 'http://git')
    const route = `${request.method} ${url?.pathname}`
    const service = url?.searchParams.get('service')
    if (route === `GET ${gatewayPath}/info/refs` && service === 'git-upload-pack')
      return this.#offerFetch(request, response, signal)
    if (route === `GET ${gatewayPath}/info/refs` && service === 'git-receive-pack') return this.#offerPush(response)
    if (route === `POST ${gatewayPath}/git-upload-pack`) return this.#fetch(request, response, signal)
    if (route === `POST ${gatewayPath}/git-receive-pack`) return this.#push(request, response, signal)
    throw new MeshError('NOT_FOUND', { detail: 'only git is answered here' })
  }

  #repository(): TaskRepository {
    const found = this.#ports.repositories.find(this.#scope.org, this.#scope.task)
    if (!found) throw new MeshError('NOT_FOUND', { detail: 'the task has no repository' })
    return found
  }

  async #offerFetch(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const repository = this.#repository()
    await this.#refresh(repository, signal)
    const env = protocolOf(request)
    const args = ['upload-pack', '--stateless-rpc', '--advertise-refs', repository.gitDir]
    const { code, stdout } = await this.#ports.git.run({ args, config: uploadConfig, env, signal })
    if (code !== 0) throw new MeshError('INTERNAL', { detail: 'the refs cannot be listed' })
    head(response, 'application/x-git-upload-pack-advertisement')
    response.write(Buffer.concat([packet('# service=git-upload-pack\n'), flush]))
    response.end(stdout)
  }

  /** Without its remote the mirror goes on as it is. */
  async #refresh(repository: TaskRepository, signal: AbortSignal): Promise<void> {
    const { mirrors, repositories, limits, log } = this.#ports
    try {
      await mirrors.fetch(repository.org, repository.repo, { freshMs: limits.mirrorFreshMs, signal })
    } catch (thrown) {
      signal.throwIfAborted()
      log.warn({ task: repository.task, code: asMeshError(thrown).code }, 'a mirror could not be brought up to date')
    }
    await repositories.follow(repository)
    for (const { commit } of await repositories.refs(repository)) this.#offered.add(commit)
  }

  async #fetch(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { git, limits } = this.#ports
    mustBe(request, 'application/x-git-upload-pack-request')
    const repository = this.#repository()
    const env = protocolOf(request)
    const body = await readCapped(bodyOf(request), limits.gitRequestBytes)
    const version = env.GIT_PROTOCOL === undefined ? 0 : 2
    const asked = readFetchRequest(body, version, limits.gitWantsPerRequest)
    const refused = asked.command === 'fetch' ? await this.#firstNotOurs(repository, asked.wants) : null
    head(response, 'application/x-git-upload-pack-result')
    if (refused !== null) {
      response.end(packet(`ERR upload-pack: not our ref ${refused}`))
      return
    }
    const order: GitOrder = {
      args: ['upload-pack', '--stateless-rpc', repository.gitDir],
      config: uploadConfig,
      env,
      signal,
    }
    const child = git.start(order)
    const said = drain(child.stderr)
    child.stdin.end(body)
    const sent = pipeline(child.stdout, response).catch((thrown: unknown) => {
      endGroup(child)
      throw thrown
    })
    const [code] = await Promise.all([git.ended(child, order), sent, said])
    if (code !== 0) this.#ports.log.debug({ task: repository.task, code }, 'a fetch did not end well')
  }

  /** Version 2 of the protocol gives out whatever is named; here it must be of a ref. */
  async #firstNotOurs(repository: TaskRepository, wants: readonly string[]): Promise<string | null> {
    const { repositories } = this.#ports
    for (const { commit } of await repositories.refs(repository)) this.#offered.add(commit)
    for (const want of wants) if (!this.#offered.has(want) && !(await repositories.has(repository, want))) return want
    return null
  }

  /** What there is, so that a push brings only what is new. */
  async #offerPush(response: ServerResponse): Promise<void> {
    const refs = await this.#ports.repositories.refs(this.#repository())
    const words = [...pushCapabilities, 'object-format=sha1', 'agent=meshbook'].join(' ')
    const shown = refs.length > 0 ? refs : [{ name: 'capabilities^{}', commit: zeroCommit }]
    const lines = shown.map(({ name, commit }, i) => packet(`${commit} ${name}${i === 0 ? `\0${words}` : ''}\n`))
    head(response, 'application/x-git-receive-pack-advertisement')
    response.end(Buffer.concat([packet('# service=git-receive-pack\n'), flush, ...lines, flush]))
  }

  async #push(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    mustBe(request, 'application/x-git-receive-pack-request')
    const repository = this.#repository()
    const body = new PushBody(bodyOf(request))
    const asked = await body.head(this.#ports.limits)
    if (asked.commands.length === 0) {
      // Before a large push git asks whether it may.
      await body.drain(this.#ports.limits.gitCommandBytes)
      head(response, 'application/x-git-receive-pack-result')
      response.end()
      return
    }
    const report = await this.#inTurn(() => this.#take(repository, asked, body, signal))
    head(response, 'application/x-git-receive-pack-result')
    const words = asked.capabilities.has('side-band-64k') ? noteOf(report) : Buffer.alloc(0)
    response.end(Buffer.concat([words, reportBytes(report, asked.capabilities)]))
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act)
    this.#last = done.catch(() => undefined)
    return done
  }

  async #take(repository: TaskRepository, asked: PushHead, body: PushBody, signal: AbortSignal): Promise<PushReport> {
    const { limits, repositories } = this.#ports
    signal.throwIfAborted()
    const known = await repositories.refs(repository)
    const now = new Map(known.map(({ name, commit }) => [name, commit]))
    const isAtomic = asked.capabilities.has('atomic')
    const refusals = new Map(asked.commands.map(command => [command.ref, this.#refusal(command, now)]))
    const isBroken = isAtomic && [...refusals.values()].some(reason => reason !== null)
    const wanted = asked.commands.filter(({ ref }) => refusals.get(ref) === null && !isBroken)
    // The same push again, whose first answer was lost: it is there already.
    const fresh = wanted.filter(({ ref, new: next }) => now.get(ref) !== next)
    let report: PushReport = { unpack: 'ok', refs: [] }
    if (fresh.length === 0) await body.drain(limits.gitPackBytes)
    else report = await this.#receive(repository, fresh, isAtomic, body, signal)
    const done = new Map(report.refs.map(({ ref, refused }) => [ref, refused]))
    const refs = asked.commands.map(({ ref }) => {
      const refused = refusals.get(ref) ?? (isBroken ? 'another ref of this push was refused' : null)
      const isFresh = fresh.some(command => command.ref === ref)
      return { ref, refused: refused ?? (isFresh ? (done.has(ref) ? done.get(ref)! : notTaken(report)) : null) }
    })
    const moved = fresh.filter(({ ref }) => refs.some(entry => entry.ref === ref && entry.refused === null))
    if (moved.length > 0)
      this.#ports.pushed?.(
        this.#scope,
        moved.map(({ ref, new: commit }) => ({ ref, commit })),
      )
    return { unpack: report.unpack, refs }
  }

  #refusal(command: PushCommand, now: ReadonlyMap<string, string>): string | null {
    const { task } = this.#scope
    const refused = refusalOf(command, task)
    if (refused !== null || now.has(command.ref)) return refused
    const own = [...now.keys()].filter(name => name.startsWith(prefixOf(task))).length
    return own < this.#ports.limits.gitRefsPerTask ? null : 'the task has too many branches'
  }

  /** Git checks the objects apart from the others, that they are connected, and that each ref is where it was. */
  async #receive(
    repository: TaskRepository,
    commands: readonly PushCommand[],
    isAtomic: boolean,
    body: PushBody,
    signal: AbortSignal,
  ): Promise<PushReport> {
    const { git, limits } = this.#ports
    const left = limits.gitTaskBytes - (await bytesIn(repository.gitDir))
    const most = Math.min(limits.gitPackBytes, left)
    if (most <= 0) {
      await body.drain(limits.gitPackBytes)
      return { unpack: `the task has pushed ${limits.gitTaskBytes} bytes, which is all it may`, refs: [] }
    }
    const order: GitOrder = {
      args: ['receive-pack', '--stateless-rpc', repository.gitDir],
      config: [...receiveConfig, ['receive.maxInputSize', String(most)]],
      signal,
    }
    const child = git.start(order)
    const said = collectText(child.stderr)
    const report = readCapped(child.stdout, limits.gitCommandBytes)
    const words = `report-status${isAtomic ? ' atomic' : ''} object-format=sha1`
    const lines = commands.map(({ old, new: next, ref }, i) =>
      packet(`${old} ${next} ${ref}${i === 0 ? `\0${words}` : ''}\n`),
    )
    child.stdin.write(Buffer.concat([...lines, flush]))
    try {
      const isTooLarge = await body.into(child.stdin, most)
      if (isTooLarge) endGroup(child)
      const [, bytes, stderr] = await Promise.all([git.ended(child, order), report, said])
      if (isTooLarge) {
        await clearHalfPacks(repository.gitDir)
        return { unpack: `the pack has more than ${most} bytes`, refs: [] }
      }
      if (bytes.length > 0) return parseReport(readPackets(bytes))
      return { unpack: unpackError(stderr), refs: [] }
    } catch (thrown) {
      endGroup(child)
      await Promise.allSettled([git.ended(child, { ...order, signal: undefined }), report, said])
      await clearHalfPacks(repository.gitDir)
      throw thrown
    }
  }
}

/** The body of a push: packets, then a pack to the end. */
class PushBody {
  readonly #pieces: AsyncIterator<Buffer>
  #rest = Buffer.alloc(0)

  constructor(stream: Readable) {
    this.#pieces = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  }

  async head(limits: Limits): Promise<PushHead> {
    for (;;) {
      const found = this.#rest.length > 0 ? readPushHead(this.#rest, limits) : null
      if (found) {
        this.#rest = this.#rest.subarray(found.end)
        return found
      }
      const piece = await this.#next()
      if (!piece) throw new MeshError('BAD_REQUEST', { detail: 'the push ends within its commands' })
      this.#rest = Buffer.concat([this.#rest, piece])
    }
  }

  async #next(): Promise<Buffer | null> {
    try {
      const next = await this.#pieces.next()
      return next.done ? null : next.value
    } catch (cause) {
      throw new MeshError('BAD_REQUEST', { detail: 'the push was cut off, or is not packed as it says', cause })
    }
  }

  /** True where there is more than `most`; the rest of it is read and dropped, as git reads no answer before. */
  async into(stdin: NodeJS.WritableStream & { destroyed?: boolean }, most: number): Promise<boolean> {
    let bytes = 0
    for (let piece: Buffer | null = this.#rest; piece; piece = await this.#next()) {
      bytes += piece.length
      if (bytes > most) {
        await this.drain(4 * most)
        return true
      }
      if (piece.length > 0 && !stdin.destroyed && !stdin.write(piece)) await writable(stdin)
    }
    stdin.end()
    return false
  }

  async drain(most: number): Promise<void> {
    let bytes = this.#rest.length
    for (let piece = await this.#next(); piece; piece = await this.#next()) {
      bytes += piece.length
      if (bytes > most) throw new MeshError('TOO_LARGE', { detail: `a push may have ${most} bytes` })
    }
  }
}

/** Also when whoever reads has ended. */
function writable(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise(resolve => {
    const go = (): void => {
      for (const name of ['drain', 'close', 'error']) stream.off(name, go)
      resolve()
    }
    for (const name of ['drain', 'close', 'error']) stream.on(name, go)
  })
}

const uploadConfig: GitConfig = [
  ['uploadpack.advertiseBundleURIs', 'false'],
  ['uploadpack.allowFilter', 'false'],
  ['uploadpack.allowRefInWant', 'false'],
  ['transfer.hideRefs', 'refs/meshbook'],
  ['transfer.advertiseSID', 'false'],
  ['pack.threads', '1'],
  ['pack.windowMemory', '100m'],
]

const receiveConfig: GitConfig = [
  ['receive.fsckObjects', 'true'],
  ['receive.unpackLimit', '1'],
  ['receive.denyCurrentBranch', 'ignore'],
  ['receive.denyDeletes', 'true'],
  ['receive.denyNonFastForwards', 'true'],
  ['transfer.hideRefs', 'refs/meshbook'],
  ['pack.threads', '1'],
]

function protocolOf({ headers }: IncomingMessage): Record<string, string> {
  const asked = headers['git-protocol']
  return typeof asked === 'string' && asked.split(':').includes('version=2') ? { GIT_PROTOCOL: 'version=2' } : {}
}

function mustBe({ headers }: IncomingMessage, type: string): void {
  if (headers['content-type'] !== type) throw new MeshError('BAD_REQUEST', { detail: `the body must be ${type}` })
}

function bodyOf(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding === 'identity') return request
  if (encoding !== 'gzip' && encoding !== 'x-gzip')
    throw new MeshError('BAD_REQUEST', { detail: 'the body may be packed by gzip and nothing else' })
  const plain = createGunzip()
  request.on('error', error => plain.destroy(error))
  request.on('aborted', () => plain.destroy(new Error('cut off')))
  return request.pipe(plain)
}

async function readCapped(stream: Readable, capBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  const capped = new Transform({
    transform(piece: Buffer, _, done) {
      bytes += piece.length
      if (bytes > capBytes) return done(new MeshError('TOO_LARGE', { detail: `the body may have ${capBytes} bytes` }))
      pieces.push(piece)
      done()
    },
  })
  capped.resume()
  try {
    await pipeline(stream, capped)
  } catch (cause) {
    if (cause instanceof MeshError) throw cause
    throw new MeshError('BAD_REQUEST', { detail: 'the body was cut off, or is not packed as it says', cause })
  }
  return Buffer.concat(pieces)
}

async function collectText(stream: Readable): Promise<string> {
  let text = ''
  for await (const piece of stream) if (text.length < 10_000) text += String(piece)
  return text
}

const drain = async (stream: Readable): Promise<void> => void (await collectText(stream))

function head(response: ServerResponse, type: string): void {
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' })
}

const notTaken = ({ unpack }: PushReport): string =>
  unpack === 'ok' ? 'git said nothing of it' : 'the pack was not taken'

/** For the person who reads what git prints. */
function noteOf({ refs }: PushReport): Buffer {
  const refused = refs.filter(entry => entry.refused !== null)
  if (refused.length === 0) return Buffer.alloc(0)
  const lines = refused.map(({ ref, refused: reason }) => `meshbook: ${ref}: ${reason}\n`)
  return onBand(2, Buffer.from(lines.join('').slice(0, 8_000)))
}

function unpackError(stderr: string): string {
  const line = stderr.split('\n').find(text => /^(?:fatal|error):/.test(text)) ?? 'the pack cannot be read'
  return line.replace(/^(?:fatal|error):\s*/, '')
}
