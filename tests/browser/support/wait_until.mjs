const TIMEOUT_MS = 30_000;

/// Polls until `probe` returns a truthy value, and returns it.
export async function waitUntil(what, probe) {
  const start = Date.now();
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() - start > TIMEOUT_MS) throw new Error(`timeout: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
