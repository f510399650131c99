import { execFileSync } from 'node:child_process'

/** Whether programs can be traced here: some containers forbid it although strace is installed. */
export const canTrace = ((): boolean => {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
