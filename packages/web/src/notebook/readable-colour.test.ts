import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contrast, onGround, onPage, type Rgb } from './readable-colour.ts'

const steps = [0, 64, 128, 192, 255]
const cube: Rgb[] = steps.flatMap(red => steps.flatMap(green => steps.map((blue): Rgb => [red, green, blue])))

test('NB70 every colour of a program can be read on every background of a program', () => {
  for (const colour of cube)
    for (const ground of cube) assert.ok(contrast(onGround(colour, ground), ground) >= 4.5, `${colour} on ${ground}`)
  assert.deepEqual(onGround([255, 255, 255], [36, 72, 180]), [255, 255, 255], 'what can be read stays as it is')
})

test('NB70 every colour of a program can be read on the page, in both themes and in a traceback', () => {
  const grounds = { light: ['#ffffff', '#fdeef0'], dark: ['#131417', '#2d1f23'] }
  for (const colour of cube) {
    const [light, dark] = [...onPage(colour).matchAll(/rgb\((\d+),(\d+),(\d+)\)/g)].map(
      ([, ...channels]) => channels.map(Number) as unknown as Rgb,
    )
    for (const ground of grounds.light) assert.ok(contrast(light!, rgb(ground)) >= 4.5, `${colour} on ${ground}`)
    for (const ground of grounds.dark) assert.ok(contrast(dark!, rgb(ground)) >= 4.5, `${colour} on ${ground}`)
  }
})

const rgb = (hex: string): Rgb => {
  const at = (from: number) => Number.parseInt(hex.slice(from, from + 2), 16)
  return [at(1), at(3), at(5)]
}
