/** The hub's routes about who works on a project, and the record of what was done, typed. */
import { type AuditEntry, auditEntrySchema, listOf, type Member, memberSchema } from '@meshbook/core/api.ts'
import type { Role } from '@meshbook/core/roles.ts'
import * as v from 'valibot'
import { request } from './http.ts'
import { all } from './lists.ts'

const nothing = v.unknown()

export const membersApi = {
  members: (project: string): Promise<Member[]> => all(`/projects/${project}/members`, memberSchema),
  /** What has an @ is an address, and makes an invitation. */
  addMember: (project: string, who: string, roles: readonly Role[]): Promise<Member> =>
    request('POST', `/projects/${project}/members`, memberSchema, {
      body: { ...(who.includes('@') ? { email: who } : { user: who }), roles },
    }),
  setRoles: (project: string, member: string, roles: readonly Role[]) =>
    request('PATCH', `/projects/${project}/members/${encodeURIComponent(member)}`, nothing, { body: { roles } }),
  removeMember: (project: string, member: string) =>
    request('DELETE', `/projects/${project}/members/${encodeURIComponent(member)}`, nothing),
  leaveProject: (project: string) => request('POST', `/projects/${project}/leave`, nothing, { body: {} }),
  audit: (action: string, cursor?: string): Promise<{ items: AuditEntry[]; next?: string | undefined }> => {
    const query = new URLSearchParams({ limit: '100', ...(action && { action }), ...(cursor && { cursor }) })
    return request('GET', `/audit?${query}`, listOf(auditEntrySchema))
  },
}
