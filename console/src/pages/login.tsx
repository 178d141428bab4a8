// The door: an access key of this server's, for a session in this browser.
import { useState } from "preact/hooks";
import { login, words } from "../api";
import { Field, Problem } from "../parts/basic";

export function Login() {
  const [id, setId] = useState("");
  const [secret, setSecret] = useState("");
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await login(id, secret);
    } catch (error) {
      setFault(words(error));
      setSecret("");
    }
    setBusy(false);
  };
  return (
    <form class="login" onSubmit={(event) => void submit(event)}>
      <h1>Sign in</h1>
      <p class="muted">With an access key that this server knows. You can do here what its policy allows.</p>
      <Field label="Access key ID" value={id} set={setId} required autofocus autocomplete="username" />
      <Field label="Secret access key" value={secret} set={setSecret} type="password" required autocomplete="current-password" />
      <Problem text={fault} />
      <div class="actions"><button type="submit" class="primary" disabled={busy}>Sign in</button></div>
    </form>
  );
}
