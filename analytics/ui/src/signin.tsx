/** Where a token is entered. */
import { useState } from "preact/hooks";
import { t } from "./i18n";
import { signIn } from "./token";

export function SignIn({ done }: { done: () => void }) {
  const [typed, setTyped] = useState("");
  return (
    <form
      class="signin"
      onSubmit={(event) => {
        event.preventDefault();
        signIn(typed);
        setTyped("");
        done();
      }}
    >
      <label>
        <span>{t("signin.token")}</span>
        <input
          type="password"
          name="token"
          value={typed}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={!typed.trim()}>
        {t("signin.do")}
      </button>
      <p class="muted small">{t("signin.note")}</p>
    </form>
  );
}
