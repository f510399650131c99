/** Who may do what in a project: a list for everybody, and changes for its owners. */
import type { Member, Project } from '@meshbook/core/api.ts'
import { type Role, rightsOf } from '@meshbook/core/roles.ts'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { membersApi } from '../api/members.ts'
import { me } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { AtTheHub } from './at-the-hub.tsx'
import { Icon } from './icons.tsx'
import { membersOf } from './members.ts'
import { explained, RolePicker } from './role-picker.tsx'

/** Absent roles: the project is the reader's own. The page of a device changes nothing about others (LO11). */
export function owns({ roles: given }: Project): boolean {
  if (me.value?.machine) return false
  return given === undefined || rightsOf(given).has('own')
}

export function MembersDialog() {
  const project = membersOf.value
  return project ? <Members key={project.id} project={project} /> : null
}

function Members({ project }: { project: Project }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [members, setMembers] = useState<Member[]>()
  const load = () =>
    membersApi.members(project.id).then(setMembers, thrown => report(thrown, 'The members could not be loaded'))
  useLayoutEffect(() => dialog.current?.showModal(), [])
  useEffect(() => void load(), [])
  const close = () => {
    membersOf.value = undefined
  }
  /** Does something and shows what came of it, also when it was refused. */
  const change = (what: string, action: () => Promise<unknown>) =>
    void action()
      .catch(thrown => report(thrown, what))
      .then(load)
  return (
    <dialog ref={dialog} class="dialog wide" aria-labelledby="members-title" onClose={close}>
      <div class="dialog-body">
        <h2 id="members-title">Members of {project.name}</h2>
        <AtTheHub what="Members are changed" path="/" />
        <ul class="member-list">
          {members?.map(member => (
            <MemberRow key={member.id} project={project} member={member} change={change} />
          ))}
        </ul>
        {owns(project) && <AddMember project={project} change={change} />}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={close}>
            Close
          </button>
        </div>
      </div>
    </dialog>
  )
}

type Change = (what: string, action: () => Promise<unknown>) => void

function MemberRow({ project, member, change }: { project: Project; member: Member; change: Change }) {
  const name = member.name ?? member.email ?? ''
  const mayChange = owns(project) && !member.host
  const set = (next: Role[]) =>
    change(`The roles of ${name} were not changed`, () => membersApi.setRoles(project.id, member.id, next))
  return (
    <li class="member-row">
      <Icon name="user" />
      <span class="grow ellipsis">
        {name} {member.email !== null && <span class="faint">invited</span>}
      </span>
      {mayChange ? (
        <RolePicker label={`Roles of ${name}`} chosen={member.roles} onChange={set} />
      ) : (
        <span class="muted">{member.host ? 'owner of the project' : member.roles.join(', ')}</span>
      )}
      {mayChange && (
        <button
          type="button"
          class="icon-button small"
          aria-label={`Remove ${name}`}
          title="Remove"
          onClick={() => change(`${name} was not removed`, () => membersApi.removeMember(project.id, member.id))}
        >
          <Icon name="close" />
        </button>
      )}
    </li>
  )
}

function AddMember({ project, change }: { project: Project; change: Change }) {
  const [who, setWho] = useState('')
  const [chosen, setChosen] = useState<Role[]>(['viewer'])
  const submit = (event: Event) => {
    event.preventDefault()
    const name = who.trim()
    if (name === '') return
    change(`${name} was not added`, async () => {
      await membersApi.addMember(project.id, name, chosen)
      setWho('')
    })
  }
  return (
    <form class="member-add" onSubmit={submit}>
      <label class="grow">
        User or e-mail address
        <input
          class="field"
          value={who}
          spellcheck={false}
          autocomplete="off"
          onInput={event => setWho(event.currentTarget.value)}
        />
        <span class="faint">{chosen.map(role => explained[role]).join('; ')}</span>
      </label>
      <RolePicker label="Roles of the new member" chosen={chosen} onChange={setChosen} />
      <button type="submit" class="button primary">
        Add
      </button>
    </form>
  )
}
