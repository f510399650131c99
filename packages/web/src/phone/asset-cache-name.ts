/** The cache of the browser that has the assets of documents: the worker answers from it, the page fills and clears it. */
export const assetCacheName = 'meshbook-assets'
