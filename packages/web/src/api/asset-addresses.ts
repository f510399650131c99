/** Where the hub has the bytes of an asset. */

/** Where they are shown from. */
export const assetUrl = (asset: string): string => `/api/v1/assets/${asset}`
/** An address that is always a download, under this name. */
export const downloadUrl = (asset: string, name: string): string =>
  `${assetUrl(asset)}?name=${encodeURIComponent(name)}`
