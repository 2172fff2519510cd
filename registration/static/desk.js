// The desk's search as you type: asks for the same page that the form would, and shows its list in place.
"use strict";

const form = document.getElementById("sought");
let asked = null;
let waiting = 0;

async function search() {
  const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
  asked?.abort();
  asked = new AbortController();
  try {
    const answer = await fetch(address, { signal: asked.signal });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("found").replaceWith(page.getElementById("found"));
    history.replaceState(null, "", address);
  } catch (fault) {
    if (fault.name !== "AbortError") form.submit();
  }
}

form?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(search, 120);
});

const due = Number(document.querySelector("[data-due-in]")?.dataset.dueIn ?? 0);
if (due > 0) setTimeout(() => location.reload(), (due + 1) * 1000);
