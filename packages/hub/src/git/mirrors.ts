/**
 * Mirrors of repositories (GT10–GT16): bare, one an org and address, brought up to date by one fetch at a time. Each has
 * a note beside its repository of what it is, when it was fetched and when it was last used.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { asMeshError, MeshError } from '@meshbook/core/errors.ts'
import type { Now, OrgId } from '@meshbook/core/ids.ts'
import type { Limits } from '@meshbook/core/limits.ts'
import * as v from 'valibot'
import { writeWhole } from '../backup/whole-file.ts'
import type { Log } from '../log.ts'
import type { OutgoingPorts } from '../outgoing/guarded-request.ts'
import { bytesIn, clearHalves } from './disk-use.ts'
import { type AuthFor, type Authorized, remoteFailure, withAuth } from './git-auth.ts'
import { type GitAnswer, type GitProgram, type GitRun, lastLine } from './git-program.ts'
import { hasLongHashes, parseHead, parseRefs, type Ref, refFormat } from './ref-list.ts'
import { checkedWay, parseRemote, type Remote, type RemoteRules } from './remote.ts'

export interface MirrorsPorts {
  /** Everything of git that the hub keeps. */
  folder: string
  git: GitProgram
  authFor: AuthFor
  rules: RemoteRules
  resolve: OutgoingPorts['resolve']
  now: Now
  log: Log
  limits: Pick<
    Limits,
    'gitPackBytes' | 'mirrorsBytes' | 'gitRequestMs' | 'gitLookMs' | 'mirrorHeadMs' | 'packsPerMirror'
  >
}

const noteSchema = v.object({
  org: v.string(),
  repo: v.string(),
  /** The default branch. */
  head: v.nullable(v.string()),
  headAt: v.number(),
  fetchedAt: v.number(),
  usedAt: v.number(),
  bytes: v.number(),
})
type Note = v.InferOutput<typeof noteSchema>

export interface Mirror {
  org: OrgId
  repo: string
  gitDir: string
  /** The default branch; null where the remote has no commit. */
  head: string | null
  fetchedAt: number
}

interface FetchOptions {
  /** What was fetched not longer ago than this is good enough. */
  freshMs?: number
  signal?: AbortSignal | undefined
}

export class Mirrors {
  readonly #ports: MirrorsPorts
  readonly #folder: string
  readonly #notes = new Map<string, Note>()
  readonly #fetching = new Map<string, Promise<Mirror>>()
  readonly #saving = new Map<string, Promise<void>>()
  /** How many need a mirror. */
  readonly #holds = new Map<string, number>()

  private constructor(ports: MirrorsPorts) {
    this.#ports = ports
    this.#folder = join(ports.folder, 'mirrors')
  }

  static async open(ports: MirrorsPorts): Promise<Mirrors> {
    const mirrors = new Mirrors(ports)
    await mkdir(mirrors.#folder, { recursive: true, mode: 0o700 })
    for (const key of await readdir(mirrors.#folder)) await mirrors.#know(key)
    return mirrors
  }

  async #know(key: string): Promise<void> {
    const text = await readFile(join(this.#folder, key, 'note.json'), 'utf8').catch(() => '')
    const note = v.safeParse(v.pipe(v.string(), v.parseJson(), noteSchema), text)
    // One that was being made when the hub ended.
    if (!note.success || key !== keyOf(note.output.org as OrgId, note.output.repo)) await this.#remove(key)
    else this.#notes.set(key, note.output)
  }

  gitDirOf(org: OrgId, repo: string): string {
    return join(this.#folder, keyOf(org, repo), 'repo.git')
  }

  /** The default branch of one that is there. */
  headOf(org: OrgId, repo: string): string | null {
    return this.#notes.get(keyOf(org, repo))?.head ?? null
  }

  /** It stays until the returned function is called, however little it is used. */
  hold(org: OrgId, repo: string): () => void {
    const key = keyOf(org, repo)
    this.#holds.set(key, (this.#holds.get(key) ?? 0) + 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const left = (this.#holds.get(key) ?? 1) - 1
      if (left > 0) this.#holds.set(key, left)
      else this.#holds.delete(key)
    }
  }

  /** Made if it is not there, brought up to date unless it is fresh. Who asks meanwhile waits for the same fetch. */
  async fetch(org: OrgId, repo: string, { freshMs = 0, signal }: FetchOptions = {}): Promise<Mirror> {
    const key = keyOf(org, repo)
    const note = this.#notes.get(key)
    if (note && freshMs > 0 && this.#ports.now() - note.fetchedAt <= freshMs) return this.#use(key, note)
    let fetching = this.#fetching.get(key)
    if (!fetching) {
      fetching = this.#fetchHeld(key, org, repo).finally(() => this.#fetching.delete(key))
      this.#fetching.set(key, fetching)
    }
    return signal ? orAborted(fetching, signal) : fetching
  }

  async refs({ gitDir }: Pick<Mirror, 'gitDir'>): Promise<Ref[]> {
    const args = ['for-each-ref', refFormat, 'refs/heads', 'refs/tags']
    return parseRefs(await this.#ports.git.text({ args, gitDir }))
  }

  /** The commit of a branch or of the default one; null where there is none. */
  async commitOf(mirror: Mirror, branch: string | null): Promise<string | null> {
    const name = branch ?? mirror.head
    if (name === null) return null
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `refs/heads/${name}^{commit}`]
    const { code, stdout } = await this.#ports.git.run({ args, gitDir: mirror.gitDir })
    return code === 0 ? stdout.toString('utf8').trim() : null
  }

  /** Runs git that talks to the remote of a repository, as its credential lets. */
  async atRemote<T>(
    { org, repo, signal }: { org: OrgId; repo: string; signal?: AbortSignal | undefined },
    use: (remote: Remote, authorized: Authorized) => Promise<T>,
  ): Promise<T> {
    const { rules, resolve, authFor, limits, folder } = this.#ports
    const remote = parseRemote(repo)
    const stop = AbortSignal.any([AbortSignal.timeout(limits.gitRequestMs), ...(signal ? [signal] : [])])
    const way = await checkedWay(remote, rules, resolve, stop)
    const auth = await authFor(org, repo, stop)
    return withAuth({ remote, way, auth, knownHosts: join(folder, 'known-hosts') }, authorized =>
      use(remote, authorized),
    )
  }

  async #fetchHeld(key: string, org: OrgId, repo: string): Promise<Mirror> {
    const isNeeded = this.#holds.has(key)
    const release = this.hold(org, repo)
    try {
      return await this.#fetchNow(key, org, repo).catch(async (thrown: unknown) => {
        const error = asMeshError(thrown)
        if (isNeeded || !error.detail?.startsWith(damagedMirror)) throw error
        this.#ports.log.warn({ repo: parseRemote(repo).host }, 'a mirror is damaged and made anew')
        await this.#remove(key)
        return this.#fetchNow(key, org, repo)
      })
    } finally {
      release()
    }
  }

  async #fetchNow(key: string, org: OrgId, repo: string): Promise<Mirror> {
    const { now, limits } = this.#ports
    const gitDir = this.gitDirOf(org, repo)
    const known = this.#notes.get(key)
    const remote = parseRemote(repo)
    if (known) await clearHalves(gitDir)
    else await this.#make(key)
    try {
      const note: Note = await this.atRemote({ org, repo }, async (_, authorized) => {
        const at = now()
        const isOld = !known || at - known.headAt > limits.mirrorHeadMs || known.head === null
        const head = isOld ? await this.#askHead(remote, authorized) : known.head
        await this.#fetchFrom(remote, gitDir, authorized)
        const bytes = await bytesIn(gitDir)
        return { org, repo, head, headAt: isOld ? at : known.headAt, fetchedAt: at, usedAt: now(), bytes }
      })
      await this.#tidy(gitDir)
      await this.#save(key, note)
      await this.#makeRoom(key)
      return { org, repo, gitDir, head: note.head, fetchedAt: note.fetchedAt }
    } catch (thrown) {
      if (!known) await this.#remove(key)
      throw thrown
    }
  }

  async #make(key: string): Promise<void> {
    const folder = join(this.#folder, key)
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await this.#ports.git.text({ args: initArgs(join(folder, 'repo.git')) })
  }

  async #askHead(remote: Remote, authorized: Authorized): Promise<string | null> {
    const answer = await this.#ports.git.run({
      ...authorized,
      args: ['ls-remote', '--symref', '--', remote.url, 'HEAD'],
    })
    if (answer.code !== 0 || answer.isCut) throw remoteFailure(remote, answer)
    const text = answer.stdout.toString('utf8')
    if (hasLongHashes(text))
      throw new MeshError('BAD_REQUEST', { detail: 'the repository has SHA-256 hashes, which no git host here takes' })
    return parseHead(text)
  }

  async #fetchFrom(remote: Remote, gitDir: string, authorized: Authorized): Promise<void> {
    const flags = ['--prune', '--force', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--quiet']
    const specs = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*']
    const run: GitRun = { ...authorized, gitDir, args: ['fetch', ...flags, '--', remote.url, ...specs] }
    const answer = await this.#runCapped(run, gitDir)
    if (answer.code === 0) return
    if (answer.stderr.includes(gitDir) || damaged.test(answer.stderr))
      throw new MeshError('INTERNAL', { detail: `${damagedMirror} ${lastLine(answer.stderr)}` })
    throw remoteFailure(remote, answer)
  }

  /** Git itself knows no cap for what a fetch brings, so its folder is looked at meanwhile. */
  async #runCapped(run: GitRun, gitDir: string): Promise<GitAnswer> {
    const { git, limits } = this.#ports
    const before = await bytesIn(join(gitDir, 'objects'))
    const tooLarge = new AbortController()
    let looking: Promise<void> = Promise.resolve()
    const look = async (): Promise<void> => {
      const bytes = (await bytesIn(join(gitDir, 'objects'))) - before
      if (bytes <= limits.gitPackBytes) return
      tooLarge.abort(
        new MeshError('TOO_LARGE', { detail: `the repository has more than ${limits.gitPackBytes} bytes` }),
      )
    }
    const timer = setInterval(() => {
      looking = looking.then(look)
    }, limits.gitLookMs)
    try {
      const answer = await git.run({ ...run, signal: tooLarge.signal })
      await looking
      await look()
      tooLarge.signal.throwIfAborted()
      return answer
    } finally {
      clearInterval(timer)
      await looking
    }
  }

  /** Many fetches make many packs. What nothing names stays too (GT14). */
  async #tidy(gitDir: string): Promise<void> {
    const packs = (await readdir(join(gitDir, 'objects', 'pack'))).filter(name => name.endsWith('.pack'))
    if (packs.length <= this.#ports.limits.packsPerMirror) return
    await this.#ports.git.text({ gitDir, args: ['repack', '-a', '-d', '-k', '-q'] })
  }

  async #use(key: string, note: Note): Promise<Mirror> {
    const { org, repo, head, fetchedAt } = note
    const usedAt = this.#ports.now()
    if (usedAt - note.usedAt > usedMs) await this.#save(key, { ...note, usedAt })
    return { org: org as OrgId, repo, gitDir: join(this.#folder, key, 'repo.git'), head, fetchedAt }
  }

  async #save(key: string, note: Note): Promise<void> {
    this.#notes.set(key, note)
    const before = this.#saving.get(key) ?? Promise.resolve()
    const saving = before.then(async () => {
      const newest = this.#notes.get(key)
      if (newest) await writeWhole(join(this.#folder, key, 'note.json'), JSON.stringify(newest))
    })
    // Who comes next writes what is newest then, whatever became of this.
    this.#saving.set(
      key,
      saving.catch(() => undefined),
    )
    await saving
  }

  async #makeRoom(justUsed: string): Promise<void> {
    const { mirrorsBytes } = this.#ports.limits
    const all = [...this.#notes].sort(([, a], [, b]) => a.usedAt - b.usedAt)
    let bytes = all.reduce((sum, [, note]) => sum + note.bytes, 0)
    for (const [key, note] of all) {
      if (bytes <= mirrorsBytes) return
      if (key === justUsed || this.#holds.has(key) || this.#fetching.has(key)) continue
      await this.#remove(key)
      bytes -= note.bytes
    }
  }

  /** Under another name first, so that what is left of a removal is no mirror. */
  async #remove(key: string): Promise<void> {
    this.#notes.delete(key)
    const folder = join(this.#folder, key)
    const going = join(this.#folder, `${key}.going`)
    await rm(going, { recursive: true, force: true })
    await rename(folder, going).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'ENOENT') throw thrown
    })
    await rm(going, { recursive: true, force: true })
  }
}

/** When a mirror was last used is noted this exactly. */
const usedMs = 10_000

const damaged = /bad object|is corrupt|unable to read|missing (?:blob|tree|commit)|bad tree/i
const damagedMirror = 'the mirror is damaged:'

/** A repository without samples of hooks, in which nothing is found that nobody put there. */
export function initArgs(gitDir: string): string[] {
  return ['init', '--quiet', '--bare', '--template=', '--initial-branch=main', '--', gitDir]
}

export function keyOf(org: OrgId, repo: string): string {
  return createHash('sha256').update(`${org} ${repo}`).digest('hex').slice(0, 40)
}

export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
