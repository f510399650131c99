/** What `backup` and `restore` show while they work: a line on a terminal, a few objects with --json. */
import type { Progress } from '@meshbook/hub/backup/write-backup.ts'
import { printJson, progress } from './print.ts'

const words = {
  copy: 'Copying the database',
  tables: 'Sealing tables',
  assets: 'Sealing assets',
  read: 'Reading the backup',
  documents: 'Opening documents',
  move: 'Putting it into place',
} as const

const everyMs = 200

export function backupProgress(json: boolean): { show: Progress; clear(): void } {
  const line = progress()
  let phase: string | undefined
  let shownAt = 0
  return {
    show(now, done, all) {
      if (json) {
        if (now !== phase) printJson({ phase: now })
        phase = now
        return
      }
      if (now === phase && performance.now() - shownAt < everyMs) return
      phase = now
      shownAt = performance.now()
      line.show(`${words[now]}… ${share(now, done, all)}`)
    },
    clear: () => line.clear(),
  }
}

function share(phase: keyof typeof words, done: number, all: number): string {
  return phase === 'documents' || all === 0 ? String(done) : `${Math.floor((100 * done) / all)} %`
}
