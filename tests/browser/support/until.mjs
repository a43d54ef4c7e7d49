const PATIENCE = 30_000;

/// Waits until `look` gives something true, and gives it on.
export async function until(what, look) {
  const began = Date.now();
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() - began > PATIENCE) throw new Error(`waited in vain until ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
