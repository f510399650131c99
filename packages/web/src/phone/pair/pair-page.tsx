/** Pairing on the phone (PH60): a code for another device, with its two digits; a code of another screen or machine. */
import '../styles/pages.css'
import '../styles/pair.css'
import { useState } from 'preact/hooks'
import { ApproveGrant } from '../../pairing/approve-grant.tsx'
import { JoinBrowser } from '../../pairing/join-browser.tsx'
import { Pairings } from '../../pairing/pairings.tsx'
import { signedIn } from '../../state/known.ts'
import { hub } from '../first-list.ts'
import { back } from '../place.ts'
import { PageHead } from '../shell/page-head.tsx'
import type { Scanned } from './read-scanned.ts'
import { Scanner } from './scanner.tsx'

export function PairPage() {
  const [scanned, setScanned] = useState<Scanned | undefined>(undefined)
  const [is, setIs] = useState<'show' | 'scan'>('show')
  const isOut = hub.value === 'signed-out'
  return (
    <main class="page pair-page">
      <PageHead title={isOut ? 'Sign in by a code' : 'Pair a device'} from={isOut ? '/m/' : '/m/devices'} />
      {scanned ? (
        <Asked scanned={scanned} again={() => setScanned(undefined)} />
      ) : isOut ? (
        <>
          <p>On a screen where you are signed in, open Devices and choose “Pair a device”. It shows a QR code.</p>
          <Scanner found={setScanned} alone="code" />
        </>
      ) : (
        <>
          <fieldset class="segments">
            <legend class="visually-hidden">What to do</legend>
            <Segment name="Show a code" on={is === 'show'} choose={() => setIs('show')} />
            <Segment name="Scan a code" on={is === 'scan'} choose={() => setIs('scan')} />
          </fieldset>
          {is === 'scan' ? <Scanner found={setScanned} alone="grant" /> : <Show />}
        </>
      )}
    </main>
  )
}

function Segment({ name, on, choose }: { name: string; on: boolean; choose: () => void }) {
  return (
    <label class="segment">
      <input type="radio" name="pair" checked={on} onChange={choose} />
      {name}
    </label>
  )
}

function Show() {
  if (hub.value === 'down')
    return (
      <div class="empty">
        <h2>The hub has to answer for this</h2>
        <p>It makes the code and checks the new device. The code is made here when the hub is back.</p>
      </div>
    )
  if (signedIn.value !== 'yes') return <p role="status">One moment…</p>
  return (
    <div class="pair-shows">
      <Pairings close={() => back('/m/devices')} />
    </div>
  )
}

function Asked({ scanned, again }: { scanned: Scanned; again: () => void }) {
  const isOut = hub.value === 'signed-out'
  if (scanned.is === 'elsewhere') return <Elsewhere scanned={scanned} again={again} />
  if (scanned.is === 'grant' && !isOut) return <ApproveGrant code={scanned.value} devices="/m/devices" />
  if (scanned.is === 'code' && isOut)
    return (
      <div class="pair-shows">
        <JoinBrowser code={scanned.value} joined={() => location.replace('/m/')} />
      </div>
    )
  return (
    <div class="empty">
      <h2>{isOut ? 'Sign in first' : 'You are signed in here already'}</h2>
      <p>
        {isOut
          ? 'A machine asks to be one of your devices. Sign in on this phone, then scan its code again.'
          : 'This phone needs no code. It is still good for another device, until it expires.'}
      </p>
      <button type="button" class="button" onClick={again}>
        Scan another
      </button>
    </div>
  )
}

function Elsewhere({ scanned, again }: { scanned: Extract<Scanned, { is: 'elsewhere' }>; again: () => void }) {
  return (
    <div class="empty">
      <h2>A code of another hub</h2>
      <p>
        It leads to <b>{scanned.host}</b>. Go there only if that is a hub of yours.
      </p>
      <a class="button" href={scanned.url} rel="noreferrer">
        Open {scanned.host}
      </a>
      <button type="button" class="button" onClick={again}>
        Scan another
      </button>
    </div>
  )
}
