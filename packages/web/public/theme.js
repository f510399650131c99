// Runs before the first paint, so that a chosen theme never flashes. Pairs with src/state/theme.ts.
try {
  const theme = localStorage.getItem('meshbook.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is blocked: the system's theme applies.
}
