/**
 * The checkout of a task, made and saved by git as the tools' user (TW30-TW32). What git says is data of strangers: it is
 * capped and parsed, and nothing of it is trusted; what may be pushed is decided outside of the worker.
 */
import type { TaskOrder } from '@meshbook/core/broker.ts'
import { MeshError } from '@meshbook/core/errors.ts'
import { limits } from '@meshbook/core/limits.ts'
import { commitSchema } from '@meshbook/core/task-events.ts'
import type { Workspace } from '@meshbook/engine/agent/workspace.ts'
import * as v from 'valibot'

export interface Saved {
  commit: string
  files: number
  added: number
  removed: number
}

interface Asked {
  /** Exit codes that are answers. */
  also?: readonly number[]
  env?: Readonly<Record<string, string>>
}

const saidBytes = 256 * 1024
const pushTries = 3
const name = 'Meshbook'
const email = 'agent@meshbook.invalid'
/** Whose commits these are, for git. */
export const author = {
  GIT_AUTHOR_NAME: name,
  GIT_AUTHOR_EMAIL: email,
  GIT_COMMITTER_NAME: name,
  GIT_COMMITTER_EMAIL: email,
}
/** Neither hooks nor programs that the repository names: what we do must not depend on what was written there. */
const quiet = [
  ...[
    'core.hooksPath=/dev/null',
    'core.fsmonitor=false',
    'commit.gpgSign=false',
    'gc.auto=0',
    'maintenance.auto=false',
  ],
  ...['protocol.version=2', 'advice.detachedHead=false', 'core.untrackedCache=true'],
].flatMap(setting => ['-c', setting])
const env = { ...author, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' }

export class Checkout {
  readonly #workspace: Workspace
  readonly #order: TaskOrder
  readonly #signal: AbortSignal
  /** The commit that is outside of the worker. */
  #saved: string
  #isChanged = false

  private constructor(workspace: Workspace, order: TaskOrder, saved: string, signal: AbortSignal) {
    this.#workspace = workspace
    this.#order = order
    this.#saved = saved
    this.#signal = signal
  }

  /** `saved`: the last checkpoint of the task, if there was one. */
  static async open(
    workspace: Workspace,
    { order, gitPort, saved }: { order: TaskOrder; gitPort: number; saved: string | undefined },
    signal: AbortSignal,
  ): Promise<Checkout> {
    const wanted = saved ?? order.base
    const checkout = new Checkout(workspace, order, wanted, signal)
    await checkout.#lay(addressOf(order.repo, gitPort), wanted, saved !== undefined)
    checkout.#isChanged = saved !== undefined
    return checkout
  }

  /** A commit of everything on the branch, pushed; null where there is nothing that was not saved before. */
  async save(message: string): Promise<Saved | null> {
    await this.#git(['add', '-A'])
    const { code } = await this.#run(['diff', '--cached', '--quiet'], { also: [1] })
    if (code === 1) await this.#git(['commit', '-q', '--no-verify', '--allow-empty-message', '-m', message])
    const head = await this.#head()
    if (head === this.#saved) return null
    const commit = await this.#pushed(head, message)
    this.#saved = commit
    this.#isChanged = true
    return { commit, ...(await this.#changed(commit)) }
  }

  /**
   * The same while somebody is at work who may be using git in this moment: neither the branch nor the index is touched.
   * What comes next goes on from this commit (TW31).
   */
  async saveBeside(message: string): Promise<Saved | null> {
    const beside = { env: { GIT_INDEX_FILE: '.git/meshbook-index' } }
    await this.#copyIndex()
    await this.#run(['add', '-A'], beside)
    const tree = (await this.#run(['write-tree'], beside)).said.trim()
    const before = (await this.#run(['rev-parse', '--verify', `${this.#saved}^{tree}`])).said.trim()
    if (tree === before) return null
    const head = await this.#head()
    const { code } = await this.#run(['merge-base', '--is-ancestor', head, this.#saved], { also: [1] })
    const parents = ['-p', this.#saved, ...(code === 0 ? [] : ['-p', head])]
    const commit = v.parse(
      commitSchema,
      (await this.#run(['commit-tree', v.parse(commitSchema, tree), ...parents, '-m', message])).said.trim(),
    )
    await this.#git(['push', '-q', '--no-verify', 'origin', `${commit}:refs/heads/${this.#order.branch}`])
    this.#saved = commit
    this.#isChanged = true
    return { commit, ...(await this.#changed(commit)) }
  }

  /** Git puts a new index in the place of the old one as a whole, so a copy is one or the other. */
  async #copyIndex(): Promise<void> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(limits.requestMs)])
    const copying = await this.#workspace.start({ argv: ['cp', '.git/index', '.git/meshbook-index'] }, signal)
    copying.closeInput()
    for await (const _ of copying.output);
    if ((await copying.ended).code !== 0) throw new MeshError('UNREACHABLE', { detail: 'the index cannot be copied' })
  }

  /** Whether anything of the task is outside of the worker. */
  get isChanged(): boolean {
    return this.#isChanged
  }

  async #pushed(head: string, message: string): Promise<string> {
    const { branch } = this.#order
    for (let attempt = 1; ; attempt += 1) {
      const commit = await this.#onward(head, message)
      try {
        await this.#git(['push', '-q', '--no-verify', 'origin', `${commit}:refs/heads/${branch}`])
        return commit
      } catch (thrown) {
        // The agent may have pushed by itself; then we go on from there.
        const moved = await this.#remoteHead()
        if (attempt === pushTries || moved === undefined || moved === this.#saved) throw thrown
        this.#saved = moved
      }
    }
  }

  /** Of the branch outside; undefined where it is not there. */
  async #remoteHead(): Promise<string | undefined> {
    const { code } = await this.#run(['fetch', '-q', '--no-tags', 'origin', `refs/heads/${this.#order.branch}`], {
      also: [1, 128],
    })
    if (code !== 0) return undefined
    const { said } = await this.#run(['rev-parse', '--verify', 'FETCH_HEAD'])
    return v.parse(commitSchema, said.trim())
  }

  async #lay(address: string, wanted: string, isSaved: boolean): Promise<void> {
    const { branch } = this.#order
    const found = await this.#run(['rev-parse', '--verify', '-q', 'HEAD'], { also: [1, 128] })
    if (found.code === 0) await this.#git(['config', 'remote.origin.url', address])
    else {
      await this.#git(['init', '-q', '-b', branch])
      await this.#git(['remote', 'add', 'origin', address])
    }
    await this.#git(['config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*'])
    const has = await this.#run(['cat-file', '-e', `${wanted}^{commit}`], { also: [1, 128] })
    if (has.code !== 0) await this.#fetch(wanted, isSaved)
    // A prepared checkout is this commit already: nothing has to be looked at, file by file.
    if (found.said.trim() === wanted) {
      await this.#git(['update-ref', `refs/heads/${branch}`, wanted])
      await this.#git(['symbolic-ref', 'HEAD', `refs/heads/${branch}`])
    } else await this.#git(['checkout', '-q', '--force', '-B', branch, wanted])
  }

  async #fetch(wanted: string, isSaved: boolean): Promise<void> {
    // With all of its history: agents look into it, and what is shallow cannot be pushed.
    const { code } = await this.#run(['fetch', '-q', '--no-tags', 'origin', wanted], { also: [1, 128] })
    if (code === 0) return
    // Not every server gives what is asked for by its hash.
    const refs = isSaved ? [`+refs/heads/${this.#order.branch}`] : []
    await this.#git(['fetch', '-q', 'origin', ...refs])
  }

  /** Itself, where it goes on from what was saved; otherwise a commit that does, and has it as a second parent. */
  async #onward(head: string, message: string): Promise<string> {
    const { code } = await this.#run(['merge-base', '--is-ancestor', this.#saved, head], { also: [1] })
    if (code === 0) return head
    const { said } = await this.#run(['commit-tree', `${head}^{tree}`, '-p', this.#saved, '-p', head, '-m', message])
    const commit = v.parse(commitSchema, said.trim())
    await this.#git(['update-ref', 'HEAD', commit])
    return commit
  }

  async #head(): Promise<string> {
    const { said } = await this.#run(['rev-parse', '--verify', 'HEAD'])
    return v.parse(commitSchema, said.trim())
  }

  async #changed(commit: string): Promise<Omit<Saved, 'commit'>> {
    const { said } = await this.#run([
      'diff',
      '--numstat',
      '--no-renames',
      '--no-textconv',
      '--no-ext-diff',
      this.#order.base,
      commit,
    ])
    const lines = said.split('\n').filter(line => /^(?:\d+|-)\t(?:\d+|-)\t/.test(line))
    const sum = (index: number): number =>
      lines.reduce((total, line) => total + (Number.parseInt(line.split('\t')[index]!, 10) || 0), 0)
    return { files: lines.length, added: sum(0), removed: sum(1) }
  }

  async #git(args: readonly string[]): Promise<void> {
    await this.#run(args)
  }

  async #run(
    args: readonly string[],
    { also = [], env: more = {} }: Asked = {},
  ): Promise<{ code: number; said: string }> {
    const argv = ['git', ...quiet, ...args]
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(limits.gitRequestMs)])
    const running = await this.#workspace.start({ argv, env: { ...env, ...more } }, signal)
    running.closeInput()
    let said = ''
    let problem = ''
    for await (const { stream, bytes } of running.output) {
      const text = Buffer.from(bytes).toString('utf8')
      if (stream === 'stdout' && said.length < saidBytes) said += text
      if (stream === 'stderr') problem = (problem + text).slice(-2_000)
    }
    const { code } = await running.ended
    if (code !== null && (code === 0 || also.includes(code))) return { code, said }
    const words = problem.trim().split('\n').slice(-3).join(' ').slice(0, 500)
    throw new MeshError('UNREACHABLE', { detail: `git ${args[0]}: ${words || `ended with ${code ?? 'a signal'}`}` })
  }
}

/** The bridge to the broker in the place of what the broker calls itself. */
function addressOf(repo: string, port: number): string {
  const { pathname } = new URL(repo, 'http://git')
  return `http://127.0.0.1:${port}${pathname}`
}
