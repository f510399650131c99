/**
 * Colours that programs chose for a screen of their own, moved only as far as needed to be read on ours. Pure; knows no
 * page.
 */

export type Rgb = readonly [red: number, green: number, blue: number]

/** What WCAG asks of text. */
const wantedContrast = 4.5
const white: Rgb = [255, 255, 255]
const black: Rgb = [0, 0, 0]
/** What output stands on: the least bright ground of the light theme, the brightest of the dark one. */
const lightGround: Rgb = [248, 236, 238]
const darkGround: Rgb = [48, 32, 36]

/** On the page's own ground, for both themes. */
export const onPage = (colour: Rgb): string =>
  `light-dark(${css(towards(colour, black, lightGround))}, ${css(towards(colour, white, darkGround))})`

/** On a background that the program chose too: its colour if that can be read there, else black or white. */
export function onGround(colour: Rgb, ground: Rgb): Rgb {
  if (contrast(colour, ground) >= wantedContrast) return colour
  return contrast(white, ground) > contrast(black, ground) ? white : black
}

export const css = (colour: Rgb): string => `rgb(${colour.join(',')})`

export function contrast(one: Rgb, other: Rgb): number {
  const [dark = 0, bright = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (bright + 0.05) / (dark + 0.05)
}

/** In steps of a twentieth, which nobody sees. */
function towards(colour: Rgb, end: Rgb, ground: Rgb): Rgb {
  for (let step = 0; step < 20; step++) {
    const mixed = mix(colour, end, step / 20)
    if (contrast(mixed, ground) >= wantedContrast) return mixed
  }
  return end
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const at = (channel: 0 | 1 | 2) => Math.round(from[channel] + (to[channel] - from[channel]) * share)
  return [at(0), at(1), at(2)]
}

function luminance([red, green, blue]: Rgb): number {
  const linear = (channel: number) => {
    const share = channel / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}
