/** Says once that the app can be installed, and how; the settings say it for as long as it is not (PH62). */
import '../styles/install.css'
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { keep, readKept } from '../kept.ts'
import { say } from '../say.ts'
import { howToInstall } from './how-to-install.ts'
import { offer } from './offer.ts'

const name = 'install'
/** Undefined until it is read. */
const isPutOff = signal<boolean | undefined>(undefined)

const how = () =>
  howToInstall({
    userAgent: navigator.userAgent,
    isStandalone:
      matchMedia('(display-mode: standalone), (display-mode: fullscreen)').matches ||
      (navigator as { standalone?: boolean }).standalone === true,
    hasOffer: offer.value !== undefined,
    touchPoints: navigator.maxTouchPoints,
  })

/** On the first page; gone for good once it was answered. */
export function InstallCard() {
  useEffect(() => {
    void readKept<string>(name).then(kept => {
      isPutOff.value = kept === 'not now'
    })
  }, [])
  const is = how()
  if (!is || isPutOff.value !== false) return null
  const putOff = () => {
    isPutOff.value = true
    void keep(name, 'not now')
  }
  return (
    <aside class="install-card" aria-label="Install Meshbook">
      <Words is={is} />
      <div class="install-do">
        {is === 'offer' && <InstallButton after={putOff} />}
        <button type="button" class="button" onClick={putOff}>
          Not now
        </button>
      </div>
    </aside>
  )
}

export function InstallSection() {
  const is = how()
  if (!is) return null
  return (
    <section>
      <h2>Install</h2>
      <div class="install-card">
        <Words is={is} />
        {is === 'offer' && <InstallButton after={() => undefined} />}
      </div>
    </section>
  )
}

function Words({ is }: { is: 'offer' | 'steps' }) {
  return (
    <>
      <p>
        <b>On the home screen</b> Meshbook opens in a window of its own{' '}
        {is === 'offer' ? 'and is where other apps share to.' : 'and may send you messages.'}
      </p>
      {is === 'steps' && (
        <ol class="steps">
          <li>
            Press <b>Share</b>{' '}
            <svg
              class="icon share-sign"
              viewBox="0 0 24 24"
              width={20}
              height={20}
              role="img"
              aria-label="a square with an arrow up"
            >
              <path d="M12 15V3M8 7l4-4 4 4M6 11H5v10h14V11h-1" />
            </svg>{' '}
            in the bar of the browser.
          </li>
          <li>
            Choose <b>Add to Home Screen</b>.
          </li>
        </ol>
      )}
    </>
  )
}

function InstallButton({ after }: { after: () => void }) {
  const install = async () => {
    const now = offer.peek()
    if (!now) return
    try {
      await now.prompt()
      // An offer may be used once; refused, the browser makes another when it sees fit.
      const { outcome } = await now.userChoice
      offer.value = undefined
      if (outcome === 'dismissed') after()
    } catch (thrown) {
      say(thrown, 'It was not installed')
    }
  }
  return (
    <button type="button" class="button primary" onClick={() => void install()}>
      Install Meshbook
    </button>
  )
}
