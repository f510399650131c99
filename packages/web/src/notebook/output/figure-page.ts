/** The page inside a figure's frame: it gets library and figure from the page around, draws, and tells its height. Pure. */
import { type FrameLook, frameOf } from '../frame-page.ts'

/** Runs once, with what the page around has sent. A library is a script of the frame, under its nonce. */
const script = `(() => {
  const { nonce } = document.currentScript
  const root = document.getElementById('figure')
  const tell = message => parent.postMessage(message, '*')
  const plotly = (figure, dark, text) => {
    const layout = { autosize: true, ...figure.layout }
    const clear = 'rgba(0,0,0,0)'
    layout.paper_bgcolor ??= clear
    layout.modebar = { bgcolor: clear, color: text + '99', activecolor: text, ...layout.modebar }
    if (dark) {
      layout.plot_bgcolor ??= clear
      layout.font = { color: text, ...layout.font }
      for (const name of Object.keys(layout).concat('xaxis', 'yaxis'))
        if (/^[xy]axis\\d*$/.test(name)) layout[name] = { gridcolor: '#3a3c43', zerolinecolor: '#4a4d55', linecolor: '#4a4d55', ...layout[name] }
    }
    const config = { ...figure.config, responsive: true, displaylogo: false, showLink: false, showSendToCloud: false,
      plotlyServerURL: '', topojsonURL: '', mapboxAccessToken: '', modeBarButtonsToRemove: ['sendDataToCloud', 'editInChartStudio', 'toImage'] }
    return Plotly.newPlot(root, figure.data ?? [], layout, config).then(() => figure.frames && Plotly.addFrames(root, figure.frames))
  }
  addEventListener('message', async event => {
    if (event.source !== parent || typeof event.data?.library !== 'string') return
    const { library, kind, figure, dark, mode, text } = event.data
    try {
      const element = document.createElement('script')
      element.nonce = nonce
      element.textContent = library
      document.head.append(element)
      const parsed = JSON.parse(figure)
      await (kind === 'plotly' ? plotly(parsed, dark, text) : meshbookVega(root, parsed, { dark, mode }))
      tell({ meshbookDrawn: true })
    } catch (error) {
      tell({ meshbookFailed: String(error?.message ?? error).slice(0, 300) })
    }
  }, { once: true })
  tell({ meshbookReady: true })
})()`

/** The page around has the menu of the output in this corner. */
const besideMenu = '<style>#figure .modebar { right: 40px !important }</style>'

export function figurePage(look: FrameLook): string {
  return frameOf(
    `${besideMenu}<div id="scroll" tabindex="0" role="group" aria-label="Figure"><div id="figure"></div></div>`,
    look,
    script,
  )
}
