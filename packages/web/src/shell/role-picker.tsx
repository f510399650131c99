/** The roles of a member, as buttons that are in or out. */
import { type Role, roles, tidyRoles } from '@meshbook/core/roles.ts'

export const explained: Record<Role, string> = {
  viewer: 'may read',
  runner: 'may read, and run cells as they stand',
  editor: 'may read and write',
  owner: 'may do everything',
}

/** At least one role stays: who is to have none is removed. */
export function RolePicker(props: { label: string; chosen: readonly Role[]; onChange: (next: Role[]) => void }) {
  const { label, chosen, onChange } = props
  const toggle = (role: Role) => {
    const next = chosen.includes(role) ? chosen.filter(other => other !== role) : tidyRoles([...chosen, role])
    if (next.length > 0) onChange(next)
  }
  return (
    <fieldset class="role-picker">
      <legend class="visually-hidden">{label}</legend>
      {roles.map(role => (
        <button
          key={role}
          type="button"
          class="button small"
          title={explained[role]}
          aria-pressed={chosen.includes(role)}
          onClick={() => toggle(role)}
        >
          {role}
        </button>
      ))}
    </fieldset>
  )
}
