/** A git server for tests: real repositories by `git http-backend`, behind basic authentication as hosts have it. */
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Cleanup } from '../mesh-process.ts'

const exec = promisify(execFile)

/** As a person at a desk has it, with nothing of this machine. */
export const desk: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
}

/** Its output without the last line break; throws what git said. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await exec('git', ['-c', 'protocol.file.allow=always', ...args], {
    cwd: folder,
    env: desk,
    maxBuffer: 256 * 1024 * 1024,
  })
  return stdout.replace(/\n$/, '')
}

export interface SeenRequest {
  method: string
  url: string
  authorization: string | undefined
}

export class GitRemote {
  readonly folder: string
  readonly url: string
  /** Null: everybody may do everything. */
  credential: { username: string; password: string } | null
  readonly seen: SeenRequest[] = []
  /** Addresses of its repositories. */
  readonly repositories: string[] = []
  /** Milliseconds before each answer; `Infinity`: none comes. */
  delayMs = 0
  /** Of a git host, before git is asked: true where it answered. */
  api: ((request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>) | null = null
  /** In place of the one credential. */
  admits: ((username: string, password: string) => boolean) | null = null
  /** Redirects everything there. */
  movedTo: string | null = null

  private constructor(folder: string, server: Server, credential: GitRemote['credential']) {
    this.folder = folder
    this.credential = credential
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(t: Cleanup, credential: GitRemote['credential'] = null): Promise<GitRemote> {
    const folder = await mkdtemp(join(tmpdir(), 'meshbook-remote-'))
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const remote = new GitRemote(folder, server, credential)
    server.on('request', (request, response) => void remote.answer(request, response))
    t.after(async () => {
      server.close()
      server.closeAllConnections()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    })
    return remote
  }

  /** A bare repository with one commit of these files on `main`. */
  async repository(name: string, files: Record<string, string> = { 'README.md': '# Hello\n' }): Promise<string> {
    const bare = this.bare(name)
    await mkdir(dirname(bare), { recursive: true })
    await git(this.folder, 'init', '-q', '--bare', '--initial-branch=main', bare)
    await git(bare, 'config', 'http.receivepack', 'true')
    if (Object.keys(files).length > 0) await this.commit(name, 'main', files, 'first')
    this.repositories.push(`${this.url}/${name}.git`)
    return `${this.url}/${name}.git`
  }

  bare(name: string): string {
    return join(this.folder, `${name}.git`)
  }

  /** A commit on a branch, as somebody with access makes it; a text of null removes the file. */
  async commit(name: string, branch: string, files: Record<string, string | null>, message = 'more'): Promise<string> {
    const work = await mkdtemp(join(this.folder, 'work-'))
    await git(work, 'clone', '-q', this.bare(name), 'at')
    const at = join(work, 'at')
    const known = await git(at, 'ls-remote', 'origin', `refs/heads/${branch}`)
    await (known === '' ? git(at, 'checkout', '-q', '-B', branch) : git(at, 'checkout', '-q', branch))
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(at, path)), { recursive: true })
      if (text === null) await rm(join(at, path))
      else await writeFile(join(at, path), text)
    }
    await git(at, 'add', '-A')
    await git(at, 'commit', '-q', '--allow-empty', '-m', message)
    await git(at, 'push', '-q', 'origin', `HEAD:refs/heads/${branch}`)
    const commit = await git(at, 'rev-parse', 'HEAD')
    await rm(work, { recursive: true })
    return commit
  }

  async refs(name: string): Promise<Record<string, string>> {
    const text = await git(this.bare(name), 'for-each-ref', '--format=%(refname) %(objectname)')
    return Object.fromEntries(
      text
        .split('\n')
        .filter(Boolean)
        .map(line => line.split(' ') as [string, string]),
    )
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request
    const { authorization } = request.headers
    this.seen.push({ method, url, authorization })
    if (this.delayMs === Number.POSITIVE_INFINITY) return
    if (this.delayMs > 0) await new Promise(resolve => setTimeout(resolve, this.delayMs))
    if (this.movedTo !== null) {
      response.writeHead(301, { location: this.movedTo + url }).end()
      return
    }
    if (await this.api?.(request, response, new URL(url, this.url))) return
    if (!this.#mayEnter(authorization)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('Unauthorized')
      return
    }
    await this.#backend(request, response)
  }

  #mayEnter(authorization: string | undefined): boolean {
    if (this.admits !== null) {
      const [name, encoded = ''] = (authorization ?? '').split(' ')
      const [username = '', password = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(/:(.*)/s)
      return name === 'Basic' && this.admits(username, password)
    }
    if (this.credential === null) return true
    const { username, password } = this.credential
    return authorization === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  }

  #backend(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const header = (name: string): string => String(request.headers[name] ?? '')
    const child = spawn('git', ['http-backend'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...desk,
        GIT_PROJECT_ROOT: this.folder,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: header('content-type'),
        ...(request.headers['content-length'] && { CONTENT_LENGTH: header('content-length') }),
        HTTP_CONTENT_ENCODING: header('content-encoding'),
        HTTP_GIT_PROTOCOL: header('git-protocol'),
        GIT_PROTOCOL: header('git-protocol'),
        REMOTE_USER: this.credential?.username ?? 'anybody',
        REMOTE_ADDR: '127.0.0.1',
      },
    })
    child.stdin.on('error', () => undefined)
    request.pipe(child.stdin)
    response.on('close', () => child.kill())
    return new Promise(resolve => {
      let head: Buffer | null = Buffer.alloc(0)
      child.stdout.on('data', (piece: Buffer) => {
        if (head === null) return void response.write(piece)
        head = Buffer.concat([head, piece])
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        const lines = head.subarray(0, end).toString('latin1').split('\r\n')
        const headers = Object.fromEntries(lines.map(line => line.split(/:\s*/, 2) as [string, string]))
        const { Status = '200', ...rest } = headers
        response.writeHead(Number.parseInt(Status, 10), rest)
        response.write(head.subarray(end + 4))
        head = null
      })
      child.on('close', () => {
        response.end()
        resolve()
      })
    })
  }
}
