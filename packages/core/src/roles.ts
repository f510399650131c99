/** Roles of a member of a project and the rights that they give (ME1), the same in the hub and in the page. */
import type { Scope } from './api.ts'

export const roles = ['viewer', 'runner', 'editor', 'owner'] as const
export type Role = (typeof roles)[number]

/** `own`: everything, members and deleting too. */
export type Right = Scope | 'own'

const rightsOfRole: Readonly<Record<Role, readonly Right[]>> = {
  viewer: ['read'],
  runner: ['read', 'run'],
  editor: ['read', 'write'],
  owner: ['read', 'write', 'run', 'own'],
}

export function rightsOf(given: readonly Role[]): ReadonlySet<Right> {
  return new Set(given.flatMap(role => rightsOfRole[role]))
}

/** Each role once, in the order of this file, so that the same roles are always written the same. */
export function tidyRoles(given: readonly Role[]): Role[] {
  return roles.filter(role => given.includes(role))
}

/** Whether somebody loses something by it. */
export function losesRights(before: readonly Role[], after: readonly Role[]): boolean {
  const left = rightsOf(after)
  return [...rightsOf(before)].some(right => !left.has(right))
}
