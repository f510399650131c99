/**
 * Tells whether a program waits for somebody to type: a process of this terminal that is blocked in read() on it.
 * Linux says so in /proc; elsewhere nothing is known, and the caller has to guess.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'

const readCall: Record<string, string> = { x64: '0', arm64: '63', ia32: '3', arm: '3', riscv64: '63' }

/** `device` is the number of the terminal (`rdev`); undefined if this system does not tell. */
export async function waitsForTyping(device: number): Promise<boolean | undefined> {
  const call = readCall[process.arch]
  const names = await readdir('/proc').catch(() => undefined)
  if (!names || !call) return undefined
  for (const pid of names) {
    if (/^\d+$/.test(pid) && (await hasTerminal(pid, device)) && (await isReading(pid, call))) return true
  }
  return false
}

async function hasTerminal(pid: string, device: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  // Fields after the name, which may hold anything: state, ppid, pgrp, session, tty_nr.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4]) === device
}

async function isReading(pid: string, call: string): Promise<boolean> {
  const [number, fd] = (await readFile(`/proc/${pid}/syscall`, 'latin1').catch(() => '')).split(' ')
  if (number !== call || fd === undefined) return false
  const target = await readlink(`/proc/${pid}/fd/${Number(fd)}`).catch(() => '')
  return target.startsWith('/dev/pts/') || target === '/dev/tty'
}
