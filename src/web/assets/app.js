// Only for the desk, and only to spare a click: every page works without this file.
const find = name => document.querySelector(name);
const all = (name, does) => document.querySelectorAll(name).forEach(does);
const read = async url => {
  const page = await fetch(url).then(answer => answer.text(), () => '');
  return page && new DOMParser().parseFromString(page, 'text/html');
};

// What was done is said once, not again at every reload.
const here = new URL(location);
here.searchParams.delete('done');
history.replaceState(null, '', here);

// Live figures, as the server words them. A hidden page lets go of its stream.
all('[data-live]', box => {
  const lost = find('[data-lost]'), status = find('[data-spoken]');
  let stream, spoken;

  // Screen readers hear each quarter once, not each change.
  const speak = ({ settled, total, state }) => {
    // Who was called back is settled, too, and that is no progress.
    if (state === 'cancelled') return;
    const quarter = Math.floor(settled / total * 4);
    if (quarter > spoken) status.textContent = `${quarter * 25} %`;
    spoken = quarter;
  };

  const show = event => {
    const told = JSON.parse(event.data);
    lost.hidden = true;
    for (const name in told.parts) all(`[data-part=${name}]`, part => { part.innerHTML = told.parts[name]; });
    speak(told);
    // Other buttons belong to another state.
    if (told.state !== box.dataset.state) reload();
  };

  // A moment later, for what was spoken to be heard. What is being typed is worth more.
  const reload = () => {
    stop();
    setTimeout(() => find('input:focus')?.value ? reload() : location.reload(), 1000);
  };

  const fail = () => {
    lost.hidden = false;
    // The browser tries again by itself, unless something else than a stream answered.
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

// Work that goes on by itself is looked at each second, until its page is another.
all('[data-follow]', box => {
  const look = async () => {
    const page = await read(location.href), fresh = page && page.querySelector('[data-follow]');
    if (page && !fresh) return location.reload();
    if (fresh && !box.contains(document.activeElement)) box.innerHTML = fresh.innerHTML;
    setTimeout(look, 1000);
  };
  setTimeout(look, 1000);
});

// One box for all of its form; without this file it is not there.
const showSelectAll = () => all('[data-select-all]', box => box.closest('[hidden]')?.removeAttribute('hidden'));
showSelectAll();

// A search that shows what it finds while one types: it swaps the rows, and what goes by them.
all('form[data-search]', form => {
  let waits, asked = 0;
  form.addEventListener('input', () => {
    clearTimeout(waits);
    waits = setTimeout(async () => {
      const turn = ++asked, url = `${form.action}?${new URLSearchParams(new FormData(form))}`;
      const page = await read(url);
      if (turn !== asked) return;
      if (!page) return;
      const fresh = name => page.querySelector(name);
      // Nothing shown yet, or a page to log in, has words of its own.
      if (!fresh('[data-part=rows]')) return form.submit();
      all('[data-part]', part => part.replaceWith(fresh(`[data-part=${part.dataset.part}]`)));
      // What speaks stays where it is, or nobody hears it.
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
      // By plain http under any name but this machine's there is no clipboard to ask for.
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

// "/" goes to the search and "?" lists the keys, as on most desks; never while one types.
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select')) return;
  const search = find('input[type=search]'), keys = find('#keys');
  if (event.key === '/' && search) search.focus(), search.select();
  else if (event.key === '?' && keys && !keys.open) keys.showModal();
  else return;
  event.preventDefault();
});
