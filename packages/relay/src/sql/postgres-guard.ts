/**
 * Row level security of tables that orgs share: each transaction says for which org it is, and the server hides the rows
 * of all others, whatever a statement asks for. Forced, so that the owner of a table is bound too. Pure text.
 */
import { createHash } from 'node:crypto'
import type { Schema } from './tx.ts'

const setting = 'meshbook.org'
/** Of a call that is for no one org: what the hub looks at by itself. */
export const everyOrg = '*'

/** The org that a call is for. */
export function orgOf(args: unknown): string | undefined {
  const org = typeof args === 'object' && args !== null && 'org' in args ? args.org : undefined
  return typeof org === 'string' ? org : undefined
}

/** For the transaction that it is said in. */
export function enterScope(scope: string): string {
  return `SELECT set_config('${setting}', ${literal(scope)}, true)`
}

/** For a connection: of programs that carry whole tables. */
export const enterEveryOrg = `SET ${setting} = '${everyOrg}'`

const scope = `current_setting('${setting}', true)`

export interface Guard {
  table: string
  sql: string
  /** Noted with the policy, so that a guard that is another by now is found. */
  mark: string
}

/** Without a scope the setting is null, and so is what it is compared with: no row. */
export function guardsOf({ guarded = [], common = [], seen = {} }: Schema): Guard[] {
  return guarded.map(table => {
    const mine = `org_id = ${scope} OR ${scope} = '${everyOrg}'`
    const rule = common.includes(table) ? `${mine} OR (org_id = '' AND ${scope} <> '')` : mine
    // Asked for rows of others alone: the server may ask this before the plain rule.
    const condition = seen[table]?.replaceAll(':org', scope)
    const also = condition && `CASE WHEN ${mine} THEN false ELSE ${condition} END`
    const mark = createHash('sha256').update(`${rule}; ${also}`).digest('hex').slice(0, 16)
    const sql = [
      `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`,
      `ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`,
      `DROP POLICY IF EXISTS own_org ON ${table}`,
      `DROP POLICY IF EXISTS seen_org ON ${table}`,
      `CREATE POLICY own_org ON ${table} USING (${rule}) WITH CHECK (${rule})`,
      `COMMENT ON POLICY own_org ON ${table} IS '${mark}'`,
      ...(also === undefined ? [] : [`CREATE POLICY seen_org ON ${table} FOR SELECT USING (${also})`]),
    ].join('; ')
    return { table, sql, mark }
  })
}

/** Of tables that are forced to keep their policy: the table, and the mark of it. */
export const guardsSql = `SELECT c.relname::text AS table, obj_description(p.oid, 'pg_policy') AS mark
  FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'own_org'
  WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('schema_versions')) AND c.relrowsecurity AND c.relforcerowsecurity`

function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
