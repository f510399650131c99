/** Says how the connection goes to those who hear the page (W65). */
import { effect } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { hub } from '../state/mesh.ts'
import { shownNotebook } from '../state/shown-notebook.ts'
import { syncStatus } from '../sync/sync-status.ts'
import { hubAnnouncement, syncAnnouncement } from './connection-words.ts'

export function ConnectionAnnouncer() {
  const [text, setText] = useState('')
  useEffect(() => followHub(setText), [])
  useEffect(() => followDocument(setText), [])
  return (
    <div class="visually-hidden announcer" role="status" aria-live="polite">
      {text}
    </div>
  )
}

function followHub(say: (text: string) => void): () => void {
  let before = hub.peek()
  return effect(() => {
    const words = hubAnnouncement(before, hub.value)
    before = hub.value
    if (words) say(words)
  })
}

function followDocument(say: (text: string) => void): () => void {
  let document: string | undefined
  let standing: ReturnType<typeof syncAnnouncement>['standing']
  return effect(() => {
    const notebook = shownNotebook.value
    if (notebook?.document.id !== document) standing = undefined
    document = notebook?.document.id
    if (!notebook) return
    const { kind, text } = syncStatus(notebook.link.facts.value)
    const next = syncAnnouncement(standing, kind, text)
    standing = next.standing
    if (next.say) say(next.say)
  })
}
