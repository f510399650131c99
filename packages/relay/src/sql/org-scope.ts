/**
 * Where a procedure leaves the org that it was called for: for another one that it names, or for all of them. On a database
 * that keeps orgs apart by itself these two are the only doors; elsewhere they do nothing.
 */
import { everyOrg } from './postgres-guard.ts'
import type { Tx } from './tx.ts'

/** What is done for another org, with its rows alone. */
export function inOrg<T>(tx: Tx, org: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  return tx.inScope ? tx.inScope(org, work) : work(tx)
}

/** Statements inside name the orgs, the membership or the secret by which they may reach a row. */
export function acrossOrgs<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  return inOrg(tx, everyOrg, work)
}
