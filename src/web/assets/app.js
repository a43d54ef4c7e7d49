// Progressive enhancement of the admin pages. Every page works without this file.
const find = name => document.querySelector(name);
const all = (name, does) => document.querySelectorAll(name).forEach(does);
const read = async url => {
  const page = await fetch(url).then(response => response.text(), () => '');
  return page && new DOMParser().parseFromString(page, 'text/html');
};

// Removes the flash message from the address, so that a reload does not show it again.
const here = new URL(location);
here.searchParams.delete('done');
history.replaceState(null, '', here);

// Live progress, as HTML from the server. A hidden page closes its stream.
all('[data-live]', box => {
  const lost = find('[data-lost]'), status = find('[data-spoken]');
  let stream, spoken;

  // Announces every 25 % to screen readers instead of every change.
  const speak = ({ settled, total, state }) => {
    // Cancelled deliveries are counted as settled, which is not progress.
    if (state === 'cancelled') return;
    const quarter = Math.floor(settled / total * 4);
    if (quarter > spoken) status.textContent = `${quarter * 25} %`;
    spoken = quarter;
  };

  const show = event => {
    const progress = JSON.parse(event.data);
    lost.hidden = true;
    for (const name in progress.parts) all(`[data-part=${name}]`, part => { part.innerHTML = progress.parts[name]; });
    speak(progress);
    // The buttons depend on the state.
    if (progress.state !== box.dataset.state) reload();
  };

  // Waits until the announcement was read, and while text is being typed.
  const reload = () => {
    stop();
    setTimeout(() => find('input:focus')?.value ? reload() : location.reload(), 1000);
  };

  const fail = () => {
    lost.hidden = false;
    // The browser reconnects automatically unless the response was not an event stream.
    if (stream?.readyState === EventSource.CLOSED) setTimeout(ask, 3000);
  };
  const ask = () => fetch(location.href).then(page => page.ok ? location.reload() : fail(), fail);

  const stop = () => stream?.close();
  const start = () => {
    stop();
    if (document.hidden) return;
    stream = new EventSource(box.dataset.live);
    stream.onerror = fail;
    stream.addEventListener('progress', show);
    stream.addEventListener('done', reload);
  };
  document.addEventListener('visibilitychange', start);
  addEventListener('pagehide', stop);
  start();
});

// Polls the page of a background task each second, until the task has ended.
all('[data-follow]', box => {
  const poll = async () => {
    const page = await read(location.href), fresh = page && page.querySelector('[data-follow]');
    if (page && !fresh) return location.reload();
    if (fresh && !box.contains(document.activeElement)) box.innerHTML = fresh.innerHTML;
    setTimeout(poll, 1000);
  };
  setTimeout(poll, 1000);
});

// The checkbox that selects all rows is hidden without this file.
const showSelectAll = () => all('[data-select-all]', box => box.closest('[hidden]')?.removeAttribute('hidden'));
showSelectAll();

// Live search: replaces the rows, and everything that depends on them, while typing.
all('form[data-search]', form => {
  let timer, requests = 0;
  form.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const request = ++requests, url = `${form.action}?${new URLSearchParams(new FormData(form))}`;
      const page = await read(url);
      if (request !== requests) return;
      if (!page) return;
      const fresh = name => page.querySelector(name);
      // An empty list or the login page is shown as a whole.
      if (!fresh('[data-part=rows]')) return form.submit();
      all('[data-part]', part => part.replaceWith(fresh(`[data-part=${part.dataset.part}]`)));
      // A live region must stay in the document, or its change is not announced.
      find('[data-found]').textContent = fresh('[data-found]').textContent;
      showSelectAll();
      history.replaceState(null, '', url);
    }, 250);
  });
});

document.addEventListener('change', ({ target }) => {
  if ('selectAll' in target.dataset)
    all('input[type=checkbox]', box => { if (box.form === target.form) box.checked = target.checked; });
});

all('[data-copy]', button => {
  button.hidden = false;
  button.onclick = async () => {
    const field = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // The Clipboard API requires https or localhost.
      field.focus();
      field.select();
      if (!document.execCommand('copy')) return;
    }
    button.textContent = button.dataset.done;
  };
});

all('[data-reveal]', button => {
  const field = document.getElementById(button.dataset.reveal), word = button.firstElementChild;
  button.hidden = false;
  button.onclick = () => {
    field.type = field.type === 'password' ? 'text' : 'password';
    [word.textContent, button.dataset.other] = [button.dataset.other, word.textContent];
  };
});

// "/" focuses the search and "?" lists the shortcuts, except while typing.
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select')) return;
  const search = find('input[type=search]'), keys = find('#keys');
  if (event.key === '/' && search) search.focus(), search.select();
  else if (event.key === '?' && keys && !keys.open) keys.showModal();
  else return;
  event.preventDefault();
});
