// Runs before the first paint, so that a stored choice never flashes.
try {
  const theme = localStorage.getItem("trimtab.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {}
