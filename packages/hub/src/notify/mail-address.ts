/** Mail addresses: who a mail is from, what of one is shown, and when two are one for counting. Pure. */
import { mailAddressSchema } from '@meshbook/core/notify-api.ts'
import * as v from 'valibot'

export interface MailParty {
  /** Empty where only the address is given. */
  name: string
  address: string
}

/** `ada@example.org` or `Ada <ada@example.org>`; undefined for anything else. */
export function parseMailParty(text: string): MailParty | undefined {
  const named = /^"?([^"<>\p{C}]*?)"?\s*<([^<>\s]+)>$/u.exec(text.trim())
  const address = v.safeParse(mailAddressSchema, named?.[2] ?? text.trim())
  return address.success ? { name: named?.[1]?.trim() ?? '', address: address.output } : undefined
}

/** Enough for its user to know it again. */
export function shownAddress(address: string): string {
  const at = address.lastIndexOf('@')
  return `${address.slice(0, Math.min(2, at - 1))}…${address.slice(at)}`
}

/** Upper case and what follows a `+` lead to the same mailbox nearly everywhere. */
export function mailboxOf(address: string): string {
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at).replace(/(?<=.)\+.*$/, '')
  return `${local}${address.slice(at)}`.toLowerCase()
}
