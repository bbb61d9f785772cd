// Runs before the first paint, so that a stored choice of theme does not flash. No choice stored: the system's.
try {
  const stored = localStorage.getItem('pitot.theme');
  if (stored === 'dark' || stored === 'light') document.documentElement.dataset.theme = stored;
} catch {
  // Storage is refused (private window, policy): the system's theme applies.
}
