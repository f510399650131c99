// Draws icons and splash screens of the native projects from the icon of the app: `node scripts/make-images.mjs [FOLDER]`.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { chromium } from 'playwright-core'

const here = import.meta.dirname
const out = process.argv[2] ?? join(here, '../images')
const icon = await readFile(join(here, '../../packages/web/phone/public/icon.svg'), 'utf8')
const accent = '#5048e5'
const dark = '#14131f'

/** The same drawing without its rounded plate. */
const mark = icon.replace(/<rect[^>]*>/, '')
const plate = icon.replace(/rx="8"/, 'rx="0"')

const android = 'android/app/src/main/res'
const ios = 'ios/App/App/Assets.xcassets'
const densities = { mdpi: 1, hdpi: 1.5, xhdpi: 2, xxhdpi: 3, xxxhdpi: 4 }

const images = Object.entries(densities).flatMap(([name, by]) => [
  { path: `${android}/mipmap-${name}/ic_launcher.png`, px: 48 * by, svg: icon, share: 1 },
  { path: `${android}/mipmap-${name}/ic_launcher_round.png`, px: 48 * by, svg: icon, share: 1, round: true },
  // Of an adaptive icon the system shows the middle two thirds.
  { path: `${android}/mipmap-${name}/ic_launcher_foreground.png`, px: 108 * by, svg: mark, share: 0.6 },
])
images.push({ path: `${ios}/AppIcon.appiconset/AppIcon-512@2x.png`, px: 1024, svg: plate, share: 1, back: accent })
for (const [name, back] of [
  ['', accent],
  ['-dark', dark],
])
  for (const turn of ['', '-1', '-2'])
    images.push({
      path: `${ios}/Splash.imageset/splash-2732x2732${turn}${name}.png`,
      px: 2732,
      svg: mark,
      share: 0.18,
      back,
    })
for (const [folder, back] of [
  ['drawable', accent],
  ['drawable-night', dark],
])
  images.push({ path: `${android}/${folder}/splash.png`, px: 1280, svg: mark, share: 0.25, back })

const browser = await chromium.launch({
  executablePath: process.env.MESHBOOK_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu'],
})
try {
  const page = await browser.newPage()
  for (const { path, px, svg, share, back, round } of images) {
    const side = Math.round(px * share)
    await page.setViewportSize({ width: px, height: px })
    await page.setContent(
      `<style>body{margin:0;width:${px}px;height:${px}px;display:grid;place-items:center;background:${back ?? 'transparent'}}svg{width:${side}px;height:${side}px;${round ? 'border-radius:50%' : ''}}</style>${svg}`,
    )
    await mkdir(dirname(join(out, path)), { recursive: true })
    await writeFile(join(out, path), await page.screenshot({ omitBackground: back === undefined }))
  }
} finally {
  await browser.close()
}
process.stderr.write(`${images.length} images in ${out}\n`)
