/** Reads a QR code with what the system has: the shell's own scanner, else the camera and the browser's detector. */

const lookMs = 200
const mostMs = 60_000

export function canScan() {
  return nativeScanner() !== undefined || ('BarcodeDetector' in window && navigator.mediaDevices !== undefined)
}

function nativeScanner() {
  return window.Capacitor?.isNativePlatform?.() ? window.Capacitor.Plugins?.CapacitorBarcodeScanner : undefined
}

/** @param {HTMLVideoElement} view @returns {Promise<string | undefined>} Nothing where the user gave up. */
export async function scan(view) {
  const native = nativeScanner()
  if (native) return (await native.scanBarcode({ hint: 0 }))?.ScanResult
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })
  try {
    view.srcObject = stream
    view.hidden = false
    await view.play()
    return await firstCode(view)
  } finally {
    for (const track of stream.getTracks()) track.stop()
    view.srcObject = null
    view.hidden = true
  }
}

async function firstCode(view) {
  const detector = new window.BarcodeDetector({ formats: ['qr_code'] })
  const until = performance.now() + mostMs
  while (performance.now() < until && view.srcObject) {
    const [code] = await detector.detect(view)
    if (code) return code.rawValue
    await new Promise(resolve => setTimeout(resolve, lookMs))
  }
  return undefined
}
