/** The camera and the browser's reader of QR codes, where it has one (PH60). */

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>
}
interface DetectorClass {
  new (options: { formats: string[] }): Detector
  getSupportedFormats(): Promise<string[]>
}

const detectorClass = (): DetectorClass | undefined =>
  (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector

/** Whether this browser can read QR codes: said before the camera is asked for. */
export async function canScan(): Promise<boolean> {
  try {
    const formats = await detectorClass()?.getSupportedFormats()
    return formats?.includes('qr_code') === true && navigator.mediaDevices !== undefined
  } catch {
    return false
  }
}

export interface Camera {
  look(): Promise<string[]>
  stop(): void
}

/** Asks the user, where the browser has not been told yet. */
export async function openCamera(video: HTMLVideoElement, signal: AbortSignal): Promise<Camera> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false })
  const stop = () => {
    for (const track of stream.getTracks()) track.stop()
    video.srcObject = null
  }
  if (signal.aborted) {
    stop()
    signal.throwIfAborted()
  }
  const detector = new (detectorClass()!)({ formats: ['qr_code'] })
  video.srcObject = stream
  await video.play()
  return { look: async () => (await detector.detect(video)).map(({ rawValue }) => rawValue), stop }
}

export function whyNoCamera(thrown: unknown): string {
  const { name } = thrown as Error
  if (name === 'NotAllowedError')
    return 'This browser was told not to use the camera here. Allow it in the settings of this page, or use one of the other ways.'
  if (name === 'NotFoundError') return 'This device has no camera.'
  return 'The camera could not be started. Another app may be using it.'
}
