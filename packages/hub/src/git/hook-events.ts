/** What a delivery asks for (GT64): a task with these words, or nothing, and why. Pure. */
import { type Hook, hookOrderSchema } from '@meshbook/core/hooks-api.ts'
import { limits } from '@meshbook/core/limits.ts'
import { explainIssues } from '@meshbook/core/messages.ts'
import type { NewTask } from '@meshbook/core/tasks-api.ts'
import * as v from 'valibot'

export type Wanted =
  | { task: Pick<NewTask, 'prompt' | 'base' | 'branch'>; by: string; at: number | null }
  | { ignored: string }
  | { malformed: string }

type Rules = Pick<Hook, 'kind' | 'repo' | 'label' | 'word' | 'people'>

export function wantedBy(rules: Rules, headers: Headers, body: unknown): Wanted {
  if (rules.kind === 'github') return ofGithub(rules, headers.get('x-github-event') ?? '', body)
  if (rules.kind === 'gitlab') return ofGitlab(rules, body)
  const order = v.safeParse(hookOrderSchema, body)
  if (!order.success) return { malformed: explainIssues(order.issues) }
  return { task: order.output, by: 'hook', at: null }
}

const text = v.string()
const words = v.nullish(text, '')
const time = v.pipe(
  text,
  v.check(value => !Number.isNaN(Date.parse(value)), 'expected a time'),
)

const githubIssue = v.object({
  number: v.number(),
  title: text,
  body: words,
  html_url: text,
  updated_at: time,
  pull_request: v.optional(v.unknown()),
})
const githubRepository = v.object({
  full_name: text,
  clone_url: text,
  ssh_url: v.optional(text),
  html_url: v.optional(text),
})
const githubLabeled = v.object({
  action: text,
  issue: githubIssue,
  label: v.optional(v.object({ name: text })),
  repository: githubRepository,
  sender: v.object({ login: text }),
})
const githubComment = v.object({
  action: text,
  issue: githubIssue,
  comment: v.object({
    body: text,
    created_at: time,
    author_association: text,
    user: v.object({ login: text, type: v.optional(text) }),
  }),
  repository: githubRepository,
})

/** Who may write to the repository, as GitHub says it. */
const writers = ['OWNER', 'MEMBER', 'COLLABORATOR']

function ofGithub(rules: Rules, event: string, body: unknown): Wanted {
  if (event === 'ping') return { ignored: 'a ping: the hook works' }
  if (event === 'issues') {
    const found = v.safeParse(githubLabeled, body)
    if (!found.success) return { malformed: explainIssues(found.issues) }
    const { action, issue, label, repository, sender } = found.output
    const refused = otherRepository(rules, [repository.clone_url, repository.ssh_url, repository.html_url])
    if (refused) return refused
    if (action !== 'labeled' || rules.label === undefined || label?.name !== rules.label)
      return { ignored: `an issue that did not get the label ${rules.label ?? '(none is set)'}` }
    return { task: promptOf(issue, issue.html_url, null), by: sender.login, at: Date.parse(issue.updated_at) }
  }
  if (event !== 'issue_comment') return { ignored: `events of kind ${event.slice(0, 50)} start nothing` }
  const found = v.safeParse(githubComment, body)
  if (!found.success) return { malformed: explainIssues(found.issues) }
  const { action, issue, comment, repository } = found.output
  const refused = otherRepository(rules, [repository.clone_url, repository.ssh_url, repository.html_url])
  if (refused) return refused
  if (action !== 'created') return { ignored: 'only a new comment starts a task' }
  const { login, type } = comment.user
  if (type === 'Bot') return { ignored: 'a comment of a program' }
  const isTrusted = writers.includes(comment.author_association) || rules.people?.includes(login)
  return commentWanted(
    rules,
    { said: comment.body, login, isTrusted: isTrusted ?? false, at: Date.parse(comment.created_at) },
    () => promptOf(issue, issue.html_url, null),
  )
}

const gitlabProject = v.object({
  git_http_url: text,
  git_ssh_url: v.optional(text),
  web_url: v.optional(text),
})
const gitlabUser = v.object({ username: text })
const gitlabIssue = v.object({ title: text, description: words, url: v.optional(text), updated_at: v.optional(text) })
const gitlabLabels = v.array(v.object({ title: text }))
const gitlabEvent = v.variant('object_kind', [
  v.object({
    object_kind: v.literal('issue'),
    user: gitlabUser,
    project: gitlabProject,
    object_attributes: gitlabIssue,
    changes: v.optional(v.object({ labels: v.optional(v.object({ previous: gitlabLabels, current: gitlabLabels })) })),
  }),
  v.object({
    object_kind: v.literal('note'),
    user: gitlabUser,
    project: gitlabProject,
    object_attributes: v.object({
      note: text,
      noteable_type: text,
      url: v.optional(text),
      created_at: v.optional(text),
    }),
    issue: v.optional(gitlabIssue),
  }),
])

function ofGitlab(rules: Rules, body: unknown): Wanted {
  const kind = v.safeParse(v.object({ object_kind: text }), body)
  if (kind.success && !['issue', 'note'].includes(kind.output.object_kind))
    return { ignored: `events of kind ${kind.output.object_kind.slice(0, 50)} start nothing` }
  const found = v.safeParse(gitlabEvent, body)
  if (!found.success) return { malformed: explainIssues(found.issues) }
  const event = found.output
  const { git_http_url: http, git_ssh_url: ssh, web_url: web } = event.project
  const refused = otherRepository(rules, [http, ssh, web])
  if (refused) return refused
  const login = event.user.username
  if (event.object_kind === 'issue') {
    const has = (labels: { title: string }[] = []): boolean => labels.some(({ title }) => title === rules.label)
    const { labels } = event.changes ?? {}
    if (rules.label === undefined || !has(labels?.current) || has(labels?.previous))
      return { ignored: `an issue that did not get the label ${rules.label ?? '(none is set)'}` }
    const { title, description, url = '', updated_at: at } = event.object_attributes
    return { task: promptOf({ title, body: description }, url, null), by: login, at: timeOf(at) }
  }
  const { note, noteable_type: about, url = '', created_at: at } = event.object_attributes
  if (about !== 'Issue' || !event.issue) return { ignored: 'a comment that is not about an issue' }
  const { title, description } = event.issue
  // GitLab does not say what the author may do.
  const isTrusted = rules.people?.includes(login) ?? false
  return commentWanted(rules, { said: note, login, isTrusted, at: timeOf(at) }, () =>
    promptOf({ title, body: description }, url, null),
  )
}

/** GitLab has `2024-01-31 12:00:00 UTC` as well. */
function timeOf(said: string | undefined): number | null {
  const at = Date.parse((said ?? '').replace(/^(\S+) (\S+) UTC$/, '$1T$2Z'))
  return Number.isNaN(at) ? null : at
}

interface Said {
  said: string
  login: string
  isTrusted: boolean
  at: number | null
}

function commentWanted(rules: Rules, { said, login, isTrusted, at }: Said, issue: () => { prompt: string }): Wanted {
  const [first = ''] = said.trimStart().split(/\s/, 1)
  if (rules.word === undefined || first !== rules.word)
    return { ignored: `a comment that does not begin with ${rules.word ?? '(no word is set)'}` }
  if (!isTrusted) return { ignored: `${login} may not start tasks here` }
  const rest = said.trimStart().slice(first.length).trim()
  const { prompt } = issue()
  return { task: { prompt: cut(rest === '' ? prompt : `${rest}\n\nThis was said of:\n\n${prompt}`) }, by: login, at }
}

function promptOf(
  { title, body }: { title: string; body: string | null },
  url: string,
  said: string | null,
): { prompt: string } {
  return { prompt: cut([said, `# ${title}`, body ?? '', url && `Issue: ${url}`].filter(Boolean).join('\n\n')) }
}

function cut(prompt: string): string {
  const bytes = Buffer.from(prompt)
  if (bytes.length <= limits.taskPromptBytes) return prompt
  return `${bytes
    .subarray(0, limits.taskPromptBytes - 100)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}\n\n(cut here)`
}

/** One secret may be used for many repositories; the hook is for one. */
function otherRepository({ repo }: Rules, addresses: readonly (string | undefined)[]): { ignored: string } | null {
  const wanted = plainAddress(repo)
  return addresses.some(address => address !== undefined && plainAddress(address) === wanted)
    ? null
    : { ignored: 'it is about another repository' }
}

/** The same for https, ssh and the page of a repository. */
export function plainAddress(repo: string): string {
  return repo
    .replace(/^\w+:\/\//, '')
    .replace(/^[^/@]*@/, '')
    .replace(/^([^/:]+):(?!\d+\/)/, '$1/')
    .replace(/\.git$/, '')
    .replace(/\/+$/, '')
    .toLowerCase()
}
