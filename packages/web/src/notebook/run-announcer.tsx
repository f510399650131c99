/** Says how runs go to those who hear the page. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAsking } from './asking.ts'
import { useNotebook } from './open-notebook.ts'

const words: Record<string, string> = {
  completed: 'completed',
  error: 'failed',
  cancelled: 'cancelled',
  interrupted: 'interrupted',
  refused: 'refused',
}

export function RunAnnouncer() {
  const { executions } = useNotebook()
  const running = executions.running.value
  const before = useRef<ReadonlySet<string>>(running)
  const [text, setText] = useState('')
  useEffect(() => {
    const started = [...running].filter(run => !before.current.has(run))
    const ended = [...before.current].filter(run => !running.has(run))
    before.current = running
    const last = ended.at(-1)
    if (last !== undefined) setText(`Run ${words[executions.read(last)?.status ?? ''] ?? 'ended'}`)
    else if (started.length > 0) setText('Running')
  }, [running])
  const asking = useAsking()
  useEffect(() => {
    if (asking) setText(asking.prompt === '' ? 'The program asks for an answer' : `The program asks: ${asking.prompt}`)
  }, [asking?.request])
  return (
    <div class="visually-hidden" role="status" aria-live="polite">
      {text}
    </div>
  )
}
