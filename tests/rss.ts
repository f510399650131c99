/** Memory of a process, as the operating system counts it. */
import { readFileSync } from 'node:fs'

export function rssKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
}
