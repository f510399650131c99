/** Offered once to who opens the large page on a phone. */
import { answerPhoneOffer } from '../state/phone-offer.ts'

export function PhoneOffer() {
  return (
    <aside class="banner warn" aria-label="Meshbook for phones">
      <span class="grow">There is a Meshbook made for phones. It also works without a network.</span>
      <a class="button small primary" href="/m/" onClick={answerPhoneOffer}>
        Open it
      </a>
      <button type="button" class="button small" onClick={answerPhoneOffer}>
        Not now
      </button>
    </aside>
  )
}
