export function boot() {
  document.body.append("The page is not built: see dashboard/README.md.");
}
