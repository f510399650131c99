/** What can be done with one output: showing another of its forms, copying, downloading (OU3, OU10). */
import type { MimePart } from '@meshbook/core/run.ts'
import { assetUrl, downloadUrl } from '../../api/asset-addresses.ts'
import { Icon } from '../../shell/icons.tsx'
import { Menu, type MenuEntry } from '../../shell/menu.tsx'
import { notify } from '../../state/toasts.ts'
import type { Form } from './forms.ts'
import { bytesOf, copyImage, copyText, download, fileNameOf } from './take-out.ts'

interface Props {
  forms: readonly Form[]
  form: Form
  choose: (label: string) => void
}

export function OutputMenu({ forms, form, choose }: Props) {
  const shown: MenuEntry[] = forms.map(({ label }) => ({
    label,
    chosen: label === form.label,
    run: () => choose(label),
  }))
  return (
    <div class="output-tools">
      <Menu
        label="About this output"
        title="Show as, copy, download"
        class="icon-button small"
        button={<Icon name="more" />}
        entries={() => [{ title: 'Show as' }, ...shown, 'line', ...takeOut(form)]}
      />
    </div>
  )
}

function takeOut({ kind, part }: Form): MenuEntry[] {
  const isPixels = kind === 'image' && part.mimeType !== 'image/svg+xml'
  return [
    { label: isPixels ? 'Copy image' : 'Copy source', icon: 'copy', run: () => void copied(part, isPixels) },
    { label: 'Download', icon: 'downArrow', run: () => void saved(part) },
  ]
}

async function copied(part: MimePart, isPixels: boolean): Promise<void> {
  try {
    await (isPixels ? copyImage(part, assetUrl) : copyText(part, assetUrl))
    notify('Copied')
  } catch (thrown) {
    notify('Not copied', (thrown as Error).message, 'bad')
  }
}

async function saved(part: MimePart): Promise<void> {
  const name = fileNameOf(part)
  try {
    if (part.at === 'asset') download(downloadUrl(part.asset, name), name)
    else {
      const url = URL.createObjectURL(await bytesOf(part, assetUrl))
      download(url, name)
      setTimeout(() => URL.revokeObjectURL(url), 10_000)
    }
  } catch (thrown) {
    notify('Not downloaded', (thrown as Error).message, 'bad')
  }
}
