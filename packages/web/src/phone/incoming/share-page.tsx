/** What another app shared: shown as it came, and put where the user says (PH61). */
import '../styles/pages.css'
import '../styles/sharing.css'
import { useEffect, useState } from 'preact/hooks'
import { PageHead } from '../shell/page-head.tsx'
import { readShared, settleWaiting, sharedHere } from './browser-shared.ts'
import { ChoosePlace } from './choose-place.tsx'
import { SharedPreview } from './shared-preview.tsx'
import { WaitingShares } from './waiting-shares.tsx'

const problems: Record<string, [string, string]> = {
  files: ['Too many files at once', 'Meshbook takes 20 at a time. Share fewer of them.'],
  bytes: ['Too large', 'Meshbook takes files of up to 32 MB, 64 MB in all. Share fewer or smaller ones.'],
  text: ['Too long', 'Meshbook takes up to half a million letters at a time. Share it as a file.'],
  empty: ['Nothing was shared', 'The other app sent neither text nor files.'],
  'not-stored': [
    'It could not be stored here',
    'There may be no room left on this phone. Make room and share it again.',
  ],
}

export function SharePage() {
  const [query] = useState(() => new URLSearchParams(location.search))
  const [isRead, setRead] = useState(false)
  useEffect(() => {
    const done = () => setRead(true)
    readShared().then(done, done)
    void settleWaiting().catch(() => undefined)
  }, [])
  const shared = sharedHere.value.find(({ id }) => id === query.get('id'))
  const problem = problems[query.get('problem') ?? '']
  return (
    <main class="page sharing">
      <PageHead title="Shared with Meshbook" from="/m/" />
      {problem && (
        <div class="empty" role="alert">
          <h2>{problem[0]}</h2>
          <p>{problem[1]}</p>
        </div>
      )}
      {shared && (!shared.goal || shared.refused) && (
        <>
          <SharedPreview shared={shared} />
          <ChoosePlace key={shared.id} shared={shared} />
        </>
      )}
      {isRead && <WaitingShares but={shared?.goal && !shared.refused ? undefined : shared?.id} />}
      {isRead && !problem && sharedHere.value.length === 0 && <Nothing isKnown={query.has('id')} />}
    </main>
  )
}

function Nothing({ isKnown }: { isKnown: boolean }) {
  return (
    <div class="empty">
      <h2>{isKnown ? 'It is not here any more' : 'Nothing waits here'}</h2>
      <p>
        {isKnown ? 'It was placed or taken back. ' : ''}In another app press <b>Share</b> and choose <b>Meshbook</b>:
        text, links, pictures and files become a new note, or are put at the end of one. On Android that works once
        Meshbook is installed.
      </p>
    </div>
  )
}
