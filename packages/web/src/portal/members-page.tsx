/** Who may do what: the members of a project, and links that make accounts (PO30, PO31). */
import './pages-portal.css'
import type { InvitationInfo } from '@meshbook/core/account-api.ts'
import type { Member, Project } from '@meshbook/core/api.ts'
import { losesRights, type Role, rightsOf } from '@meshbook/core/roles.ts'
import { useState } from 'preact/hooks'
import { Invitations } from '../account/invitations-section.tsx'
import { accountApi } from '../api/account.ts'
import { asApiError } from '../api/api-error.ts'
import { membersApi } from '../api/members.ts'
import { ago } from '../notebook/duration.ts'
import { confirmed } from '../shell/ask.ts'
import { leaveProject } from '../shell/members.ts'
import { explained, RolePicker } from '../shell/role-picker.tsx'
import { projects } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { Shown, useLoaded } from './loaded.tsx'

const isOwn = ({ roles }: Project): boolean => roles === undefined || rightsOf(roles).has('own')
const nameOfProject = (project: Project): string =>
  project.roles === undefined ? project.name : `${project.owner}/${project.name}`

export function MembersPage() {
  const known = projects.value ?? []
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  const project = known.find(({ id }) => id === chosen) ?? known[0]
  return (
    <>
      {projects.value !== undefined && known.length === 0 && (
        <div class="empty boxed">
          <h2>No project yet</h2>
          <p>People are given roles in a project. Make one, and ask them in.</p>
          <a class="button" href="/">
            Open the notebooks
          </a>
        </div>
      )}
      {known.length > 1 && (
        <label class="members-of">
          Members of
          <select class="field" value={project?.id} onChange={event => setChosen(event.currentTarget.value)}>
            {known.map(one => (
              <option key={one.id} value={one.id}>
                {nameOfProject(one)}
              </option>
            ))}
          </select>
        </label>
      )}
      {project && <Members key={project.id} project={project} />}
      <AccountLinks />
    </>
  )
}

type Change = (title: string, work: () => Promise<unknown>) => void

function Members({ project }: { project: Project }) {
  const members = useLoaded(() => membersApi.members(project.id), [project.id])
  /** Does it and shows what came of it, also when it was refused. */
  const change: Change = (title, work) =>
    void work()
      .catch(thrown => report(thrown, title))
      .then(members.load)
  const own = isOwn(project)
  return (
    <section aria-labelledby="members">
      <div class="part-head">
        <h2 id="members">{nameOfProject(project)}</h2>
        {project.roles !== undefined && (
          <button type="button" class="button" onClick={() => void leaveProject(project)}>
            Leave the project
          </button>
        )}
      </div>
      <p class="part-about">
        {own
          ? 'A role that you take away ends at once what it allowed: open pages close, and runs that have not begun are cancelled.'
          : 'Its owners decide who is in and may do what.'}
      </p>
      <Shown loaded={members}>
        {list => (
          <ul class="part-list">
            {list.map(member => (
              <MemberRow key={member.id} project={project} member={member} change={change} />
            ))}
          </ul>
        )}
      </Shown>
      {own && <AddMember project={project} added={members.load} />}
    </section>
  )
}

function MemberRow({ project, member, change }: { project: Project; member: Member; change: Change }) {
  const name = member.name ?? member.email ?? ''
  const isInvited = member.email !== null
  const mayChange = isOwn(project) && !member.host
  const set = async (next: Role[]) => {
    const title = `The roles of ${name} are as they were`
    const question = { title: `Take rights from ${name}?`, action: 'Change the roles', danger: true }
    const text = `${name} ${next.map(role => explained[role]).join('; ')} from now on. What the role ends, ends at once.`
    if (!isInvited && losesRights(member.roles, next) && !(await confirmed({ ...question, text }))) return
    change(title, () => membersApi.setRoles(project.id, member.id, next))
  }
  const remove = async () => {
    const question = isInvited
      ? { title: `Withdraw the invitation of ${name}?`, text: 'Whoever signs in with it does not become a member.' }
      : { title: `Remove ${name}?`, text: 'Their pages of the project close, and what they run in it is cancelled.' }
    if (!(await confirmed({ ...question, action: isInvited ? 'Withdraw it' : 'Remove', danger: true }))) return
    change(`${name} was not removed`, () => membersApi.removeMember(project.id, member.id))
  }
  return (
    <li class="part-row">
      <div class="part-words">
        <strong>
          {name} {isInvited && <span class="pill">Invited</span>}
        </strong>
        <span class="faint">
          {member.host
            ? 'the project is theirs: a project always has an owner, so this one cannot be changed or removed'
            : `${isInvited ? 'invited' : 'added'} ${ago(member.addedAt, Date.now())}; ${member.roles.map(role => explained[role]).join('; ')}`}
        </span>
      </div>
      {mayChange ? (
        <div class="part-actions">
          <RolePicker label={`Roles of ${name}`} chosen={member.roles} onChange={next => void set(next)} />
          <button
            type="button"
            class="button danger"
            aria-label={`${isInvited ? 'Withdraw' : 'Remove'} ${name}`}
            onClick={() => void remove()}
          >
            {isInvited ? 'Withdraw' : 'Remove'}
          </button>
        </div>
      ) : (
        <span class="muted">{member.host ? 'host' : member.roles.join(', ')}</span>
      )}
    </li>
  )
}

function AddMember({ project, added }: { project: Project; added(): Promise<void> }) {
  const [who, setWho] = useState('')
  const [chosen, setChosen] = useState<Role[]>(['viewer'])
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    if (who.trim() === '') return setProblem('Say who: the name of a user here, or an e-mail address.')
    setBusy(true)
    setProblem('')
    try {
      await membersApi.addMember(project.id, who.trim(), chosen)
      setWho('')
      await added()
    } catch (thrown) {
      const { message, detail, hint } = asApiError(thrown)
      setProblem([detail || message, hint].filter(Boolean).join(' '))
    }
    setBusy(false)
  }
  return (
    <form class="part-form boxed-form" onSubmit={event => void submit(event)} noValidate>
      <label>
        User or e-mail address
        <input
          class="field"
          value={who}
          spellcheck={false}
          autocomplete="off"
          onInput={event => setWho(event.currentTarget.value)}
        />
        <span class="faint">
          An address makes an invitation: who signs in with it, at a provider that has verified it, is a member then.
        </span>
      </label>
      <div class="part-field">
        <RolePicker label="Roles of the new member" chosen={chosen} onChange={setChosen} />
        <span class="faint">{chosen.map(role => explained[role]).join('; ')}</span>
      </div>
      {problem !== '' && (
        <p class="notice bad" role="alert">
          {problem}
        </p>
      )}
      <div class="part-actions">
        <button type="submit" class="button primary" disabled={busy}>
          {who.includes('@') ? 'Invite' : 'Add'}
        </button>
      </div>
    </form>
  )
}

function AccountLinks() {
  const invitations = useLoaded<InvitationInfo[]>(accountApi.invitations)
  const act = (title: string, work: () => Promise<unknown>) =>
    void work()
      .catch(thrown => report(thrown, title))
      .then(invitations.load)
  return (
    <div class="account-links">
      <Shown loaded={invitations}>
        {list => (
          <Invitations
            title="Accounts on this hub"
            invitations={list}
            act={act}
            reload={() => void invitations.load()}
          />
        )}
      </Shown>
    </div>
  )
}
