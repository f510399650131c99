/**
 * Row level security of tables that orgs share: each transaction says for which org it is, and the server hides the rows
 * of all others, whatever a statement asks for. Forced, so that the owner of a table is bound too. Pure text.
 */
const setting = 'meshbook.org'
/** Of a call that is for no one org: what the hub looks at by itself. */
export const everyOrg = '*'

/** The org that a call is for. */
export function scopeOf(args: unknown): string {
  const org = typeof args === 'object' && args !== null && 'org' in args ? args.org : undefined
  return typeof org === 'string' ? org : everyOrg
}

/** For the transaction that it is said in. */
export function enterScope(scope: string): string {
  return `SELECT set_config('${setting}', ${literal(scope)}, true)`
}

/** For a connection: of programs that carry whole tables. */
export const enterEveryOrg = `SET ${setting} = '${everyOrg}'`

/** Without a scope the setting is null, and so is what it is compared with: no row. */
export function guardsFor(tables: readonly string[]): string {
  const mine = `org_id = current_setting('${setting}', true) OR current_setting('${setting}', true) = '${everyOrg}'`
  return tables
    .map(
      table => `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY; ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
      DROP POLICY IF EXISTS own_org ON ${table}; CREATE POLICY own_org ON ${table} USING (${mine}) WITH CHECK (${mine})`,
    )
    .join('; ')
}

function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
