// Only for the desk, and only to spare a click: every page works without this file.

// Live figures: the page asks for itself and shows what changed, until nothing is to go.
const PAUSE = 2000;
let spoken = 0;

function follow(box) {
  const again = () => setTimeout(() => refresh(box), PAUSE);
  if (document.hidden) document.addEventListener('visibilitychange', again, { once: true });
  else again();
}

async function refresh(box) {
  const note = document.querySelector('[data-connection]');
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!answer.ok || answer.redirected) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const part of document.querySelectorAll('[data-part]')) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!part.contains(document.activeElement)) part.replaceChildren(...(fresh?.childNodes ?? []));
    }
    if (note) note.hidden = true;
    const next = page.querySelector('[data-live]');
    if (!next) return location.reload();
    speak(next);
    box.dataset.live = next.dataset.live;
  } catch {
    if (note) note.hidden = false;
  }
  follow(box);
}

// Screen readers hear each quarter once, not each change.
function speak(box) {
  const quarter = Math.floor(Number(box.dataset.live) * 4);
  const status = document.querySelector('[data-spoken]');
  if (!status || quarter <= spoken) return;
  spoken = quarter;
  status.textContent = `${quarter * 25} %`;
}

const live = document.querySelector('[data-live]');
if (live) {
  spoken = Math.floor(Number(live.dataset.live) * 4);
  follow(live);
}

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = button.dataset.done;
  });
}

for (const button of document.querySelectorAll('[data-reveal]')) {
  const field = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener('click', () => {
    const show = field.type === 'password';
    field.type = show ? 'text' : 'password';
    button.setAttribute('aria-pressed', String(show));
  });
}

// "/" goes to the search, as on most desks; never while one is typing.
document.addEventListener('keydown', event => {
  const search = document.querySelector('input[type=search]');
  if (event.key !== '/' || !search || event.target.closest('input, textarea, select')) return;
  event.preventDefault();
  search.focus();
});
