/** Scans a pairing code: by the camera where the browser can, or by a pasted link. The camera runs only while it is shown. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { canScan, openCamera, whyNoCamera } from './camera.ts'
import { readTyped, type Scanned } from './read-scanned.ts'
import { scan } from './scan.ts'

const pauseMs = 200
const pause = (): Promise<void> => new Promise(resolve => setTimeout(resolve, pauseMs))

interface ScannerProps {
  found: (scanned: Scanned) => void
  /** What a code that is typed by itself means. */
  alone: 'code' | 'grant'
}

export function Scanner({ found, alone }: ScannerProps) {
  const [can, setCan] = useState<boolean | undefined>(undefined)
  useEffect(() => void canScan().then(setCan), [])
  return (
    <section class="scan">
      {can === true && <ByCamera found={found} />}
      {can === false && (
        <p class="note">
          This browser cannot read QR codes by itself. Point the <b>camera app</b> of this phone at the code and open
          the link that it shows, or paste the link here.
        </p>
      )}
      <ByHand found={found} alone={alone} />
    </section>
  )
}

function ByCamera({ found }: Pick<ScannerProps, 'found'>) {
  const video = useRef<HTMLVideoElement>(null)
  const [is, setIs] = useState<'off' | 'starting' | 'on'>('off')
  const [problem, setProblem] = useState('')
  const running = useRef<AbortController | undefined>(undefined)
  const stop = () => {
    running.current?.abort()
    running.current = undefined
    setIs('off')
  }
  useEffect(() => {
    const hide = () => document.hidden && stop()
    document.addEventListener('visibilitychange', hide)
    return () => {
      document.removeEventListener('visibilitychange', hide)
      running.current?.abort()
    }
  }, [])
  const start = async () => {
    const abort = new AbortController()
    running.current = abort
    setProblem('')
    setIs('starting')
    try {
      const camera = await openCamera(video.current!, abort.signal)
      abort.signal.addEventListener('abort', () => camera.stop(), { once: true })
      setIs('on')
      const scanned = await scan({ look: camera.look, origin: location.origin, pause, signal: abort.signal })
      abort.abort()
      if (scanned) found(scanned)
    } catch (thrown) {
      if (abort.signal.aborted) return
      abort.abort()
      setIs('off')
      setProblem(whyNoCamera(thrown))
    }
  }
  return (
    <>
      <video ref={video} class="scan-video" hidden={is !== 'on'} playsInline muted aria-label="What the camera sees" />
      {is === 'on' && (
        <p class="note" role="status">
          Hold the camera over the QR code.
        </p>
      )}
      {problem !== '' && (
        <p class="note bad" role="alert">
          {problem}
        </p>
      )}
      {is === 'off' ? (
        <button type="button" class="button primary wide" onClick={() => void start()}>
          Scan with the camera
        </button>
      ) : (
        <button type="button" class="button wide" onClick={stop}>
          {is === 'on' ? 'Stop the camera' : 'Starting the camera…'}
        </button>
      )}
    </>
  )
}

function ByHand({ found, alone }: ScannerProps) {
  const [isWrong, setWrong] = useState(false)
  const submit = (event: Event) => {
    event.preventDefault()
    const typed = String(new FormData(event.target as HTMLFormElement).get('code') ?? '')
    const scanned = readTyped(typed, location.origin, alone)
    setWrong(!scanned)
    if (scanned) found(scanned)
  }
  return (
    <form class="fields" onSubmit={submit}>
      <label>
        Link or code
        <input
          name="code"
          class="field"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          maxLength={400}
          required
          aria-describedby={isWrong ? 'pair-wrong' : undefined}
        />
      </label>
      {isWrong && (
        <p id="pair-wrong" class="note bad" role="alert">
          That is no pairing link or code. A code has eight letters and digits, like K7Q2-M9XD.
        </p>
      )}
      <button type="submit" class="button wide">
        Continue
      </button>
    </form>
  )
}
