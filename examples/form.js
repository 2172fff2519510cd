// Sends each <form data-registration="ADDRESS" data-key="KEY"> as the registration of one person: fields are named as in
// the API, those of the person "person/given_name" and so on. What became of it is written into the form's <output>.
const language = document.documentElement.lang || "en";

for (const form of document.querySelectorAll("form[data-registration]")) {
  let once = crypto.randomUUID(); // sent twice, a form registers once
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const output = form.querySelector("output");
    const answer = await fetch(`${form.dataset.registration}/delegates`, {
      method: "POST",
      body: JSON.stringify(asked(form)),
      headers: {
        "Authorization": `Bearer ${form.dataset.key}`,
        "Content-Type": "application/json",
        "Accept-Language": language,
        "Idempotency-Key": once,
      },
    }).catch(() => null); // no network, no service, or a key that may not stand in this page
    output.textContent = answer
      ? told(answer.ok, await answer.json())
      : "Registration did not answer. Nothing you wrote is lost: try again in a moment.";
    if (answer?.ok) once = crypto.randomUUID(); // whoever is entered next is another person
  });
}

function asked(form) {
  const registration = { person: { language } };
  for (const [name, value] of new FormData(form)) {
    const [field, under] = name.split("/").reverse();
    if (value) (under ? registration[under] : registration)[field] = value;
  }
  return registration;
}

function told(taken, answer) {
  const faults = (answer.errors ?? []).map((fault) => `${fault.pointer.slice(1)}: ${fault.detail}`);
  if (!taken) return [answer.title, answer.detail, ...faults].join("\n");
  if (answer.dry_run) return "This is right; it was a test, and nobody was registered.";
  const waits = answer.needs?.length ? `\nStill needed before a decision: ${answer.needs.join(", ")}` : "";
  return `Registered: ${answer.delegate_id}${waits}`;
}
