/** What the user has to know about this document: what is wrong with its file on a device, with its copy in this browser, or what one may not do. */
import { type Role, rightsOf } from '@meshbook/core/roles.ts'
import { FileProblems } from '../shell/file-problems.tsx'
import { whenThere } from '../shell/from-part.tsx'
import { Icon } from '../shell/icons.tsx'
import { documents } from '../state/mesh.ts'
import { doing } from './doing-when-needed.ts'
import { useNotebook } from './open-notebook.ts'

const CarriedNotice = whenThere(doing, part => part.CarriedNotice)
const EnvironmentNotices = whenThere(doing, part => part.EnvironmentNotices)
const SessionNotice = whenThere(doing, part => part.NotebookSessionNotice)

export function DocumentNotices() {
  const { link, project, document } = useNotebook()
  const { carried, unreadable } = link
  const current = documents.value.get(project.id)?.find(({ id }) => id === document.id) ?? document
  return (
    <>
      <FileProblems project={project} path={current.path} />
      {project.roles && <RolesNotice roles={project.roles} owner={project.owner} />}
      {(!project.roles || rightsOf(project.roles).has('run')) && <EnvironmentNotices />}
      <SessionNotice />
      {carried.value && <CarriedNotice carried={carried.value} />}
      {unreadable.value > 0 && (
        <div class="banner warn" role="alert">
          <Icon name="warning" />
          <span>
            A part of what this browser had stored of this document cannot be read. What the hub has is complete; edits
            that were made offline may be missing.
          </span>
        </div>
      )}
    </>
  )
}

/** Said before somebody types what the hub would refuse. */
function RolesNotice({ roles, owner }: { roles: readonly Role[]; owner: string }) {
  const rights = rightsOf(roles)
  if (rights.has('write')) return null
  return (
    <div class="banner" role="status">
      <Icon name="eye" />
      <span>
        {rights.has('run') ? 'You may read this and run its cells as they stand' : 'You may read this'}, but not change
        it: what you type stays in this browser. Ask {owner} for the role editor.
      </span>
    </div>
  )
}
