/** What a mail says (NT31, NT32). Pure: it is sent in `mail-sender.ts`. */
import { isIP } from 'node:net'
import { limits } from '@meshbook/core/limits.ts'
import type { ClaimedDelivery } from '../store/deliveries.ts'

export interface Mail {
  to: string
  subject: string
  text: string
  /** As `<…>`; the same for every attempt. */
  messageId: string
  /** Of all mails that are about the same. */
  thread: string
  date: Date
}

export interface MailPorts {
  /** Under which people reach the hub. */
  hubUrl: string
  /** What confirms the address, for a notice of kind `code`. */
  code: () => string
}

export function mailOf({ target, notice }: ClaimedDelivery, ports: MailPorts): Mail {
  const link = (path: string): string => new URL(path, ports.hubUrl).href
  const host = mailHost(ports.hubUrl)
  const about = { to: target.url, date: new Date(notice.madeAt) }
  const messageId = `<${notice.id}.${target.id}@${host}>`
  if (notice.kind === 'code') return { ...about, ...codeWords(ports), messageId, thread: messageId }
  const words = [notice.title, notice.text, link(notice.url), `-- \nWhat you are told: ${link('/m/settings')}`]
  return {
    ...about,
    subject: subjectOf(notice.title),
    text: `${words.join('\n\n')}\n`,
    messageId,
    thread: `<${notice.tag}.${target.id}@${host}>`,
  }
}

function codeWords({ hubUrl, code }: MailPorts): { subject: string; text: string } {
  const { host } = new URL(hubUrl)
  const digits = code()
  const minutes = limits.mailCodeMs / 60_000
  const text = [
    `Somebody who uses Meshbook at ${host} wants to be told by mail to this address.`,
    `If that is you, type this code there, within ${minutes} minutes:\n\n    ${digits.slice(0, 4)} ${digits.slice(4)}`,
    'If it is not, ignore this mail: nothing else is sent to you without the code.',
  ]
  return { subject: `Your code for Meshbook at ${host}`, text: `${text.join('\n\n')}\n` }
}

/** One line without control characters, so that it ends where its header does. */
export function subjectOf(title: string): string {
  const line = title.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return Array.from(line).slice(0, limits.noticeTitleChars).join('') || 'Meshbook'
}

/** The hub's name as mail has it; an address is put into brackets. */
export function mailHost(hubUrl: string): string {
  const name = new URL(hubUrl).hostname.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(name)
  if (family === 0) return name
  return family === 6 ? `[IPv6:${name}]` : `[${name}]`
}
