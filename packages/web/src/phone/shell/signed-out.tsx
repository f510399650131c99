/** Nobody is signed in here: the two ways in. */
export function SignedOut() {
  return (
    <main class="welcome">
      <h1>Meshbook</h1>
      <p>Your notebooks, on whichever of your machines runs them.</p>
      <a class="button primary" href="/signin?next=/m/">
        Sign in
      </a>
      <p class="faint">
        Or open Meshbook on a computer, choose <b>Pair a device</b>, and point this phone’s camera at the code.
      </p>
    </main>
  )
}
