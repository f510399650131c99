/** Nobody is signed in here: the two ways in. */
import { place } from '../place.ts'
import { Go } from './go.tsx'

export function SignedOut() {
  return (
    <main class="welcome">
      <h1>Meshbook</h1>
      <p>Your notebooks, on whichever of your machines runs them.</p>
      <a class="button primary" href={`/signin?to=${encodeURIComponent(place.value)}`}>
        Sign in
      </a>
      <Go to="/m/pair" class="button">
        Scan a code
      </Go>
      <p class="faint">
        On a computer where you are signed in, choose <b>Pair a device</b>; this phone scans what it shows.
      </p>
    </main>
  )
}
