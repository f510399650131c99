/** What one does about the members of a project from its list of files. */
import type { Project } from '@meshbook/core/api.ts'
import { signal } from '@preact/signals'
import { membersApi } from '../api/members.ts'
import { refresh } from '../state/mesh.ts'
import { report } from '../state/toasts.ts'
import { confirmed } from './ask.ts'

/** The project whose members are shown. */
export const membersOf = signal<Project | undefined>(undefined)

export function showMembers(project: Project): void {
  membersOf.value = project
}

export async function leaveProject(project: Project): Promise<void> {
  const title = `Leave “${project.name}” of ${project.owner}?`
  if (
    !(await confirmed({
      title,
      text: 'You can only come back when you are asked in again.',
      action: 'Leave',
      danger: true,
    }))
  )
    return
  await membersApi.leaveProject(project.id).catch(thrown => report(thrown, 'You have not left the project'))
  await refresh()
}
